"""What each way to find the region of interest costs, on rendered handovers that neither training nor demo uses.

    python scripts/measure_region_of_interest.py

Ten images a second with measured depth. ``topic`` is given the true boxes in every image, ``tracking`` in the first one
only, ``auto`` never: it has the built-in detector. Errors are of valid estimates; *first* is the mean time to the first
valid one, *longest gap* the longest without one in any handover. Prints two Markdown tables: the ways, and the detector
alone on the same images.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tyro
from rendered_handovers import RenderedFrame, rendered_handovers
from run_script import run_script

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.box_detector import BoxDetector, DetectedBox
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.evaluation.frame_errors import frame_errors
from hand_object_pose.objects.catalogue import default_catalogue

_SHOWN = ("hand.mje_cm", "object.add_s_cm")
_MODES = ("topic", "tracking", "auto")


@dataclass
class _Course:
    """What came of one mode: errors by frame (empty where nothing was valid), seed and stamp of each frame."""

    errors: list[dict[str, float]] = field(default_factory=list)
    moments: list[tuple[int, float]] = field(default_factory=list)
    detected: int = 0


def measure(weights: Path | None = None, seeds: tuple[int, ...] = (61, 62, 63), every: int = 3) -> None:
    """Print the tables for frames of rendered handovers.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        every: take each n-th frame of a handover.
    """
    backend, detector = load_backend(weights), BoxDetector()
    courses = {mode: _Course() for mode in _MODES}
    shared: list[tuple[float, float]] = []
    estimators: dict[str, Estimator] = {}
    seed = -1
    for rendered in rendered_handovers(seeds, every):
        begins, seed = rendered.seed != seed, rendered.seed
        if begins:
            name = rendered.truth.object_name
            estimators = {mode: Estimator(backend, EstimatorConfig(name, roi_mode=mode)) for mode in _MODES}
        for mode, course in courses.items():
            _step(course, estimators[mode], rendered, mode == "topic" or (mode == "tracking" and begins))
        shared.append(_detected(detector, rendered))
    _print_modes(courses)
    _print_detector(np.array(shared))


def _step(course: _Course, estimator: Estimator, rendered: RenderedFrame, with_boxes: bool) -> None:
    frame = rendered.frame if with_boxes else rendered.frame.without_boxes()
    result = estimator.process(frame)
    course.errors.append(frame_errors(rendered.truth, result.pairs[0], default_catalogue()[rendered.truth.object_name]))
    course.moments.append((rendered.seed, frame.stamp))
    course.detected += "detector" in result.timing


def _detected(detector: BoxDetector, rendered: RenderedFrame) -> tuple[float, float]:
    """Overlap of the detector's hand and object with the true boxes; NaN where it finds none."""
    found, frame = detector.detect(rendered.frame.image), rendered.frame
    assert frame.hand_boxes is not None
    assert frame.object_boxes is not None
    return _overlap(found.hand, frame.hand_boxes[0]), _overlap(found.object, frame.object_boxes[0])


def _overlap(found: DetectedBox | None, true: FloatArray) -> float:
    if found is None:
        return np.nan
    inner = np.maximum(np.minimum(found.box[2:], true[2:]) - np.maximum(found.box[:2], true[:2]), 0).prod()
    return float(inner / (np.prod(found.box[2:] - found.box[:2]) + np.prod(true[2:] - true[:2]) - inner))


def _print_modes(courses: Mapping[str, _Course]) -> None:
    heads = [f"{name}, mean / median" for name in _SHOWN]
    print(f"| mode | frames | valid (%) | {' | '.join(heads)} | first (s) | longest gap (s) | detector ran (%) |")
    print("|---" * (len(_SHOWN) + 6) + "|")
    for mode, course in courses.items():
        valid = [bool(errors) for errors in course.errors]
        cells = [_cell([errors[name] for errors in course.errors if name in errors]) for name in _SHOWN]
        first, gap = _waiting(course.moments, valid)
        count, ran = len(valid), 100 * course.detected / len(valid)
        row = (f"{100 * np.mean(valid):.1f}", *cells, f"{first:.2f}", f"{gap:.1f}", f"{ran:.0f}")
        print(f"| {mode} | {count} | {' | '.join(row)} |")


def _waiting(moments: list[tuple[int, float]], valid: list[bool]) -> tuple[float, float]:
    """Mean seconds to the first valid estimate of a handover, and the longest time between two, or to the end."""
    first, gaps = [], []
    for seed in dict.fromkeys(seed for seed, _ in moments):
        own = [(stamp, good) for (of, stamp), good in zip(moments, valid, strict=True) if of == seed]
        good_stamps = [stamp for stamp, good in own if good]
        first.append((good_stamps or [own[-1][0]])[0] - own[0][0])
        gaps.append(float(np.diff([*good_stamps, own[-1][0]]).max()) if good_stamps else own[-1][0])
    return float(np.mean(first)), max(gaps)


def _print_detector(shared: FloatArray) -> None:
    print(
        "\n| | frames | found (%) | overlap (IoU), mean / median | overlap of 0.5 or more (%) |\n|---|---|---|---|---|"
    )
    for name, values in zip(("hand", "object"), shared.T, strict=True):
        hits = values[np.isfinite(values)]
        found, well = 100 * len(hits) / len(values), 100 * (hits >= 0.5).sum() / len(values)
        print(f"| {name} | {len(values)} | {found:.1f} | {_cell(list(hits))} | {well:.1f} |")


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.2f} / {np.median(values):.2f}" if values else "-"


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
