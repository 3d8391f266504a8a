"""Errors of an adaptation, before and after, by object."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.benchmark.intervals import LEVEL, mean_with_interval
from hand_object_pose_training.ablation_results import write_json
from hand_object_pose_training.samples import CropDataset
from hand_object_pose_training.supervised import SupervisedNetwork
from hand_object_pose_training.validation import mean_errors, sample_errors

COLUMNS = {
    "hand.mje_cm": "hand MJE (cm)",
    "object.add_s_cm": "ADD-S (cm)",
    "object.rotation_deg": "rotation (degrees)",
    "object.translation_cm": "translation (cm)",
}


@dataclass(frozen=True)
class ErrorsByObject:
    """Mean errors on held-out scenes.

    Attributes:
        weights: hash of what was measured; scenes: how many, by object.
        means: by object and error.
        each: by object and error of ``COLUMNS``, that of each scene, in the order of the held-out scenes.
        held_out: hash of what the held-out scenes hold; empty in files of earlier versions.
    """

    weights: str
    scenes: dict[str, int]
    means: dict[str, dict[str, float]]
    each: dict[str, dict[str, list[float]]]
    held_out: str = ""

    @classmethod
    def measured(
        cls, weights: str, supervised: SupervisedNetwork, datasets: Sequence[CropDataset], held_out: str
    ) -> "ErrorsByObject":
        """Of a network on all samples of some datasets, whose hash is ``held_out``."""
        found = [each for dataset in datasets for each in sample_errors(supervised, dataset)]
        grouped: dict[str, list[dict[str, float]]] = {}
        for name, errors in found:
            grouped.setdefault(name, []).append(errors)
        counts = {name: len(grouped[name]) for name in sorted(grouped)}
        means = {name: mean_errors(grouped[name]) for name in counts}
        each = {name: {error: [float(of[error]) for of in grouped[name]] for error in COLUMNS} for name in counts}
        return cls(weights, counts, means, each, held_out)

    def over(self, names: Sequence[str]) -> dict[str, float]:
        """Means over the scenes of some objects together."""
        counts = [self.scenes[name] for name in names]
        return {
            error: float(np.average([self.means[name][error] for name in names], weights=counts))
            for error in self.means[names[0]]
        }

    def of_scenes(self, names: Sequence[str], error: str) -> np.ndarray:
        """One error (N,) of every scene of some objects."""
        return np.concatenate([self.each[name][error] for name in names])

    def save(self, path: Path) -> None:
        """Write JSON."""
        write_json(path, vars(self))

    @classmethod
    def load(cls, path: Path) -> "ErrorsByObject":
        """Read what ``save`` wrote.

        Raises:
            UserError: it is something else.
        """
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path}: expected errors by object ({error}); delete it to have them measured") from error


def table(new: str, before: ErrorsByObject, after: ErrorsByObject) -> str:
    """Both as Markdown: the new object, the known ones together, and each of them."""
    known = [name for name in before.means if name != new]
    rows = {f"**{new}**, new": [new], "known objects": known, **{name: [name] for name in known}}
    lines = [f"| held-out scenes of | scenes | {' | '.join(COLUMNS.values())} |", "|---|---|" + "---|" * len(COLUMNS)]
    for title, names in rows.items():
        first, last = before.over(names), after.over(names)
        cells = [f"{first[error]:.1f} → {last[error]:.1f}" for error in COLUMNS]
        lines.append(f"| {title} | {sum(before.scenes[name] for name in names)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def changes(new: str, before: ErrorsByObject, after: ErrorsByObject) -> str:
    """After minus before in Markdown: means over scenes with intervals, since each scene was measured both times.

    Raises:
        UserError: they were measured on other scenes.
    """
    if before.scenes != after.scenes:
        raise UserError(
            f"errors before adapting are of {before.scenes} scenes, those after of {after.scenes}; delete before.json "
            "to have the former measured on the same scenes"
        )
    rows = {f"**{new}**, new": [new], "known objects": [name for name in before.scenes if name != new]}
    lines = [f"| after minus before ({LEVEL:.0%} interval) | {' | '.join(COLUMNS.values())} |"]
    lines.append("|---|" + "---|" * len(COLUMNS))
    for title, names in rows.items():
        cells = [_change(after.of_scenes(names, error) - before.of_scenes(names, error)) for error in COLUMNS]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _change(differences: np.ndarray) -> str:
    """Scenes are drawn independently, so that each is a block of its own."""
    mean = mean_with_interval(differences.tolist(), range(len(differences)))
    if mean.low is None or mean.high is None:
        return f"{mean.value:+.2f}"
    return f"{mean.value:+.2f} ({mean.low:+.2f} to {mean.high:+.2f})"
