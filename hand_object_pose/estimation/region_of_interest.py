"""Which square of the image the network looks at: several ways with one interface, chosen by name.

The paper is given the box around hand and object. A live system takes it from a detector, from its own previous
estimate, or from its user.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.crops import DEFAULT_MARGIN, CropBox, projected_box, square_crop
from hand_object_pose.geometry.projection import undistort_boxes

FloatArray = NDArray[np.floating]

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

    def reset(self) -> None:
        """Forget everything learned."""
        ...


class _Stateless:
    def update(self, frame: Frame, points: FloatArray | None) -> None:
        """Nothing to learn."""

    def expected(self, stamp: float) -> CropBox | None:
        """Nothing is tracked."""
        return None

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


@dataclass(frozen=True)
class _Track:
    """The last square, when it was seen (seconds), and its velocity (2,) in pixels a second."""

    crop: CropBox
    stamp: float
    velocity: FloatArray


class Tracking:
    """Follows the previous estimate.

    A track begins with a detection, or with the full frame while no detector has ever answered. It follows the square
    around the projected hand and object, moved on by its last velocity. It ends ``lost_after`` seconds after the last
    valid estimate.

    What is cut off by the square is estimated too near to its middle, so that the next square would cut off more. Two
    rules end that: the square shrinks slowly, and a detection moves it halfway to where the detector sees hand and
    object. A detection that lies elsewhere takes over at once.
    """

    def __init__(
        self,
        margin: float = DEFAULT_MARGIN,
        lost_after: float = 0.5,
        least_overlap: float = LEAST_OVERLAP,
        longest_prediction: float = 0.2,
        fastest_shrinking: float = 0.3,
    ) -> None:
        """Set the rules.

        Args:
            margin: the square's side relative to the box around hand and object.
            lost_after: seconds.
            least_overlap: intersection over union of track and detection below which the detection wins.
            longest_prediction: seconds; over a longer gap the square is not moved on any further.
            fastest_shrinking: share of its side that the square loses in a second at most.
        """
        self._detections = Detections(margin)
        self._margin = margin
        self._lost_after = lost_after
        self._least_overlap = least_overlap
        self._longest_prediction = longest_prediction
        self._fastest_shrinking = fastest_shrinking
        self._detector_answers = False
        self._track: _Track | None = None

    def propose(self, frame: Frame) -> Region:
        """The region of a frame."""
        detected = self._detections.propose(frame)
        self._detector_answers |= detected.crop is not None or frame.boxes_source == "detector"
        tracked = self.expected(frame.stamp)
        if tracked is None or (detected.crop and overlap(tracked, detected.crop) < self._least_overlap):
            self._track = None
            if detected.crop is None and not self._detector_answers:
                return FullFrame().propose(frame)
            return detected
        return Region(tracked if detected.crop is None else _between(tracked, detected.crop), "tracking")

    def update(self, frame: Frame, points: FloatArray | None) -> None:
        """Learn the estimate: hand and object points (N, 3) in metres, camera frame; None if it was not valid."""
        if points is None or points[:, 2].min() <= 0:
            return
        crop = square_crop(projected_box(frame.camera, points)[None], self._margin)
        image = FullFrame().propose(frame).crop
        if image is None or overlap(crop, image) == 0:
            return
        velocity = np.zeros(2)
        if self._track is not None and 0 < (elapsed := frame.stamp - self._track.stamp) <= self._lost_after:
            velocity = (crop.centre - self._track.crop.centre) / elapsed
            least = self._track.crop.side * (1 - self._fastest_shrinking) ** elapsed
            crop = _square(crop.centre, max(crop.side, least))
        self._track = _Track(crop, frame.stamp, velocity)

    def reset(self) -> None:
        """Forget everything learned."""
        self._track = None
        self._detector_answers = False

    def expected(self, stamp: float) -> CropBox | None:
        """The square moved on to ``stamp``, by a quarter of its side at most; None where the track is lost."""
        if self._track is None or not 0 <= (elapsed := stamp - self._track.stamp) <= self._lost_after:
            return None
        crop = self._track.crop
        shift = self._track.velocity * min(elapsed, self._longest_prediction)
        x, y = np.clip(shift, -crop.side / 4, crop.side / 4)
        return CropBox(crop.x + float(x), crop.y + float(y), crop.side)


def _between(first: CropBox, second: CropBox) -> CropBox:
    """The square halfway between two."""
    return _square((first.centre + second.centre) / 2, (first.side + second.side) / 2)


def _square(centre: FloatArray, side: float) -> CropBox:
    x, y = centre - side / 2
    return CropBox(float(x), float(y), side)


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
    hands = np.zeros((0, 4)) if frame.hand_boxes is None else frame.hand_boxes
    objects = np.zeros((0, 4)) if frame.object_boxes is None else frame.object_boxes
    if not len(hands) or not len(objects):
        boxes = np.concatenate([hands[:1], objects[:1]])
        return boxes if len(boxes) else None
    gaps = np.linalg.norm(_centres(objects) - _centres(hands[:1]), axis=1)
    return np.stack([hands[0], objects[np.argmin(gaps)]])


def _centres(boxes: FloatArray) -> FloatArray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
