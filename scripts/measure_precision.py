"""What the precision of the network (parameter ``precision``) changes, on rendered scenes that no training saw.

    python scripts/measure_precision.py --scenes 100

Each scene is looked at by the PyTorch backend in every precision, through the same square and with the wrist's true
depth, so that nothing but the network's rounding differs. Prints a Markdown table: distances from the estimate in
single precision as mean / 95th percentile / maximum over scenes, and mean errors against the truth.
"""

from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from run_script import run_script
from still_scenes import StillScene, still_scenes

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import PRECISIONS, SINGLE
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.looking import Looking, NothingSeen
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.evaluation.metrics.object import add_s_truth_to_prediction
from hand_object_pose.evaluation.report.markdown import markdown_table
from hand_object_pose.geometry.se3 import rotation_angle, transform_points
from hand_object_pose.objects.object_model import ObjectModel

_COLUMNS = ("precision", "hand (mm)", "object (mm)", "object (degrees)", "hand's error (mm)", "object's ADD-S (mm)")
_MM = 1000.0


def measure(
    weights: Path | None = None,
    device: str = "auto",
    precisions: tuple[str, ...] = PRECISIONS[1:],
    scenes: int = 100,
    seed: int = 820_001,
) -> None:
    """Print the table.

    Args:
        weights: a .safetensors file; the weights that ship with the package unless given.
        device: where the network runs.
        precisions: what is compared with single precision.
        scenes: how many.
        seed: of the scenes, which no training saw.
    """
    config = EstimatorConfig(root_depth_mode="ground_truth", surface_fit=False)
    wanted = [SINGLE, *precisions]
    backends = {name: load_backend(weights, "torch", device, precision=name) for name in wanted}
    lookings = {name: Looking(backend, config) for name, backend in backends.items()}
    known = backends[SINGLE].weights
    found: dict[str, list[list[float]]] = {name: [] for name in wanted}
    numbers = track(range(scenes), "scenes", console=Console(stderr=True))
    for scene in still_scenes(known.hand, known.objects, seed, numbers):
        model = known.objects[scene.truth.object_name]
        seen = {name: _seen(looking, scene, model) for name, looking in lookings.items()}
        for name, observation in seen.items():
            found[name].append([*_differences(seen[SINGLE], observation), *_errors(scene, observation)])
    print(f"{scenes} scenes on {backends[SINGLE].device}\n")
    print(markdown_table(_COLUMNS, [_row(name, np.array(rows)) for name, rows in found.items()]))


def _seen(looking: Looking, scene: StillScene, model: ObjectModel) -> Observation:
    seen = looking.look_alone(scene.frame, scene.crop, model, StageTimer())
    if isinstance(seen, NothingSeen):
        raise UserError(f"scene {scene.number}: expected an estimate, found none ({seen.reason})")
    return seen


def _differences(single: Observation, other: Observation) -> list[float]:
    """Mean distances of the hand's and the object's vertices, and the angle between the object's rotations."""
    moved = _MM * np.linalg.norm(single.points - other.points, axis=1)
    count = len(single.lifted.hand)
    turn = single.lifted.object_pose[:3, :3].T @ other.lifted.object_pose[:3, :3]
    return [moved[:count].mean(), moved[count:].mean(), float(np.degrees(rotation_angle(turn)))]


def _errors(scene: StillScene, seen: Observation) -> list[float]:
    hand = np.linalg.norm(seen.lifted.hand - scene.truth.hand_vertices, axis=1).mean()
    posed = [transform_points(pose, seen.model.vertices) for pose in (seen.lifted.object_pose, scene.truth.object_pose)]
    return [_MM * hand, _MM * float(add_s_truth_to_prediction(posed[0][None], posed[1][None])[0])]


def _row(name: str, values: FloatArray) -> list[str]:
    differences = [f"{c.mean():.2f} / {np.percentile(c, 95):.2f} / {c.max():.2f}" for c in values[:, :3].T]
    return [name, *differences, *(f"{column.mean():.2f}" for column in values[:, 3:].T)]


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
