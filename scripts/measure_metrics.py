"""How long the metrics take, and what grids of distances cost in accuracy and gain in time.

    python scripts/measure_metrics.py --frames 10000

Prints two Markdown tables: where the time goes for that many frames of 778 hand vertices and 1000 object vertices, and
penetration by grids beside the exact distance to the mesh. Truth comes from the scene sampler, estimates from the truth
and noise. Times are seconds that processors worked, over all threads, so that what else the machine does counts little.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import tyro
from run_script import run_script
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.environment import describe_environment
from hand_object_pose.evaluation.metrics import hand
from hand_object_pose.evaluation.metrics import object as thing
from hand_object_pose.evaluation.metrics.grid_interaction import grid_interaction
from hand_object_pose.evaluation.metrics.interaction import Interaction, exact_interaction, exact_interactions
from hand_object_pose.evaluation.metrics.penetration_volume import penetration_volume
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import inverse_pose, pose_matrix, transform_points
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.scene_sampler import SceneSampler

_SCENES = 200
_BATCH = 100
_EXACT, _BATCHED = "exact distance to the mesh, frame by frame", "exact distance to the mesh, 100 frames at once"
_GRID, _AS_PUBLISHED = "grid of 2.5 mm", "grid of 32³ cells, as published"
_BUILD, _VOLUME = "build", "shared volume"
_MM = 1000.0


@dataclass(frozen=True)
class _Frames:
    """Frames of one object, metres, camera frame, prediction first: joints, vertices, object poses."""

    model: ObjectModel
    joints: tuple[FloatArray, FloatArray]
    vertices: tuple[FloatArray, FloatArray]
    poses: tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class _Penetration:
    """What is kept of a frame's distances: metres, metres, and whether any vertex is inside."""

    mean: float
    largest: float
    in_contact: bool

    @classmethod
    def of(cls, found: Interaction) -> "_Penetration":
        return cls(found.penetration_mean, found.penetration_max, found.in_contact)


class _Stopwatch:
    """Seconds by name, over all uses."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[name] += time.process_time() - start


def measure(frames: int = 10_000, seed: int = 0) -> None:
    """Print both tables for as many frames.

    Args:
        frames: how many.
        seed: of the frames.
    """
    environment = describe_environment()
    print(f"{frames} frames, {environment['processor']}, {environment['cores']} cores\n")
    watch = _Stopwatch()
    depths: dict[str, list[_Penetration]] = defaultdict(list)
    with watch.part(_BUILD):
        grids = {name: _grid(model) for name, model in default_catalogue().items()}
    for batch in _batches(frames, np.random.default_rng(seed)):
        _time_batched(batch, watch)
        _time_interactions(batch, grids[batch.model.name], watch, depths)
    build = watch.seconds.pop(_BUILD) / len(grids)
    _print_times(frames, watch.seconds)
    _print_penetration(watch.seconds, depths)
    print(f"\nBuilding the {_GRID} takes {build / watch.seconds[_EXACT] * frames:.0f} exact frames, once an object.")


def _grid(model: ObjectModel) -> SignedDistanceGrid:
    return SignedDistanceGrid.of(TriangleMesh(model.vertices, model.faces))


def _batches(frames: int, rng: np.random.Generator) -> Iterator[_Frames]:
    """Batches of one object each; the scenes repeat, the noise does not."""
    catalogue = default_catalogue()
    sampler = SceneSampler(default_hand(), catalogue)
    scenes = [sampler.sample(rng).truth for _ in range(min(_SCENES, frames))]
    by_object = [[truth for truth in scenes if truth.object_name == name] for name in catalogue]
    groups = [group for group in by_object if group]
    for number, start in enumerate(range(0, frames, _BATCH)):
        group = groups[number % len(groups)]
        chosen = [group[k] for k in rng.integers(0, len(group), min(_BATCH, frames - start))]
        true = [np.stack([getattr(t, name) for t in chosen]) for name in ("joints", "hand_vertices", "object_pose")]
        shift = rng.normal(0, 0.005, (len(chosen), 1, 3))
        noise = [rng.normal(0, 0.0005, points.shape) + shift for points in true[:2]]
        turns = Rotation.from_rotvec(rng.normal(0, 0.1, (len(chosen), 3))).as_matrix()
        moved = true[2] @ pose_matrix(turns, rng.normal(0, 0.005, (len(chosen), 3)))
        joints, vertices = ((points + off, points) for points, off in zip(true[:2], noise, strict=True))
        yield _Frames(catalogue[chosen[0].object_name], joints, vertices, (moved, true[2]))


def _time_batched(frames: _Frames, watch: _Stopwatch) -> None:
    vertices, symmetries = frames.model.vertices, frames.model.symmetries
    with watch.part("posing the object's vertices"):
        posed = [transform_points(pose, vertices) for pose in frames.poses]
    work: dict[str, Callable[[], object]] = {
        "joints, wrists aligned": lambda: hand.mje_root_aligned(*frames.joints),
        "joints, similarity aligned": lambda: hand.mje_procrustes(*frames.joints),
        "hand mesh, nothing aligned": lambda: hand.mme_camera(*frames.vertices),
        "hand mesh, similarity aligned": lambda: hand.mme_procrustes(*frames.vertices),
        "ADD": lambda: thing.add(*posed),
        "ADD-S, truth to estimate": lambda: thing.add_s_truth_to_prediction(*posed),
        "ADD-S, estimate to truth": lambda: thing.add_s_prediction_to_truth(*posed),
        "ADD by declared symmetry": lambda: thing.add_symmetric(vertices, *frames.poses, symmetries),
        "MSSD by declared symmetry": lambda: thing.mssd(vertices, *frames.poses, symmetries),
        "corners of boxes along the camera's axes": lambda: thing.mce_camera_box(*posed),
        "rotation by declared symmetry": lambda: thing.rotation_error(*frames.poses, symmetries),
    }
    for name, compute in work.items():
        with watch.part(name):
            compute()


def _time_interactions(
    frames: _Frames, grid: SignedDistanceGrid, watch: _Stopwatch, found: dict[str, list[_Penetration]]
) -> None:
    faces = default_hand().faces
    with watch.part(_BATCHED):
        own_frame = TriangleMesh(frames.model.vertices, frames.model.faces)
        batched = exact_interactions(frames.vertices[0], frames.poses[0], own_frame)
    found[_BATCHED] += map(_Penetration.of, batched)
    for vertices, pose in zip(frames.vertices[0], frames.poses[0], strict=True):
        posed = TriangleMesh(transform_points(pose, frames.model.vertices), frames.model.faces)
        work: dict[str, Callable[[], Interaction]] = {
            _EXACT: partial(exact_interaction, vertices, posed),
            _GRID: partial(_in_grid, grid, pose, vertices),
            _AS_PUBLISHED: partial(grid_interaction, vertices, posed),
        }
        for name, compute in work.items():
            with watch.part(name):
                interaction = compute()
            found[name].append(_Penetration.of(interaction))
        with watch.part(_VOLUME):
            penetration_volume(TriangleMesh(vertices, faces), posed)


def _in_grid(grid: SignedDistanceGrid, pose: FloatArray, vertices: FloatArray) -> Interaction:
    return Interaction(grid.distance(transform_points(inverse_pose(pose), vertices)))


def _print_times(frames: int, seconds: dict[str, float]) -> None:
    listed = {name: spent for name, spent in seconds.items() if name not in (_BATCHED, _GRID, _AS_PUBLISHED)}
    whole = sum(listed.values())
    print("| metric | seconds | share |\n|---|---|---|")
    for name, spent in sorted(listed.items(), key=lambda entry: -entry[1]):
        print(f"| {name} | {spent:.2f} | {100 * spent / whole:.1f} % |")
    print(f"| all, {frames} frames | {whole:.1f} | 100 % |\n")


def _print_penetration(seconds: dict[str, float], found: dict[str, list[_Penetration]]) -> None:
    exact = found[_EXACT]
    print("| penetration by | PD, mm | mean error of PD | of the deepest vertex | wrong about contact | time |")
    print("|---|---|---|---|---|---|")
    for name in (_EXACT, _BATCHED, _GRID, _AS_PUBLISHED):
        values = found[name]
        mean = _MM * np.mean([value.mean for value in values])
        errors = [
            _MM * np.mean([abs(getattr(a, part) - getattr(b, part)) for a, b in zip(values, exact, strict=True)])
            for part in ("mean", "largest")
        ]
        wrong = 100 * np.mean([a.in_contact != b.in_contact for a, b in zip(values, exact, strict=True)])
        ratio = seconds[name] / seconds[_EXACT]
        print(f"| {name} | {mean:.3f} | {errors[0]:.4f} mm | {errors[1]:.3f} mm | {wrong:.1f} % | {ratio:.2f} |")


if __name__ == "__main__":
    run_script(lambda: tyro.cli(measure))
