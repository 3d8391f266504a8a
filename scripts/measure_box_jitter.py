"""What wrong boxes cost: errors on rendered handovers whose true square is moved and scaled at random.

    python scripts/measure_box_jitter.py

With a jitter of 10 % the square's middle moves by up to 10 % of its side along each axis, and its side is up to 10 %
longer or shorter, uniformly. Each frame is looked at by itself, as in use with the depth image. Prints a Markdown
table.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from rendered_handovers import rendered_handovers
from run_script import run_script

from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.evaluation.frame_errors import frame_errors
from hand_object_pose.geometry.crops import square_crop
from hand_object_pose.objects.catalogue import default_catalogue

_SHOWN = ("hand.mje_cm", "object.add_s_cm", "object.translation_cm")


def measure(
    weights: Path | None = None,
    seeds: tuple[int, ...] = tuple(range(11, 21)),
    every: int = 30,
    jitters: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2),
) -> None:
    """Print the table for frames of rendered handovers.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        every: take each n-th frame of a handover.
        jitters: largest shift and change of size, as shares of the square's side.
    """
    backend = load_backend(weights)
    config = EstimatorConfig(roi_mode="topic", confidence_threshold=0.0, contacts=False)
    errors: dict[float, list[dict[str, float]]] = {jitter: [] for jitter in jitters}
    rng = np.random.default_rng(0)
    for rendered in rendered_handovers(seeds, every):
        truth = rendered.truth
        model = default_catalogue()[truth.object_name]
        draw = rng.uniform(-1, 1, 3)
        for jitter, collected in errors.items():
            frame = _jittered(replace(rendered.frame, object_id=truth.object_name), jitter * draw)
            (pair,) = Estimator(backend, config).process(frame).pairs
            sure = pair.confidence >= EstimatorConfig.confidence_threshold
            collected.append({**frame_errors(truth, pair, model), "sure": float(sure)})
    print("| jitter | " + " | ".join(f"{name}, mean / median" for name in _SHOWN) + " | above threshold (%) |")
    print("|---" * (len(_SHOWN) + 2) + "|")
    for jitter, collected in errors.items():
        cells = [_cell([found[name] for found in collected if name in found]) for name in _SHOWN]
        share = 100 * np.mean([found["sure"] for found in collected])
        print(f"| {jitter:.0%}, {len(collected)} frames | {' | '.join(cells)} | {share:.0f} |")


def _jittered(frame: Frame, moved: NDArray[np.floating]) -> Frame:
    """The frame with one box, moved by (2,) shares of the true square's side and scaled by one plus the third."""
    assert frame.hand_boxes is not None
    assert frame.object_boxes is not None
    square = square_crop(np.concatenate([frame.hand_boxes, frame.object_boxes]), margin=1.0)
    centre, half = square.centre + moved[:2] * square.side, square.side * (1 + moved[2]) / 2
    box = np.concatenate([centre - half, centre + half])[None]
    return replace(frame, hand_boxes=box, object_boxes=box)


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.2f} / {np.median(values):.2f}"


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
