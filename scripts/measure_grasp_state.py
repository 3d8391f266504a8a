"""How often the grasp state is right, and how often it changes, with its hysteresis and without.

    python scripts/measure_grasp_state.py

Rendered handovers go through the estimator as in use, as a stream. The truth is the state of one moment of the true
hand at the true object. Prints a Markdown table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from estimated_handovers import estimated_handovers
from numpy.typing import NDArray
from run_script import run_script

from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.grasp_state import GraspSettings, GraspState, GraspTracker, grasp_of
from hand_object_pose.estimation.interaction import find_contacts
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.distance_grids import grid_of

_WITHOUT = replace(GraspSettings(), release=1.0, settle=0.0)
_VARIANTS = {
    "none": _WITHOUT,
    "in distance": replace(_WITHOUT, release=GraspSettings.release),
    "in time": replace(_WITHOUT, settle=GraspSettings.settle),
    "both (the default)": GraspSettings(),
}
_HEADS = (
    "hysteresis",
    "frames with the right state (%)",
    "of those held, published as held (%)",
    "of those not held, published as held (%)",
    "changes",
    "true changes",
)


@dataclass(frozen=True)
class Moment:
    """One frame with a valid estimate: of which sequence, when, the truth, and the estimated parts' distances (6,)."""

    seed: int
    stamp: float
    true: GraspState
    distances: NDArray[np.floating]


def measure(
    weights: Path | None = None,
    seeds: tuple[int, ...] = tuple(range(31, 36)),
    every: int = 3,
    side: Literal["right", "left"] = "right",
) -> None:
    """Print the table for frames of rendered handovers.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        every: take each n-th frame of a handover.
        side: of the hands.
    """
    moments = list(_moments(weights, seeds, every, side))
    print(f"{len(moments)} frames of {len(seeds)} handovers\n")
    print("| " + " | ".join(_HEADS) + " |\n" + "|---" * len(_HEADS) + "|")
    for name, settings in _VARIANTS.items():
        print(_row(name, moments, _said(moments, settings)))


def _moments(weights: Path | None, seeds: tuple[int, ...], every: int, side: str) -> Iterator[Moment]:
    backend, labels = load_backend(weights), default_hand().finger_labels
    config = EstimatorConfig(hand_side=side)
    for rendered, pair in estimated_handovers(backend, seeds, every, config):
        truth = rendered.truth
        if not pair.valid or pair.contacts is None:
            continue
        grid = grid_of(default_catalogue()[truth.object_name])
        true = grasp_of(find_contacts(truth.hand_vertices, labels, truth.object_pose, grid).touching)
        yield Moment(rendered.seed, rendered.frame.stamp, true, pair.contacts.part_distances)


def _said(moments: list[Moment], settings: GraspSettings) -> list[GraspState]:
    tracker = GraspTracker(settings)
    return [tracker.update(moment.seed, moment.stamp, moment.distances) for moment in moments]


def _row(name: str, moments: list[Moment], said: list[GraspState]) -> str:
    true = [moment.true for moment in moments]
    right = np.mean([one == other for one, other in zip(true, said, strict=True)])
    held = np.array([state == GraspState.HELD for state in true])
    said_held = np.array([state == GraspState.HELD for state in said])
    shares = (right, said_held[held].mean(), said_held[~held].mean())
    changes = _changes(moments, said), _changes(moments, true)
    return f"| {name} | " + " | ".join([*(f"{100 * share:.1f}" for share in shares), *map(str, changes)]) + " |"


def _changes(moments: list[Moment], states: list[GraspState]) -> int:
    steps = zip(zip(moments, states, strict=True), zip(moments[1:], states[1:], strict=True), strict=False)
    return sum(before[0].seed == after[0].seed and before[1] != after[1] for before, after in steps)


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
