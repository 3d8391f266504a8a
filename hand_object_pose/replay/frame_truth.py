"""What is true of one image, and of all images of a bag."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.result import HandEstimate, HandObjectEstimate, ObjectEstimate


@dataclass(frozen=True)
class FrameTruth:
    """What is true of one image; metres, camera frame.

    Attributes:
        object_name: id in the catalogue; object_pose: (4, 4) object frame to camera frame.
        hand_vertices: (778, 3), joints: (21, 3); None where only the object is known. side: "right" or "left".
    """

    object_name: str
    object_pose: FloatArray
    hand_vertices: FloatArray | None = None
    joints: FloatArray | None = None
    side: str = "right"

    def as_estimate(self) -> HandObjectEstimate:
        """The same as if it had been estimated without a doubt."""
        hand = None
        if self.hand_vertices is not None and self.joints is not None:
            sure = np.zeros(len(self.hand_vertices)), np.zeros(len(self.joints))
            hand = HandEstimate(self.hand_vertices, self.joints, *sure, self.side)
        thing = ObjectEstimate(self.object_name, self.object_pose, np.zeros((6, 6)), True)
        return HandObjectEstimate(0, True, "", 1.0, hand, thing)


class Truth(Protocol):
    """What a bag says is true.

    Attributes:
        topic: where it says so, for people; empty: nowhere.
    """

    @property
    def topic(self) -> str:
        """See above."""
        ...

    @property
    def count(self) -> int:
        """How many times it says so."""
        ...

    def at(self, stamp: int, tolerance: int) -> FrameTruth | None:
        """The truth of an image; None where it is not known near enough (nanoseconds)."""
        ...
