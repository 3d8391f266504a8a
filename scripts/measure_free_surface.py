"""How safe the published free surface is, and how much of the truly free surface it holds, for several margins.

    python scripts/measure_free_surface.py

Rendered handovers go through the estimator as in use. A published point is wrong when it lies nearer to the true
hand's surface than the clearance, both in the camera frame. The truly free surface is what ``free_surface`` finds with
the true hand, the true pose and no margin. It is covered, by sample, where the same sample of the object is published;
in space, where a published point lies within a centimetre.

Prints Markdown tables: of all frames with a valid estimate, and of those whose true hand is within 1 cm of the object.
The seeds 41 to 60, with which the default margin was chosen, are not among the default ones.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from estimated_handovers import estimated_handovers
from rendered_handovers import RenderedFrame
from run_script import run_script
from scipy.spatial import KDTree

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.free_surface import FreeSurface, FreeSurfaceSettings, free_surface
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.signed_distance import exact_signed_distance
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.reachable_surface import reachable_surface

_NEAR = 0.01
_HEADS = ("margin (mm)", "published (%)", "wrong (%)", "worst frame (%)", "covered by sample (%)", "in space (%)")


@dataclass(frozen=True)
class Outcome:
    """One frame and one margin: numbers of samples, and of those published, wrong, truly free and covered."""

    samples: int
    published: int
    wrong: int
    truly_free: int
    covered: int
    covered_in_space: int


@dataclass(frozen=True)
class MeasuredFrame:
    """What is published of a frame without a margin, and the truth.

    ``published_to_hand`` (N,): signed distances of the published points to the true hand; ``gap``: of hand and object.
    """

    samples: int
    published: FreeSurface
    published_to_hand: FloatArray
    true: FreeSurface
    gap: float


def measure(
    weights: Path | None = None,
    seeds: tuple[int, ...] = tuple(range(61, 81)),
    every: int = 30,
    side: Literal["right", "left"] = "right",
    clearance: float = FreeSurfaceSettings.clearance,
    margins: tuple[float, ...] = (0.0, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03),
) -> None:
    """Print the tables for frames of rendered handovers; lengths in metres.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        every: take each n-th frame of a handover.
        side: of the hands.
        clearance: distance from the hand that free points keep, metres.
        margins: added to the clearance, one row of the table each, metres.
    """
    settings, backend = FreeSurfaceSettings(clearance, 0.0), load_backend(weights)
    hand, config = default_hand(side), EstimatorConfig(hand_side=side, contacts=False)
    found = estimated_handovers(backend, seeds, every, config)
    frames = [_measured(rendered, pair, hand, settings) for rendered, pair in found if pair.valid]
    held = [frame for frame in frames if frame.gap < _NEAR]
    for name, chosen in (("all frames", frames), ("hand at the object", held)):
        print(f"\n{name}: {len(chosen)}, clearance {1000 * clearance:g} mm\n")
        print("| " + " | ".join(_HEADS) + " |\n" + "|---" * len(_HEADS) + "|")
        for margin in margins:
            print(_row(margin, [_outcome(frame, clearance + margin, clearance) for frame in chosen]))


def _measured(
    rendered: RenderedFrame, pair: HandObjectEstimate, hand: HandModel, settings: FreeSurfaceSettings
) -> MeasuredFrame:
    assert pair.hand is not None
    assert pair.object is not None
    truth = rendered.truth
    model = default_catalogue()[truth.object_name]
    samples, true_hand = reachable_surface(model), TriangleMesh(truth.hand_vertices, hand.faces)
    published = free_surface(samples, pair.object.pose, pair.hand.vertices, settings)
    true = free_surface(samples, truth.object_pose, truth.hand_vertices, settings)
    everything = free_surface(samples, truth.object_pose, np.zeros((0, 3)), settings).points
    gap = exact_signed_distance(everything, true_hand).min()
    return MeasuredFrame(
        len(samples.points), published, exact_signed_distance(published.points, true_hand), true, float(gap)
    )


def _outcome(frame: MeasuredFrame, distance: float, clearance: float) -> Outcome:
    """Of publishing only what is farther from the estimated hand than ``distance``."""
    kept = frame.published.hand_distances >= distance
    in_space = 0
    if kept.any():
        nearest, _ = KDTree(frame.published.points[kept]).query(frame.true.points)
        in_space = int((nearest < _NEAR).sum())
    return Outcome(
        frame.samples,
        int(kept.sum()),
        int((frame.published_to_hand[kept] < clearance).sum()),
        len(frame.true.samples),
        int(np.isin(frame.true.samples, frame.published.samples[kept]).sum()),
        in_space,
    )


def _row(margin: float, outcomes: list[Outcome]) -> str:
    names = ("samples", "published", "wrong", "truly_free", "covered", "covered_in_space")
    total = {name: sum(getattr(outcome, name) for outcome in outcomes) for name in names}
    worst = max((outcome.wrong / max(outcome.published, 1) for outcome in outcomes), default=0.0)
    shares = (
        total["published"] / total["samples"],
        total["wrong"] / max(total["published"], 1),
        worst,
        total["covered"] / total["truly_free"],
        total["covered_in_space"] / total["truly_free"],
    )
    return f"| {1000 * margin:g} | " + " | ".join(f"{100 * share:.2f}" for share in shares) + " |"


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
