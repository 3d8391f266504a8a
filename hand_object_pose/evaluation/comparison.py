"""Two evaluations of the same frames: which is better, and whether that can be chance.

Frames that follow each other are alike, so that thousands of them are far fewer independent observations. Differences
are therefore averaged over blocks of about a second before they are tested, and the p-values of all metrics are
adjusted for their number (Holm 1979).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import wilcoxon

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.frame_record import IN_VIEW, FrameRecord
from hand_object_pose.evaluation.metric_table import METRICS

AVAILABLE = "available"
BLOCK_SECONDS = 1.0
LEAST_BLOCKS = 6
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Difference:
    """One metric in two evaluations, over the frames in which both have it.

    Attributes:
        name: of the metric, or ``available``: the share of the frames in view (else of all) with a valid estimate.
        frames: how many pairs of values; blocks: of about a second.
        first, second: means; p_value: Wilcoxon's signed-rank test over blocks, adjusted; None with too few blocks.
        lower_is_better: None where neither is.
    """

    name: str
    frames: int
    blocks: int
    first: float
    second: float
    p_value: float | None
    lower_is_better: bool | None

    @property
    def change(self) -> float:
        """Of the mean, from the first to the second."""
        return self.second - self.first

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.p_value is None:
            return "too few frames for a test"
        if self.p_value >= SIGNIFICANT or self.change == 0:
            return "no significant difference"
        if self.lower_is_better is None:
            return "differs"
        return "better" if (self.change < 0) == self.lower_is_better else "worse"


Frames = Mapping[str, Sequence[FrameRecord]]


def compare(first: Frames, second: Frames) -> list[Difference]:
    """Every metric of two evaluations, over the frames that both processed: same bag, same stamp."""
    pairs = [pair for bag in first if bag in second for pair in _pairs(bag, first[bag], second[bag])]
    found = [_available(pairs)] if pairs else []
    for name, metric in METRICS.items():
        rows = [
            (block, one.values[name], two.values[name])
            for block, one, two in pairs
            if name in one.values and name in two.values and (not metric.needs_truth or one.truth == IN_VIEW)
        ]
        if rows:
            found.append(_difference(name, rows, metric.lower_is_better))
    return _adjusted(found)


Pair = tuple[tuple[str, int], FrameRecord, FrameRecord]


def _pairs(bag: str, first: Sequence[FrameRecord], second: Sequence[FrameRecord]) -> list[Pair]:
    others = {record.stamp_ns: record for record in second}
    shared = [record for record in first if record.stamp_ns in others]
    start = min((record.stamp_ns for record in shared), default=0)
    length = int(BLOCK_SECONDS * 1e9)
    return [((bag, (one.stamp_ns - start) // length), one, others[one.stamp_ns]) for one in shared]


def _available(pairs: Sequence[Pair]) -> Difference:
    in_view = [pair for pair in pairs if pair[1].truth == IN_VIEW] or pairs
    rows = [(block, float(one.is_valid), float(two.is_valid)) for block, one, two in in_view]
    return _difference(AVAILABLE, rows, lower_is_better=False)


def _difference(
    name: str, rows: Sequence[tuple[tuple[str, int], float, float]], lower_is_better: bool | None
) -> Difference:
    blocks: dict[tuple[str, int], list[float]] = {}
    for block, one, two in rows:
        blocks.setdefault(block, []).append(two - one)
    p_value = _p_value(np.array([np.mean(values) for values in blocks.values()]))
    first, second = (float(np.mean([row[side] for row in rows])) for side in (1, 2))
    return Difference(name, len(rows), len(blocks), first, second, p_value, lower_is_better)


def _p_value(differences: FloatArray) -> float | None:
    """Two-sided, of paired differences (N,) that are symmetric about 0 if there is no effect."""
    if len(differences) < LEAST_BLOCKS:
        return None
    if not differences.any():
        return 1.0
    return float(wilcoxon(differences, zero_method="pratt").pvalue)


def _adjusted(found: Sequence[Difference]) -> list[Difference]:
    """With p-values by the method of Holm: the k-th smallest of m times (m - k + 1), and never falling."""
    tested = sorted((entry for entry in found if entry.p_value is not None), key=lambda entry: entry.p_value or 0.0)
    largest, adjusted = 0.0, {}
    for rank, entry in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * (entry.p_value or 0.0)))
        adjusted[entry.name] = largest
    return [replace(entry, p_value=adjusted.get(entry.name)) for entry in found]
