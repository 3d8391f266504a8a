"""DexYCB's frames by the facts of its documentation, without its reader."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.inspection.plain_frame import (
    HAND,
    OBJECT,
    OTHER,
    PlainFrame,
    content_of,
    pose_of,
    read_pixels,
    read_yaml,
)

_HAND_IN_FILE = 255


@dataclass(frozen=True)
class _Shown:
    """What a sequence shows: the grasped object, by its place among those on the table and its id, and the hand."""

    grasped: int
    object_id: int
    side: str
    hand_calibration: str


class PlainDexYcb:
    """All frames, whatever the split."""

    def __init__(self, root: Path, hands: Hands) -> None:
        self._root = root
        # 45 principal components about the mean pose: the layer's own convention, not the reader's conversion.
        self._layers = {
            side: ManoLayer(model, use_pca=True, flat_hand_mean=False) for side, model in hands.models.items()
        }

    def read(self, key: str) -> PlainFrame:
        """See ``PlainReader``."""
        sequence, serial, number = key.rsplit("/", 2)
        shown, folder = self._shown(sequence), self._root / sequence / serial
        betas, matrix = self._betas(shown), self._matrix(serial)
        path = folder / f"labels_{number}.npz"
        with content_of(path):
            plain = self._labelled(path, shown, betas, matrix)
        depth = read_pixels(folder / f"aligned_depth_to_color_{number}.png")
        return replace(plain, depth=None if depth is None else depth / 1000.0)

    def _labelled(self, path: Path, shown: _Shown, betas: FloatArray, matrix: FloatArray) -> PlainFrame:
        with np.load(path, allow_pickle=False) as arrays:
            numbers = {name: arrays[name].astype(float) for name in ("pose_y", "pose_m", "joint_3d", "joint_2d")}
            labels = _labels(arrays["seg"], shown.object_id)
        pose, hand = numbers["pose_y"][shown.grasped], numbers["pose_m"]
        posed = self._layers[shown.side](hand[:, :48], betas, hand[:, 48:])
        return PlainFrame(
            camera_matrix=matrix,
            joints=numbers["joint_3d"][0],
            object_pose=pose_of(pose[:, :3], pose[:, 3]),
            hand_vertices=posed.vertices[0],
            hand_joints=posed.joints[0],
            joint_pixels=numbers["joint_2d"][0],
            labels=labels,
        )

    def _shown(self, sequence: str) -> _Shown:
        path = self._root / sequence / "meta.yml"
        with content_of(path):
            meta = read_yaml(path)
            grasped = meta["ycb_grasp_ind"]
            return _Shown(grasped, meta["ycb_ids"][grasped], meta["mano_sides"][0], meta["mano_calib"][0])

    def _betas(self, shown: _Shown) -> FloatArray:
        path = self._root / "calibration" / f"mano_{shown.hand_calibration}" / "mano.yml"
        with content_of(path):
            return np.array([read_yaml(path)["betas"]], dtype=float)

    def _matrix(self, serial: str) -> FloatArray:
        path = self._root / "calibration" / "intrinsics" / f"{serial}_640x480.yml"
        with content_of(path):
            of = read_yaml(path)["color"]
            return np.array([[of["fx"], 0, of["ppx"]], [0, of["fy"], of["ppy"]], [0, 0, 1]], dtype=float)


def _labels(segmentation: NDArray, grasped: int) -> NDArray[np.uint8]:
    labels = np.where(segmentation > 0, OTHER, 0)
    labels[segmentation == grasped] = OBJECT
    labels[segmentation == _HAND_IN_FILE] = HAND
    return labels.astype(np.uint8)
