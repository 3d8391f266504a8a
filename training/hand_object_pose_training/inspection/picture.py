"""Frames to look at: outlines of hand and object over the image, and over the mask or the depth image."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.evaluation.drawing.overlay import HAND_COLOUR, OBJECT_COLOUR
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.inspection.inspected_split import InspectedFrame, InspectedSplit
from hand_object_pose_training.inspection.measures import posed_meshes
from hand_object_pose_training.inspection.plain_frame import EITHER, HAND, OBJECT, OTHER, PlainFrame
from hand_object_pose_training.inspection.seen_surface import draw

Picture = NDArray[np.uint8]
SUFFIXES = (".jpg", ".jpeg", ".png")

_TILE = 240
# Around the box of hand and object, relative to its longer side.
_MARGIN = 1.5
_LABELS = {OBJECT: (40, 75, 110), HAND: (120, 85, 65), EITHER: (90, 90, 90), OTHER: (60, 60, 60)}
# Metres before and behind hand and object that the depth image's brightness spans.
_ROOM = 0.05


def write_picture(path: Path, splits: Sequence[InspectedSplit], count: int) -> None:
    """Draw ``count`` frames of each split, wrong ones first, one below the other.

    Args:
        path: with one of SUFFIXES; its directory is made.

    Raises:
        UserError: it cannot be written.
    """
    rows = []
    for split in splits:
        source = split.source
        for shown in _chosen(split, count):
            frame, plain = source.pair(shown.number)
            rows.append(outlined(frame, plain, source.hands.right, source.catalogue[frame.object_name]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(path.suffix, contact_sheet(rows)[..., ::-1])[1].tobytes())
    except (OSError, cv2.error) as error:
        raise UserError(f"{path}: the picture cannot be written ({in_one_line(error)})") from error


def _chosen(split: InspectedSplit, count: int) -> list[InspectedFrame]:
    """Wrong frames, then others, spread over the split."""
    wrong, right = split.wrong[:count], [frame for frame in split.frames if not frame.faults]
    count = min(count - len(wrong), len(right))
    return wrong + [right[number * len(right) // count] for number in range(count)]


def outlined(frame: AnnotatedFrame, plain: PlainFrame, hand: HandModel, model: ObjectModel) -> Picture:
    """(240, 480 or 720, 3) RGB: image, mask and depth image around hand and object, as far as there are such files.

    Args:
        frame, plain, hand, model: as for ``measures.measured``.
    """
    meshes = posed_meshes(frame, hand, model)
    owner = draw(frame.camera.matrix, (frame.camera.width, frame.camera.height), meshes).owner
    window = _window(frame)
    depths = np.concatenate([vertices[:, 2] for vertices, _ in meshes])
    pictures = [frame.image(), *_recorded(plain, depths.min() - _ROOM, depths.max() + _ROOM)]
    return np.hstack([_tile(picture, owner, window) for picture in pictures])


def contact_sheet(rows: list[Picture]) -> Picture:
    """Rows one below the other, those without a mask or depth image filled up with black."""
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])


def _recorded(plain: PlainFrame, near: float, far: float) -> list[Picture]:
    """The mask in colours, and depth from bright (near) to dark (far, or not measured)."""
    pictures = []
    if plain.labels is not None:
        picture = np.zeros((*plain.labels.shape, 3), np.uint8)
        for label, colour in _LABELS.items():
            picture[plain.labels == label] = colour
        pictures.append(picture)
    if plain.depth is not None:
        brightness = np.where(plain.depth > 0, (far - plain.depth) / (far - near), 0).clip(0, 1)
        pictures.append(np.repeat((220 * brightness).astype(np.uint8)[..., None], 3, axis=2))
    return pictures


def _window(frame: AnnotatedFrame) -> NDArray[np.floating]:
    """(2, 3) from the image's pixels to a tile's."""
    low, high = frame.box[:2], frame.box[2:]
    scale = _TILE / (_MARGIN * (high - low).max())
    return np.column_stack([scale * np.eye(2), _TILE / 2 - scale * (low + high) / 2])


def _tile(picture: Picture, owner: NDArray, window: NDArray[np.floating]) -> Picture:
    tile = cv2.warpAffine(picture, window, (_TILE, _TILE), flags=cv2.INTER_LINEAR)
    for number, colour in enumerate((OBJECT_COLOUR, HAND_COLOUR)):
        mask = cv2.warpAffine((owner == number).astype(np.uint8), window, (_TILE, _TILE), flags=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(tile, contours, -1, colour, 1)
    return np.asarray(tile, dtype=np.uint8)
