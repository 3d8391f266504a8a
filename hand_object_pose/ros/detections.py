"""vision_msgs/Detection2DArray to boxes of hands and objects, each array used for one image only."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.ros.pairing import stamp_of


@dataclass(frozen=True)
class Boxes:
    """What a detector saw.

    Attributes:
        hands, objects: (N, 4) = (x_min, y_min, x_max, y_max) pixels, best first; None where there is none.
        sides: "left", "right" or "" of each hand, by its class id.
        object_id: class of the best object; empty where there is none.
        object_ids: class of each object.
        ignored: class ids that are neither a hand nor an object the weights know.
    """

    hands: FloatArray | None = None
    objects: FloatArray | None = None
    sides: tuple[str, ...] = ()
    object_id: str = ""
    object_ids: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def boxes_from_detections(message: Any, known_objects: list[str], object_id: str = "") -> Boxes:
    """Sort detections into hands (class ids that contain "hand", and perhaps "left" or "right") and known objects.

    A single hand is given the objects of the best one's class only; several hands may hold different ones.

    Args:
        message: vision_msgs/Detection2DArray.
        known_objects: ids that the weights know.
        object_id: only boxes of this object are taken; empty: of any.
    """
    hands, sides, objects, ignored = [], [], [], []
    for _, class_id, box in sorted(map(_best_hypothesis, message.detections), key=lambda entry: -entry[0]):
        if class_id in known_objects:
            objects.append((class_id, box))
        elif "hand" in class_id.lower():
            hands.append(box)
            sides.append(next((side for side in ("left", "right") if side in class_id.lower()), ""))
        else:
            ignored.append(class_id)
    wanted = object_id or (objects[0][0] if objects and len(hands) < 2 else "")
    chosen = [(class_id, box) for class_id, box in objects if wanted in ("", class_id)]
    ids = tuple(class_id for class_id, _ in chosen)
    best = ids[0] if ids else ""
    return Boxes(_stack(hands), _stack([box for _, box in chosen]), tuple(sides), best, ids, tuple(ignored))


class DetectionSlot:
    """Keeps the newest detections until an image is worked on that they belong to; then they are used up."""

    def __init__(self, max_age: float) -> None:
        self._max_age = round(max_age * 1e9)
        self._lock = threading.Lock()
        self._newest: Any = None

    def put(self, message: Any) -> None:
        """A Detection2DArray arrived."""
        with self._lock:
            self._newest = message

    def take(self, stamp: int) -> Any:
        """The unused detections for an image of that stamp (ns): of the same stamp, or at most ``max_age`` older."""
        with self._lock:
            if self._newest is None or stamp_of(self._newest) > stamp:
                return None
            message, self._newest = self._newest, None
            return message if stamp - stamp_of(message) <= self._max_age else None

    def clear(self) -> None:
        """Forget what is kept."""
        with self._lock:
            self._newest = None


def _best_hypothesis(detection: Any) -> tuple[float, str, list[float]]:
    best = max((result.hypothesis for result in detection.results), key=lambda entry: entry.score, default=None)
    box = detection.bbox
    x, y, half_x, half_y = box.center.position.x, box.center.position.y, box.size_x / 2, box.size_y / 2
    corners = [x - half_x, y - half_y, x + half_x, y + half_y]
    return (best.score, best.class_id, corners) if best else (0.0, "", corners)


def _stack(boxes: list) -> FloatArray | None:
    return np.array(boxes, float) if boxes else None
