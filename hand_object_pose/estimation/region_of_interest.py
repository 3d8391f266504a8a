"""Which square of the image the network looks at: several ways with one interface, chosen by name.

The paper is given the box around hand and object. A live system takes it from a detector, from its own previous
estimate, or from its user.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import DEFAULT_MARGIN, CropBox, square_crop
from hand_object_pose.geometry.projection import undistort_boxes

MODES = ("auto", "tracking", "topic", "fixed", "full_frame")
LEAST_OVERLAP = 0.2
"""Intersection over union of squares below which they are taken to be of different hands."""
# Where only the hand or only the object was detected, the other is somewhere beside it.
_LONE_BOX_FACTOR = 1.5
_NOT_DETECTED = {
    "topic": "no detection of a hand or an object in this image",
    "detector": "the built-in detector finds no hand in this image, and no detection came from elsewhere",
}


@dataclass(frozen=True)
class Region:
    """A square to look at, and where it came from; ``crop`` is None, and ``reason`` says why, if there is none."""

    crop: CropBox | None
    source: str
    reason: str = ""


class RegionOfInterest(Protocol):
    """Proposes a region for each frame and learns what became of it."""

    def propose(self, frame: Frame) -> Region:
        """The region of a frame."""
        ...

    def update(self, frame: Frame, points: FloatArray | None) -> None:
        """Learn the estimate: hand and object points (N, 3) in metres, camera frame; None if it was not valid."""
        ...

    def expected(self, stamp: float) -> CropBox | None:
        """Where a tracked pair would be at a time in seconds; None where none is tracked."""
        ...

    def change_camera(self, before: Camera, camera: Camera) -> None:
        """From now on frames are seen through another camera, in the same place."""
        ...

    def reset(self) -> None:
        """Forget everything learned."""
        ...


class _Stateless:
    def update(self, frame: Frame, points: FloatArray | None) -> None:
        """Nothing to learn."""

    def expected(self, stamp: float) -> CropBox | None:
        """Nothing is tracked."""
        return None

    def change_camera(self, before: Camera, camera: Camera) -> None:
        """Nothing is tracked."""

    def reset(self) -> None:
        """Nothing to forget."""


class FullFrame(_Stateless):
    """The smallest square that holds the whole image."""

    def propose(self, frame: Frame) -> Region:
        """The region of a frame."""
        edges = np.array([[-0.5, -0.5, frame.camera.width - 0.5, frame.camera.height - 0.5]])
        return Region(square_crop(edges, margin=1.0), "full_frame")


class Fixed(_Stateless):
    """A box that the user gives."""

    def __init__(self, box: FloatArray) -> None:
        """``box`` = (x_min, y_min, x_max, y_max) in pixels; it is grown to a square."""
        self._crop = square_crop(np.reshape(box, (1, 4)), margin=1.0)

    def propose(self, frame: Frame) -> Region:
        """The region of a frame."""
        return Region(self._crop, "fixed")


class Detections(_Stateless):
    """The best detected hand with the object detected nearest to it."""

    def __init__(self, margin: float = DEFAULT_MARGIN) -> None:
        """``margin``: the square's side relative to the union of both boxes."""
        self._margin = margin

    def propose(self, frame: Frame) -> Region:
        """The region of a frame."""
        boxes, source = _hand_and_object(frame), frame.boxes_source
        if boxes is None:
            return Region(None, source, _NOT_DETECTED[source])
        try:
            margin = self._margin if len(boxes) == 2 else self._margin * _LONE_BOX_FACTOR
            return Region(square_crop(undistort_boxes(frame.camera, boxes), margin), source)
        except ValueError as error:
            return Region(None, source, f"unusable detection: {error}")


def neighbours(crop: CropBox, share: float = 0.06) -> tuple[CropBox, ...]:
    """The squares that lie by ``share`` of the side above, below, to the left and to the right."""
    step = share * crop.side
    moves = ((0.0, -step), (0.0, step), (-step, 0.0), (step, 0.0))
    return tuple(CropBox(crop.x + x, crop.y + y, crop.side) for x, y in moves)


def overlap(first: CropBox, second: CropBox) -> float:
    """Intersection over union of two squares."""
    width = min(first.x + first.side, second.x + second.side) - max(first.x, second.x)
    height = min(first.y + first.side, second.y + second.side) - max(first.y, second.y)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (first.side**2 + second.side**2 - shared)


def _hand_and_object(frame: Frame) -> FloatArray | None:
    """Boxes (2, 4) of the best hand and the object nearest to it, or (1, 4) of the only one of both; None: neither."""
    hands = np.zeros((0, 4)) if frame.hand_boxes is None else frame.hand_boxes
    objects = np.zeros((0, 4)) if frame.object_boxes is None else frame.object_boxes
    nearest = frame.nearest_object(0) or 0
    boxes = np.concatenate([hands[:1], objects[nearest : nearest + 1]])
    return boxes if len(boxes) else None
