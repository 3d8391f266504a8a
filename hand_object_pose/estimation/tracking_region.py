"""The region of interest that follows the previous estimate."""

from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.region_of_interest import LEAST_OVERLAP, Detections, FullFrame, Region, overlap
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import DEFAULT_MARGIN, CropBox, crop_through, projected_box, square_crop


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
    object. A detection that overlaps it by less than ``LEAST_OVERLAP`` takes over at once.
    """

    def __init__(
        self,
        margin: float = DEFAULT_MARGIN,
        lost_after: float = 0.5,
        longest_prediction: float = 0.2,
        fastest_shrinking: float = 0.3,
    ) -> None:
        """Set the rules.

        Args:
            margin: the square's side relative to the box around hand and object.
            lost_after: seconds.
            longest_prediction: seconds; over a longer gap the square is not moved on any further.
            fastest_shrinking: share of its side that the square loses in a second at most.
        """
        self._detections = Detections(margin)
        self._margin = margin
        self._lost_after = lost_after
        self._longest_prediction = longest_prediction
        self._fastest_shrinking = fastest_shrinking
        self._detector_answers = False
        self._track: _Track | None = None

    def propose(self, frame: Frame) -> Region:
        """The region of a frame."""
        detected = self._detections.propose(frame)
        self._detector_answers |= detected.crop is not None or frame.boxes_source == "detector"
        tracked = self.expected(frame.stamp)
        if tracked is None or (detected.crop and overlap(tracked, detected.crop) < LEAST_OVERLAP):
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

    def change_camera(self, before: Camera, camera: Camera) -> None:
        """Another resolution, window or lens: the track goes on with the square that shows the same of the world."""
        if self._track is not None:
            here, (x, y) = self._track.crop, self._track.velocity
            crop = crop_through(here, before, camera)
            a_second_later = crop_through(CropBox(here.x + x, here.y + y, here.side), before, camera)
            self._track = _Track(crop, self._track.stamp, a_second_later.centre - crop.centre)

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
