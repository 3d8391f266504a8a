"""Writes synthetic episodes as an HO3D v2 tree: every file, key, shape, type, unit and frame as there."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.crops import projected_box
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets import ho3d_convention as ho3d
from hand_object_pose_training.datasets.dexycb_layout import YCB_NAMES
from hand_object_pose_training.datasets.episodes import Episode
from hand_object_pose_training.datasets.images import encode_ho3d_depth
from hand_object_pose_training.datasets.recording import RecordedFrame, Recorder, dataset_camera
from hand_object_pose_training.datasets.tree_models import STAND_INS

# Single cameras only: the last digit of a multi-camera capture's name would promise views that are not there.
TRAIN_SEQUENCES = ("MC1", "MC2", "MC4", "MC5", "MC6", "ND2", "SM2", "SM3", "SM4", "SM5", "SMu1", "SS1", "SS2", "SS3")
EVALUATION_SEQUENCES = ("SM1", "SB11", "SB13", "MPM10", "AP10")
FRAMES_EACH = 10
_EVALUATION_SHARE = 0.2


class Ho3dWriter:
    """Writes one tree."""

    def __init__(self, root: Path, models: list[ObjectModel], recorder: Recorder, seed: int) -> None:
        """Objects take turns; every sequence depends on the seed and its number only."""
        self._root, self._models, self._recorder, self._seed = root, models, recorder, seed

    def write(self, frames: int, progress: Callable[[], None]) -> int:
        """Write ``frames`` frames, a fifth of them (at least one) for evaluation; call ``progress`` after each."""
        held_out = max(1, round(frames * _EVALUATION_SHARE))
        self._write_split("train", frames - held_out, progress)
        joints, vertices = self._write_split("evaluation", held_out, progress)
        (self._root / "evaluation_xyz.json").write_text(json.dumps(joints))
        (self._root / "evaluation_verts.json").write_text(json.dumps(vertices))
        return frames

    def _write_split(
        self, split: str, frames: int, progress: Callable[[], None]
    ) -> tuple[list[list[list[float]]], list[list[list[float]]]]:
        names = TRAIN_SEQUENCES if split == "train" else EVALUATION_SEQUENCES
        # More frames than so make the sequences longer.
        length = max(FRAMES_EACH, -(-frames // len(names)))
        keys: list[str] = []
        joints: list[list[list[float]]] = []
        vertices: list[list[list[float]]] = []
        for number, start in enumerate(range(0, frames, length)):
            count = min(length, frames - start)
            rng = np.random.default_rng([self._seed, ho3d.SPLITS.index(split), number])
            episode = Episode(self._models[number % len(self._models)], "right", count, [dataset_camera(rng)], rng)
            for frame in range(count):
                recorded = self._recorder.record(episode, frame, episode.views[0], rng)
                key = f"{names[number]}/{frame:04d}"
                self._write_frame(split, key, episode, recorded)
                keys.append(key)
                joints.append(_rounded(ho3d.joints_to_ho3d(ho3d.flip_points(recorded.truth.joints))))
                vertices.append(_rounded(ho3d.flip_points(recorded.truth.hand_vertices)))
                progress()
        (self._root / f"{split}.txt").write_text("".join(f"{key}\n" for key in keys))
        return joints, vertices

    def _write_frame(self, split: str, key: str, episode: Episode, frame: RecordedFrame) -> None:
        sequence, number = key.split("/")
        folder = self._root / split / sequence
        for kind in ("rgb", "depth", "meta"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "rgb" / f"{number}.png"), frame.image[..., ::-1])
        cv2.imwrite(str(folder / "depth" / f"{number}.png"), encode_ho3d_depth(frame.depth)[..., ::-1])
        annotation = self._annotation(episode, frame)
        if split == "evaluation":
            annotation = _without_hand(annotation, frame, episode)
        (folder / "meta" / f"{number}.pkl").write_bytes(legacy_pickle(annotation))

    def _annotation(self, episode: Episode, frame: RecordedFrame) -> dict[str, Any]:
        """All entries of a training frame; OpenGL frame, HO3D's joint order."""
        hand = ho3d.flip_hand(frame.hand, self._recorder.hands.rest_wrist("right", episode.betas))
        pose = ho3d.flip_pose(frame.truth.object_pose)
        corners = ho3d.box_corners(episode.model.vertices)
        name = STAND_INS[episode.model.name]
        return {
            "handPose": hand.pose,
            "handTrans": hand.translation,
            "handBeta": hand.betas,
            "handJoints3D": ho3d.joints_to_ho3d(ho3d.flip_points(frame.truth.joints)),
            "objRot": Rotation.from_matrix(pose[:3, :3]).as_rotvec().reshape(3, 1),
            "objTrans": pose[:3, 3],
            "objCorners3DRest": corners,
            "objCorners3D": corners @ pose[:3, :3].T + pose[:3, 3],
            "objName": name,
            "objLabel": YCB_NAMES.index(name) + 1,
            "camMat": episode.views[0].camera.matrix,
            "camIDList": ["0"],
        }


def _without_hand(annotation: dict[str, Any], frame: RecordedFrame, episode: Episode) -> dict[str, Any]:
    """What the evaluation split says of the same frame."""
    kept = {key: value for key, value in annotation.items() if key not in ("handPose", "handTrans", "handBeta")}
    box = projected_box(episode.views[0].camera, frame.truth.hand_vertices)
    return {**kept, "handJoints3D": annotation["handJoints3D"][0], "handBoundingBox": [float(edge) for edge in box]}


def legacy_pickle(content: dict[str, Any]) -> bytes:
    """Protocol 2, with the module names that NumPy had then: what old and new NumPy can both read."""
    return pickle.dumps(content, protocol=2).replace(b"cnumpy._core.", b"cnumpy.core.")


def _rounded(points: FloatArray) -> list[list[float]]:
    """To a hundredth of a millimetre, as the files of this format are to stay readable."""
    return np.round(points, 5).tolist()
