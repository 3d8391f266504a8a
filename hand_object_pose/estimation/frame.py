"""What the estimator is given: one image and whatever is known about it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.cameras import Camera


@dataclass(frozen=True)
class Frame:
    """One image.

    Attributes:
        image: (H, W, 3) uint8 RGB, as the camera took it (distorted).
        camera: its intrinsics.
        stamp: seconds, of any clock that does not jump.
        depth: (H, W) metres along the optical axis, aligned to the image; 0 and NaN are holes.
        hand_boxes, object_boxes: detections (N, 4) = (x_min, y_min, x_max, y_max) in pixels of ``image``, best
            first; None where nothing was detected, or no detector ran.
        hand_sides: "left", "right" or "" (not known) of each hand box; empty: of none.
        object_ids: which object each of the object boxes is of; empty: all are of ``object_id``.
        object_id: the object that a detector named.
        boxes_source: who detected: "topic", or "detector" for the built-in one.
        true_root_depth: the wrist's depth in metres, in evaluation only.
    """

    image: NDArray[np.uint8]
    camera: Camera
    stamp: float = 0.0
    depth: FloatArray | None = None
    hand_boxes: FloatArray | None = None
    object_boxes: FloatArray | None = None
    hand_sides: tuple[str, ...] = ()
    object_ids: tuple[str, ...] = ()
    object_id: str = ""
    boxes_source: str = "topic"
    true_root_depth: float | None = None

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        check_shape("Frame.image", self.image, (*size, 3))
        if self.depth is not None:
            check_shape("Frame.depth", self.depth, size)
        for name in ("hand_boxes", "object_boxes"):
            if (boxes := getattr(self, name)) is not None:
                check_shape(f"Frame.{name}", boxes, ("N", 4))
        for name, boxes in (("hand_sides", self.hand_boxes), ("object_ids", self.object_boxes)):
            found = getattr(self, name)
            if found and len(found) != (0 if boxes is None else len(boxes)):
                raise ValueError(f"Frame.{name}: expected one for each box, or none, found {found}")

    @property
    def has_boxes(self) -> bool:
        """Whether a hand or an object was detected."""
        return any(boxes is not None and len(boxes) > 0 for boxes in (self.hand_boxes, self.object_boxes))

    def nearest_object(self, hand: int) -> int | None:
        """Which of the object boxes has its middle nearest to that of a hand box; None where one of both is missing."""
        if self.hand_boxes is None or self.object_boxes is None or hand >= len(self.hand_boxes):
            return None
        if not len(self.object_boxes):
            return None
        ways = _middles(self.object_boxes) - _middles(self.hand_boxes[hand])
        return int(np.argmin(np.linalg.norm(ways, axis=1)))

    def without_boxes(self) -> "Frame":
        """The frame as if no detector had run."""
        return replace(self, hand_boxes=None, hand_sides=(), object_boxes=None, object_ids=(), object_id="")


def _middles(boxes: FloatArray) -> FloatArray:
    return (boxes[..., :2] + boxes[..., 2:]) / 2
