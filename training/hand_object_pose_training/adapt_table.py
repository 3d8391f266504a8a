"""Errors of an adaptation, before and after, by object."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_object_pose.errors import UserError
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
    """

    weights: str
    scenes: dict[str, int]
    means: dict[str, dict[str, float]]

    @classmethod
    def measured(cls, weights: str, supervised: SupervisedNetwork, datasets: Sequence[CropDataset]) -> "ErrorsByObject":
        """Of a network on all samples of some datasets."""
        found = [each for dataset in datasets for each in sample_errors(supervised, dataset)]
        grouped: dict[str, list[dict[str, float]]] = {}
        for name, errors in found:
            grouped.setdefault(name, []).append(errors)
        counts = {name: len(grouped[name]) for name in sorted(grouped)}
        return cls(weights, counts, {name: mean_errors(grouped[name]) for name in sorted(grouped)})

    def over(self, names: Sequence[str]) -> dict[str, float]:
        """Means over the scenes of some objects together."""
        counts = [self.scenes[name] for name in names]
        return {
            error: float(np.average([self.means[name][error] for name in names], weights=counts))
            for error in self.means[names[0]]
        }

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
