"""Frames as rows of arrays, and rows as columns: the content of an index."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_pose_training.datasets.frame import AnnotatedFrame

_VERTICES = "hand_vertices"


def frame_row(frame: AnnotatedFrame) -> dict[str, NDArray]:
    """A frame as arrays; what is not known is NaN. Vertices are stored only where no parameters stand for them."""
    hand = frame.hand
    row: dict[str, Any] = {
        "camera_matrix": frame.camera.matrix.astype(np.float32),
        "image_size": np.array([frame.camera.width, frame.camera.height], dtype=np.int32),
        "is_left": np.bool_(frame.side == "left"),
        "joints": frame.joints.astype(np.float32),
        "object_pose": frame.object_pose.astype(np.float32),
        "box": frame.box.astype(np.float32),
        "mask_values": np.array(frame.files.mask_values, dtype=np.int32),
        "hand_pose": _floats(hand and hand.pose, 48),
        "betas": _floats(hand and hand.betas, 10),
        "translation": _floats(hand and hand.translation, 3),
    }
    if hand is None and frame.hand_vertices is not None:
        row["hand_vertices"] = frame.hand_vertices.astype(np.float32)
    return row


def stack_rows(rows: list[dict[str, NDArray]]) -> dict[str, NDArray]:
    """Columns (N, ...) of N rows; {} of none. Where only some rows have vertices, the others get NaN."""
    if not rows:
        return {}
    return join_columns([{name: value[None] for name, value in row.items()} for row in rows])


def join_columns(parts: list[dict[str, NDArray]]) -> dict[str, NDArray]:
    """The columns of several parts, one after another."""
    parts = [part for part in parts if part]
    if any(_VERTICES in part for part in parts):
        parts = [part if _VERTICES in part else {**part, _VERTICES: _unknown_vertices(part)} for part in parts]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _unknown_vertices(part: dict[str, NDArray]) -> NDArray[np.float32]:
    return np.full((len(part["joints"]), 778, 3), np.nan, np.float32)


def _floats(values: Any, length: int) -> NDArray[np.float32]:
    return np.full(length, np.nan, np.float32) if values is None else np.asarray(values, dtype=np.float32)
