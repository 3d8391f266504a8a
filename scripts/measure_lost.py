"""When is a track lost? How well the confidence tells, on rendered handovers that neither training nor demo uses.

    python scripts/measure_lost.py

Each frame is looked at through squares beside the true one, by given shares of its side, and through the true square of
a picture from which hand and object are gone, with a wall where they were. An estimate may be followed if the square
that tracking would draw around it overlaps the true one (intersection over union) by at least a half, so that the next
look sees the scene; it must not if they overlap by less than ``region_of_interest.LEAST_OVERLAP``, or nothing is there.
Prints two Markdown tables: by place, and by threshold.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from rendered_handovers import RenderedFrame, rendered_handovers
from run_script import run_script

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.looking import Looking, NothingSeen
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.region_of_interest import LEAST_OVERLAP, overlap
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.geometry.crops import CropBox, projected_box, square_crop

_FOLLOWED_WELL = 0.5
_WALL = 0.25


@dataclass(frozen=True)
class Look:
    """One look: through which kind of square, how sure, and how far its own square overlaps the true one."""

    kind: str
    confidence: float
    next_overlap: float


def measure(
    weights: Path | None = None,
    seeds: tuple[int, ...] = tuple(range(61, 69)),
    every: int = 30,
    shares: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.9),
    thresholds: tuple[float, ...] = (0.1, 0.2, 0.25, 0.28, 0.3, 0.35, 0.4, 0.5),
) -> None:
    """Print the tables for frames of rendered handovers.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        every: take each n-th frame of a handover.
        shares: how far beside the true square to look, as shares of its side.
        thresholds: of the confidence, one row of the second table each.
    """
    backend = load_backend(weights)
    looking, rng = Looking(backend, EstimatorConfig()), np.random.default_rng(0)
    looks: list[Look] = []
    for rendered in rendered_handovers(seeds, every):
        true = square_crop(_boxes(rendered.frame))
        model = backend.weights.objects[rendered.truth.object_name]
        for kind, frame, crop in _trials(rendered, true, shares, rng):
            seen = looking.look_alone(frame, crop, model, StageTimer())
            looks.append(_judged(kind, seen, frame, true))
    _print_by_kind(looks)
    _print_by_threshold(looks, thresholds)


def _boxes(frame: Frame) -> FloatArray:
    assert frame.hand_boxes is not None
    assert frame.object_boxes is not None
    return np.concatenate([frame.hand_boxes, frame.object_boxes])


def _trials(
    rendered: RenderedFrame, true: CropBox, shares: tuple[float, ...], rng: np.random.Generator
) -> Iterator[tuple[str, Frame, CropBox]]:
    for share in shares:
        angle = rng.uniform(0, 2 * np.pi)
        x, y = share * true.side * np.array([np.cos(angle), np.sin(angle)])
        yield f"{share:.0%} beside", rendered.frame, replace(true, x=true.x + x, y=true.y + y)
    yield "gone", _emptied(rendered.frame, true), true


def _emptied(frame: Frame, true: CropBox) -> Frame:
    """The picture with its columns from outside of the square in it, and a wall behind the scene's farthest point."""
    image, depth = frame.image.copy(), np.array(frame.depth)
    left, right = (int(np.clip(edge, 0, frame.camera.width)) for edge in (true.x, true.x + true.side))
    outside = np.r_[0:left, right : frame.camera.width]
    if len(outside):
        image[:, left:right] = image[:, outside[np.arange(right - left) % len(outside)]]
    else:
        image[:] = image.mean(axis=(0, 1))
    # The forearm leaves the square, too.
    depth[:] = np.nanmax(np.where(depth > 0, depth, np.nan)) + _WALL
    return replace(frame, image=image, depth=depth)


def _judged(kind: str, seen: Observation | NothingSeen, frame: Frame, true: CropBox) -> Look:
    if isinstance(seen, NothingSeen) or not np.isfinite(seen.points).all() or seen.points[:, 2].min() <= 0:
        return Look(kind, 0.0, 0.0)
    square = square_crop(projected_box(frame.camera, seen.points)[None])
    return Look(kind, seen.confidence(), 0.0 if kind == "gone" else overlap(square, true))


def _print_by_kind(looks: list[Look]) -> None:
    threshold = EstimatorConfig.confidence_threshold
    print("| square | looks | confidence, median | above the threshold (%) | next square on the scene (%) | lost (%) |")
    print("|---|---|---|---|---|---|")
    for kind in dict.fromkeys(look.kind for look in looks):
        sure, shared = np.array([(look.confidence, look.next_overlap) for look in looks if look.kind == kind]).T
        cells = (sure >= threshold, shared >= _FOLLOWED_WELL, shared < LEAST_OVERLAP)
        shown = " | ".join(f"{100 * cell.mean():.0f}" for cell in cells)
        print(f"| {kind} | {len(sure)} | {np.median(sure):.2f} | {shown} |")


def _print_by_threshold(looks: list[Look], thresholds: tuple[float, ...]) -> None:
    sure, shared = np.array([(look.confidence, look.next_overlap) for look in looks]).T
    good, bad = shared >= _FOLLOWED_WELL, shared < LEAST_OVERLAP
    print(f"\n{good.sum()} looks whose next square is on the scene, {bad.sum()} that would lose it\n")
    print("| threshold | refused of those on the scene (%) | followed of those that lose it (%) |")
    print("|---|---|---|")
    for threshold in thresholds:
        refused, followed = 100 * (sure[good] < threshold).mean(), 100 * (sure[bad] >= threshold).mean()
        print(f"| {threshold:g} | {refused:.1f} | {followed:.1f} |")


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
