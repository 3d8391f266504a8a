"""HO3D's frames by the facts of its documentation, without its reader."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.hand.joints import JOINT_NAMES
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.hand.restricted_pickle import load_restricted_pickle
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.number_lists import read_number_list
from hand_object_pose_training.inspection.plain_frame import EITHER, PlainFrame, content_of, pose_of, read_pixels

# OpenGL's camera (x right, y up, looking along -z) to OpenCV's (x right, y down, z forward).
_TO_OPENCV = np.array([1.0, -1.0, -1.0])
_METRES = 0.00012498664727900177
# The files' order by name: each finger's joints from its base, then the tips.
_IN_FILE = (
    "wrist",
    *(f"{finger}_{number}" for finger in ("index", "middle", "little", "ring", "thumb") for number in (1, 2, 3)),
    *(f"{finger}_4" for finger in ("thumb", "index", "middle", "ring", "little")),
)
_PLACES = [_IN_FILE.index(name) for name in JOINT_NAMES]
_BRIGHT = 128


class PlainHo3d:
    """One split; the hands of the evaluation split come from the public lists, where they are."""

    def __init__(self, root: Path, split: str, hands: Hands) -> None:
        self._folder, self._layer = root / split, ManoLayer(hands.right)
        # Unpacked into the dataset's folders, or beside them.
        self._segmentations = [self._folder, *(root / f"HO3D_{v}_segmentations_rendered" / split for v in ("v2", "v3"))]
        self._root, self._is_evaluation = root, split == "evaluation"
        self._places: dict[str, int] = {}
        self._lists: dict[str, FloatArray] = {}

    def read(self, key: str) -> PlainFrame:
        """See ``PlainReader``."""
        sequence, number = key.split("/")
        path = self._folder / sequence / "meta" / f"{number}.pkl"
        with content_of(path):
            plain = self._annotated(key, load_restricted_pickle(path))
        depth = _depth(self._folder / sequence / "depth" / f"{number}.png")
        return replace(plain, depth=depth, labels=self._labels(sequence, number))

    def _annotated(self, key: str, content: dict[str, Any]) -> PlainFrame:
        rotation = np.diag(_TO_OPENCV) @ cv2.Rodrigues(_array(content, "objRot").reshape(3))[0]
        vertices, joints = self._hand(key, content)
        return PlainFrame(
            camera_matrix=_array(content, "camMat"),
            joints=self._joints(key, content),
            object_pose=pose_of(rotation, _array(content, "objTrans").reshape(3) * _TO_OPENCV),
            hand_vertices=vertices,
            hand_joints=joints,
            corners=_array(content, "objCorners3D") * _TO_OPENCV if "objCorners3D" in content else None,
        )

    def _joints(self, key: str, content: dict[str, Any]) -> FloatArray:
        listed = self._listed("xyz", key, 21)
        if listed is None:
            listed = _array(content, "handJoints3D")
        joints = np.full((21, 3), np.nan)
        if listed.size == 63:
            joints[:] = listed.reshape(21, 3)[_PLACES]
        else:
            joints[0] = listed.reshape(3)
        return joints * _TO_OPENCV

    def _hand(self, key: str, content: dict[str, Any]) -> tuple[FloatArray | None, FloatArray | None]:
        """Vertices and joints of the parameters, posed in OpenGL's frame and turned round as points."""
        if "handPose" in content:
            parameters = (_array(content, name).reshape(1, -1) for name in ("handPose", "handBeta", "handTrans"))
            posed = self._layer(*parameters)
            return posed.vertices[0] * _TO_OPENCV, posed.joints[0] * _TO_OPENCV
        listed = self._listed("verts", key, 778)
        return (None, None) if listed is None else (listed * _TO_OPENCV, None)

    def _listed(self, name: str, key: str, count: int) -> FloatArray | None:
        """(count, 3) of the public evaluation truth, read when it is first asked for; None without its file."""
        path = self._root / f"evaluation_{name}.json"
        if not self._is_evaluation or not path.is_file():
            return None
        keys = self._root / "evaluation.txt"
        with content_of(keys):
            if name not in self._lists:
                self._places = {key: place for place, key in enumerate(keys.read_text().split())}
                self._lists[name] = read_number_list(path, (len(self._places), count, 3))
            return self._lists[name][self._places[key]].astype(float)

    def _labels(self, sequence: str, number: str) -> NDArray[np.uint8] | None:
        """Rendered at a quarter of the size; which colour is whose is not documented, that black is neither is."""
        for folder in self._segmentations:
            for suffix in (".png", ".jpg"):
                pixels = read_pixels(folder / sequence / "seg" / f"{number}{suffix}")
                if pixels is not None:
                    bright = pixels.reshape(*pixels.shape[:2], -1).max(axis=2) >= _BRIGHT
                    labels = np.where(bright, EITHER, 0).astype(np.uint8)
                    return np.asarray(cv2.resize(labels, (640, 480), interpolation=cv2.INTER_NEAREST))
        return None


def _array(content: dict[str, Any], name: str) -> FloatArray:
    return np.asarray(content[name], dtype=float)


def _depth(path: Path) -> FloatArray | None:
    pixels = read_pixels(path)
    if pixels is None:
        return None
    with content_of(path):
        _blue, green, red = cv2.split(pixels)
        return (red.astype(float) + 256.0 * green) * _METRES
