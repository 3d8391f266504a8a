"""DexYCB's frames by the facts of its documentation, without its reader."""

from pathlib import Path
from typing import Any

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
    pose_of,
    read_pixels,
    read_yaml,
)

_HAND_IN_FILE = 255


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
        meta = read_yaml(self._root / sequence / "meta.yml")
        folder = self._root / sequence / serial
        with np.load(folder / f"labels_{number}.npz", allow_pickle=False) as arrays:
            labels = {name: arrays[name] for name in ("seg", "pose_y", "pose_m", "joint_3d", "joint_2d")}
        pose = labels["pose_y"][meta["ycb_grasp_ind"]].astype(float)
        posed = self._layers[meta["mano_sides"][0]](
            labels["pose_m"][:, :48].astype(float), self._betas(meta), labels["pose_m"][:, 48:].astype(float)
        )
        depth = read_pixels(folder / f"aligned_depth_to_color_{number}.png")
        return PlainFrame(
            camera_matrix=self._matrix(serial),
            joints=labels["joint_3d"][0].astype(float),
            object_pose=pose_of(pose[:, :3], pose[:, 3]),
            hand_vertices=posed.vertices[0],
            hand_joints=posed.joints[0],
            joint_pixels=labels["joint_2d"][0].astype(float),
            depth=None if depth is None else depth / 1000.0,
            labels=_labels(labels["seg"], meta["ycb_ids"][meta["ycb_grasp_ind"]]),
        )

    def _betas(self, meta: dict[str, Any]) -> FloatArray:
        path = self._root / "calibration" / f"mano_{meta['mano_calib'][0]}" / "mano.yml"
        return np.array([read_yaml(path)["betas"]], dtype=float)

    def _matrix(self, serial: str) -> FloatArray:
        colour = read_yaml(self._root / "calibration" / "intrinsics" / f"{serial}_640x480.yml")["color"]
        return np.array([[colour["fx"], 0, colour["ppx"]], [0, colour["fy"], colour["ppy"]], [0, 0, 1]], dtype=float)


def _labels(segmentation: NDArray, grasped: int) -> NDArray[np.uint8]:
    labels = np.where(segmentation > 0, OTHER, 0)
    labels[segmentation == grasped] = OBJECT
    labels[segmentation == _HAND_IN_FILE] = HAND
    return labels.astype(np.uint8)
