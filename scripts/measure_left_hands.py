"""Errors of left hands and of what they hold beside those of right ones, in rendered scenes with true boxes.

    python scripts/measure_left_hands.py

Each left-hand scene is a right-hand one in a mirror, but with the object itself, so that it is no mirror image of what
the weights know. Prints Markdown tables: errors in handovers, with a depth image and with the wrist's true depth; and
how much of the truth the published covariances hold, in independent scenes with a depth image, although the model that
predicts them was fitted to right hands.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro
from collected_errors import pose_error
from measure_uncertainty import Judged
from rendered_handovers import RenderedFrame, mirror_plane, rendered_handovers
from rich.console import Console
from rich.progress import track
from run_script import run_script
from still_scenes import still_scenes

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.looking import Looking, Sight
from hand_object_pose.estimation.object_fit import ObjectFit
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.pose_uncertainty import pose_covariance
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.evaluation.frame_errors import frame_errors
from hand_object_pose.evaluation.report.markdown import markdown_table
from hand_object_pose.objects.catalogue import default_catalogue

_SIDES = ("right", "left")
_DEPTHS = {"depth_image": "depth image", "ground_truth": "true"}
_ERRORS = {
    "hand.mje_cm": "MJE (cm)",
    "wrist_cm": "wrist (cm)",
    "object.add_s_cm": "ADD-S (cm)",
    "object.translation_cm": "translation (cm)",
    "object.rotation_deg": "rotation (degrees)",
}
_CM = 100.0


def measure(
    weights: Path | None = None, seeds: tuple[int, ...] = tuple(range(11, 21)), every: int = 30, scenes: int = 200
) -> None:
    """Print the tables.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        seeds: of the handovers; 1 to 10 are left to the demo.
        every: take each n-th frame of a handover.
        scenes: so many independent ones of each side are rendered for the covariances.
    """
    backend = load_backend(weights)
    rows: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for side in _SIDES:
        frames = rendered_handovers(seeds, every, side)
        for rendered in track(frames, f"handovers, {side}", total=None, console=Console(stderr=True)):
            for depth in _DEPTHS:
                rows[depth, side].append(_errors(backend, rendered, depth, side))
    columns = ("wrist's depth", "hand", "frames", *(f"{name}, mean / median" for name in _ERRORS.values()))
    print(markdown_table([*columns, "confidence, median", "object valid (%)"], [_row(*one) for one in rows.items()]))
    _print_coverage(backend, scenes)
    print("\nMean distance of an object from its reflection about the plane used:")
    for name, model in default_catalogue().items():
        print(f"  {name}: {1000 * mirror_plane(model)[1]:.1f} mm")


def _errors(backend: Backend, rendered: RenderedFrame, depth: str, side: str) -> dict[str, float]:
    """Of an estimate however unsure; ``valid``: 1 where it would be published as a valid object, else 0."""
    truth, wrist = rendered.truth, rendered.truth.joints[0]
    config = EstimatorConfig(root_depth_mode=depth, roi_mode="topic", confidence_threshold=0.0, contacts=False)
    frame = replace(rendered.frame, object_id=truth.object_name, hand_sides=(side,), true_root_depth=float(wrist[2]))
    shown = Estimator(backend, config).process(frame).pairs[0]
    if shown.hand is None or shown.object is None:
        return {"valid": 0.0}
    return {
        **frame_errors(truth, shown, default_catalogue()[truth.object_name]),
        "wrist_cm": _CM * float(np.linalg.norm(shown.hand.joints[0] - wrist)),
        "confidence": shown.confidence,
        "valid": float(shown.object.valid and shown.confidence >= EstimatorConfig.confidence_threshold),
    }


def _row(key: tuple[str, str], errors: list[dict[str, float]]) -> list[str]:
    depth, side = key
    found = {name: [one[name] for one in errors if name in one] for name in (*_ERRORS, "confidence")}
    cells = [f"{np.mean(found[name]):.2f} / {np.median(found[name]):.2f}" for name in _ERRORS]
    valid = 100 * np.mean([one["valid"] for one in errors])
    return [_DEPTHS[depth], side, str(len(errors)), *cells, f"{np.median(found['confidence']):.2f}", f"{valid:.0f}"]


def _print_coverage(backend: Backend, scenes: int, seed: int = 700_003) -> None:
    """Of scenes to which no model was fitted, as right and as left hands."""
    rows = []
    for side in _SIDES:
        found = list(_with_covariances(backend, scenes, seed, side))
        judged = Judged(*(np.array(column) for column in zip(*found, strict=True)))
        held = [
            " / ".join(f"{100 * (level < share).mean():.0f}" for share in (0.68, 0.95))
            for level in judged.levels.values()
        ]
        own, constant = judged.likelihoods()
        rows.append([side, str(len(found)), *held, f"{own:.1f}", f"{constant:.1f}"])
    print(f"\nOf {scenes} scenes each: truth held by the regions of 68 / 95 % (%), and negative log likelihoods\n")
    print(markdown_table(["hand", "valid", *judged.levels, "own", "best constant"], rows))


def _with_covariances(backend: Backend, scenes: int, seed: int, side: str) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Errors (6,) and covariances (6, 6) of the valid estimates."""
    catalogue, config = default_catalogue(), EstimatorConfig()
    known = {name: catalogue[name] for name in backend.weights.objects}
    looking = Looking(backend, config)
    numbers = track(range(scenes), f"covariances, {side}", console=Console(stderr=True))
    for scene in still_scenes(backend.weights.hand, known, seed, numbers, side):
        model = backend.weights.objects[scene.truth.object_name]
        sight = Sight(scene.frame, scene.crop, model, side, ObjectFit())
        (seen,) = looking.look([sight], StageTimer())
        if not isinstance(seen, Observation) or seen.confidence() < config.confidence_threshold:
            continue
        covariance = pose_covariance(seen)
        if covariance is not None:
            yield pose_error(seen.lifted.object_pose, scene.truth.object_pose, seen.model), covariance


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
