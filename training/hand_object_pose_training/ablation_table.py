"""The table of an ablation: means over seeds, their spread, and which differences are larger than it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hand_object_pose.evaluation.report.markdown import markdown_table
from hand_object_pose.network.config import VARIANTS
from hand_object_pose_training.ablation_results import COLUMNS, AblationResult

FORMAT = "hand_object_pose ablation"
PAPER_ROWS = {
    "without_gcn": "w/out GCN",
    "without_attention": "w/out attention",
    "all_edge": "all edge",
    "object_to_hand": "w/o hand-to-object",
    "hand_to_object": "w/o object-to-hand",
    "mutual": "mutual attention",
}
# What section 4.5 of the paper compares: each variant with the whole, and its steps from row to row.
COMPARED = (
    *((name, "mutual") for name in VARIANTS if name != "mutual"),
    ("without_gcn", "without_attention"),
    ("all_edge", "without_attention"),
    ("object_to_hand", "hand_to_object"),
)


@dataclass(frozen=True)
class Comparison:
    """One error of one variant beside that of another.

    Attributes:
        difference: of the means over seeds, ``variant`` minus ``reference``, in the metric's unit.
        spread: the larger of the two variants' ranges over seeds, largest minus smallest; None where either has one
            seed only, which shows no spread and supports no claim.
    """

    variant: str
    reference: str
    metric: str
    difference: float
    spread: float | None

    @property
    def verdict(self) -> str:
        """ "no claim", "no difference" (not larger than the spread), "lower" or "higher" (than the reference)."""
        if self.spread is None:
            return "no claim"
        if abs(self.difference) <= self.spread:
            return "no difference"
        return "lower" if self.difference < 0 else "higher"


class AblationTable:
    """The results of all variants and seeds that were trained so far, at least one."""

    def __init__(self, results: Sequence[AblationResult]) -> None:
        """Order of variants as in the paper's table, seeds in ascending order."""
        self.results = sorted(results, key=lambda result: (VARIANTS.index(result.variant), result.seed))
        self.variants = [name for name in VARIANTS if self.of(name)]

    def of(self, variant: str) -> list[AblationResult]:
        """The results of a variant."""
        return [result for result in self.results if result.variant == variant]

    def values(self, variant: str, metric: str) -> np.ndarray:
        """One error of each seed."""
        return np.array([result.errors[metric] for result in self.of(variant)])

    def comparisons(self) -> list[Comparison]:
        """Of all pairs that ``COMPARED`` names and that were trained, in all metrics."""
        pairs = [pair for pair in COMPARED if all(name in self.variants for name in pair)]
        return [self._compare(*pair, metric) for pair in pairs for metric in COLUMNS]

    def _compare(self, variant: str, reference: str, metric: str) -> Comparison:
        both = [self.values(name, metric) for name in (variant, reference)]
        spread = None if min(map(len, both)) < 2 else float(max(np.ptp(values) for values in both))
        return Comparison(variant, reference, metric, float(both[0].mean() - both[1].mean()), spread)

    def content(self) -> dict[str, Any]:
        """All of it as plain data, for JSON."""
        return {
            "format": FORMAT,
            "settings": self.results[0].settings,
            "held_out": self.results[0].held_out,
            "variants": {name: self._variant(name) for name in self.variants},
            "comparisons": [{**vars(each), "verdict": each.verdict} for each in self.comparisons()],
        }

    def _variant(self, name: str) -> dict[str, Any]:
        results = self.of(name)
        return {
            "paper_row": PAPER_ROWS[name],
            "parameters": results[0].parameters,
            "seeds": [result.seed for result in results],
            "seconds": [result.seconds for result in results],
            "devices": [result.device for result in results],
            "errors": {metric: _statistics(self.values(name, metric)) for metric in COLUMNS},
        }

    def markdown(self) -> str:
        """A page: the table, and what it allows to say."""
        settings, first = self.results[0].settings, self.results[0]
        head = (
            f"Preset `{settings['preset']}`, {settings['steps']} steps of {settings['batch_size']} samples each, "
            f"{first.held_out} held-out samples, true box and true wrist depth given. Mean over seeds, and in brackets "
            "the smallest and the largest of them. Lower is better."
        )
        missing = [name for name in VARIANTS if name not in self.variants]
        if missing:
            head += f" Not trained: {', '.join(missing)}."
        columns = ["variant", "in the paper's Table 3", "seeds", "parameters", "minutes", *COLUMNS.values()]
        table = markdown_table(columns, [self._row(name) for name in self.variants])
        return "\n\n".join(["# Ablation", head, table, "## What it shows", self._reading()]) + "\n"

    def _row(self, name: str) -> list[str]:
        results = self.of(name)
        minutes = np.mean([result.seconds for result in results]) / 60
        facts = [name, PAPER_ROWS[name], str(len(results)), f"{results[0].parameters:,}", f"{minutes:.0f}"]
        return facts + [_cell(self.values(name, metric)) for metric in COLUMNS]

    def _reading(self) -> str:
        rule = (
            "A difference of means that is not larger than the spread over seeds (largest minus smallest, of the "
            "variant where that is larger) is called no difference. One seed supports no claim."
        )
        pairs: dict[tuple[str, str], list[Comparison]] = {}
        for each in self.comparisons():
            pairs.setdefault((each.variant, each.reference), []).append(each)
        lines = [f"* `{one}` beside `{other}`: {_sentence(found)}" for (one, other), found in pairs.items()]
        return "\n".join([rule, "", *lines])


def _statistics(values: np.ndarray) -> dict[str, Any]:
    extremes = {"least": float(values.min()), "greatest": float(values.max())}
    return {"values": values.tolist(), "mean": float(values.mean()), **extremes}


def _cell(values: np.ndarray) -> str:
    mean = f"{values.mean():.2f}"
    return mean if len(values) < 2 else f"{mean} ({values.min():.2f} to {values.max():.2f})"


def _sentence(comparisons: Sequence[Comparison]) -> str:
    if any(each.verdict == "no claim" for each in comparisons):
        return "no claim, with one seed of one of them."
    words = [_words(each) for each in comparisons if each.verdict != "no difference"]
    same = [COLUMNS[each.metric] for each in comparisons if each.verdict == "no difference"]
    return "; ".join([*words, *([f"no difference in {', '.join(same)}"] if same else [])]) + "."


def _words(comparison: Comparison) -> str:
    size = f"{abs(comparison.difference):.3f} (spread {comparison.spread:.3f})"
    return f"{COLUMNS[comparison.metric]} {comparison.verdict} by {size}"
