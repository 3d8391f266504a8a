"""Errors of estimates of independent rendered scenes beside what the estimates tell of themselves, kept in files.

Each scene is looked at twice with a detector's square: as in use with a depth image, and with the true depth of the
wrist instead, where hand and object stay as the network has them.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.spatial.transform import Rotation
from still_scenes import StillScene, still_scenes

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backend import Backend, NetworkOutput, WeightsInfo
from hand_object_pose.estimation.bone_lengths import RelativeBones, bone_lengths
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.looking import Looking
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.pose_features import error_axes, pose_features
from hand_object_pose.estimation.pose_uncertainty import root_direction
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.symmetry import nearest_equivalent_pose
from hand_object_pose.synthetic.surface_colours import with_colours

MODES = ("depth_image", "ground_truth")
_CHUNK = 100

Series = tuple[tuple[int, int], ...]
"""Seeds of scenes, and how many of each."""


@dataclass(frozen=True)
class Errors:
    """Valid estimates of N scenes.

    Attributes:
        number: (N,) of the scene; object_name: (N,).
        features: (N, F) ``pose_features``; axes: (N, 6, 6) ``error_axes``.
        pose_error: (N, 6) x, y, z, rx, ry, rz about the camera's fixed axes, metres and radians, to the nearest of the
            true poses that look alike.
        hand_features: (N, H); hand_error: (N, 778) distances of the hand's vertices from the truth, metres;
            joint_error: (N, 21) of its joints.
        root_direction: (N, 3) by how much the object moves when the wrist's depth is one metre larger.
        offsets, slopes: (N, 20, 3) ``RelativeBones``; lengths: (N, 20) true ones; depth: (N,) the true wrist's; metres.
    """

    number: NDArray[np.integer]
    object_name: NDArray[np.str_]
    features: FloatArray
    axes: FloatArray
    pose_error: FloatArray
    hand_features: FloatArray
    hand_error: FloatArray
    joint_error: FloatArray
    root_direction: FloatArray
    offsets: FloatArray
    slopes: FloatArray
    lengths: FloatArray
    depth: FloatArray

    def __len__(self) -> int:
        return len(self.number)


def collected_series(backend: Backend, mode: str, series: Series, folder: Path) -> Errors:
    """``collected_errors`` of several seeds, together."""
    parts = [collected_errors(backend, mode, scenes, seed, folder) for seed, scenes in series]
    names = [each.name for each in fields(Errors)]
    return Errors(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def collected_errors(backend: Backend, mode: str, scenes: int, seed: int, folder: Path) -> Errors:
    """The first ``scenes`` of a series, from files in ``folder`` as far as they are there.

    Args:
        backend: runs the weights; they must know only objects of the default catalogue.
        mode: one of ``MODES``.
        scenes, seed: see ``still_scenes``.
        folder: of the files, one for each hundred scenes.
    """
    folder = folder / backend.weights.hash[:12]
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, scenes, _CHUNK)
    for start in track(starts, f"scenes of seed {seed}", console=Console(stderr=True)):
        if not all(_file(folder, each, seed, start).exists() for each in MODES):
            _collect(backend, seed, start, folder)
    chunks = [dict(np.load(_file(folder, mode, seed, start))) for start in starts]
    joined = {each.name: np.concatenate([chunk[each.name] for chunk in chunks]) for each in fields(Errors)}
    kept = joined["number"] < scenes
    return Errors(**{name: values[kept] for name, values in joined.items()})


def _file(folder: Path, mode: str, seed: int, start: int) -> Path:
    return folder / f"{mode}_{seed}_{start:06d}.npz"


def _collect(backend: Backend, seed: int, start: int, folder: Path) -> None:
    catalogue, objects = default_catalogue(), coloured_objects(backend.weights)
    known = {name: catalogue[name] for name in objects}
    remembering = _Remembering(backend)
    config = EstimatorConfig(contacts=False)
    looks = {mode: Looking(remembering, replace(config, root_depth_mode=mode)) for mode in MODES}
    rows: dict[str, list[dict[str, object]]] = {mode: [] for mode in MODES}
    for scene in still_scenes(backend.weights.hand, known, seed, range(start, start + _CHUNK)):
        model = objects[scene.truth.object_name]
        for mode, looking in looks.items():
            seen = looking.look_alone(scene.frame, scene.crop, model, StageTimer())
            if isinstance(seen, Observation) and seen.confidence() >= config.confidence_threshold:
                rows[mode].append(_row(scene, seen))
    for mode, found in rows.items():
        columns = {each.name: np.array([row[each.name] for row in found]) for each in fields(Errors)}
        np.savez_compressed(_file(folder, mode, seed, start), **columns)  # type: ignore[arg-type]


def _row(scene: StillScene, seen: Observation) -> dict[str, object]:
    truth, lifted = scene.truth, seen.lifted
    relative = seen.relative_meshes().hand
    directions = scene.frame.camera.unproject(relative[:, :2], np.ones(len(relative)))
    bones = RelativeBones.of(directions, relative[:, 2], seen.weights.hand.joint_regressor21)
    return {
        "number": scene.number,
        "object_name": truth.object_name,
        "features": pose_features(seen),
        "axes": error_axes(seen),
        "pose_error": pose_error(lifted.object_pose, truth.object_pose, seen.model),
        "hand_features": seen.hand_features(),
        "hand_error": np.linalg.norm(lifted.hand - truth.hand_vertices, axis=1).astype(np.float32),
        "joint_error": np.linalg.norm(lifted.joints - truth.joints, axis=1),
        "root_direction": root_direction(seen),
        "offsets": bones.offsets,
        "slopes": bones.slopes,
        "lengths": bone_lengths(truth.joints),
        "depth": truth.joints[0, 2],
    }


def coloured_objects(weights: WeightsInfo) -> dict[str, ObjectModel]:
    """The weights' objects, with the colours of the default catalogue."""
    catalogue = default_catalogue()
    return {
        name: replace(known, colours=with_colours(catalogue[name]).colours) for name, known in weights.objects.items()
    }


def pose_error(pose: FloatArray, true: FloatArray, model: ObjectModel) -> FloatArray:
    """(6,) x, y, z, rx, ry, rz about the camera's fixed axes, from the nearest of the true poses that look alike."""
    nearest = nearest_equivalent_pose(true, pose, model.symmetries)
    turn = Rotation.from_matrix(pose[:3, :3] @ nearest[:3, :3].T).as_rotvec()
    return np.concatenate([pose[:3, 3] - nearest[:3, 3], turn])


class _Remembering:
    """Runs the network once where the same is asked for twice in a row."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.weights, self.device = backend.weights, backend.device
        self._last: tuple[FloatArray, str, NetworkOutput] | None = None

    def run(self, images: FloatArray, objects: list[ObjectModel]) -> NetworkOutput:
        """As ``Backend.run``."""
        last = self._last
        if last is None or last[1] != objects[0].name or not np.array_equal(last[0], images):
            self._last = last = images, objects[0].name, self._backend.run(images, objects)
        return last[2]


def one_hot(names: NDArray[np.str_], known: tuple[str, ...]) -> FloatArray:
    """(N, O) of names (N,)."""
    return (names[:, None] == np.array(known)[None]).astype(float)
