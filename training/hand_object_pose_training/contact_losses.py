"""Contact and penetration losses of a grasp, and the rule that refuses implausible ones (the paper's section 4.1).

The losses are those of Hasson et al. (Learning joint reconstruction of hands and manipulated objects, CVPR 2019,
section 3.3), in metres and as sums: only so do both of the paper's thresholds mean something. As the mean that the
published training code of that work takes, the penetration loss could never exceed 0.02 m, let alone 0.1.
"""

from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import BoolArray, FloatArray, IntArray
from hand_object_pose.checks import check_shape
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import MANO_JOINT_FINGER

ATTRACTION = 0.01
"""a of the contact loss, metres."""
REPULSION = 0.02
"""r of the penetration loss, metres."""


@dataclass(frozen=True)
class GraspLimits:
    """The paper's lambda_c and lambda_p: a grasp with a larger loss is refused.

    Attributes:
        contact: of the contact loss, metres.
        penetration: of the penetration loss, metres.
    """

    contact: float = 0.012
    penetration: float = 0.1


@dataclass(frozen=True)
class FilterReport:
    """How many grasps were refused, and why; a grasp may be refused for both reasons.

    Attributes:
        tried: all; contact, penetration: refused for this loss; kept: the rest.
    """

    tried: int
    contact: int
    penetration: int
    kept: int

    @property
    def rejection_rate(self) -> float:
        """Share of the tried ones that were refused."""
        return 1 - self.kept / self.tried if self.tried else 0.0

    def __str__(self) -> str:
        return (
            f"{self.kept} of {self.tried} grasps kept, {100 * self.rejection_rate:.1f} % refused "
            f"({self.contact} for contact, {self.penetration} for penetration)"
        )


def contact_zones(hand: HandModel) -> list[IntArray]:
    """Six sets of vertex numbers: the last link of each finger, thumb to little finger, and the palm.

    By the largest blending weight. The published zones are statistics of grasps on MANO's vertices, and do not fit
    other hands.
    """
    joint = np.argmax(hand.weights, axis=1)
    last = [MANO_JOINT_FINGER[1:].index(finger) + 3 for finger in range(5)]
    return [np.flatnonzero(joint == number) for number in [*last, 0]]


def contact_loss(distances: FloatArray, zones: list[IntArray]) -> FloatArray:
    """(N,) metres: the sum over zones of a tanh(d / a), d being the zone's distance to the object, 0 where it touches.

    Args:
        distances: (N, 778) signed distances of the hand's vertices to the object, metres, negative inside.
        zones: see ``contact_zones``.
    """
    check_shape("distances", distances, ("N", 778))
    gaps = np.stack([np.maximum(distances[:, zone].min(axis=1), 0) for zone in zones], axis=1)
    return (ATTRACTION * np.tanh(gaps / ATTRACTION)).sum(axis=1)


def penetration_loss(distances: FloatArray) -> FloatArray:
    """(N,) metres: the sum over all vertices inside the object of r tanh(depth / r); ``distances`` as above."""
    check_shape("distances", distances, ("N", 778))
    return (REPULSION * np.tanh(np.maximum(-distances, 0) / REPULSION)).sum(axis=1)


def plausible(distances: FloatArray, zones: list[IntArray], limits: GraspLimits) -> tuple[BoolArray, FilterReport]:
    """Which grasps (N,) keep both limits, and the count; ``distances`` and ``zones`` as above."""
    detached = contact_loss(distances, zones) > limits.contact
    pressed = penetration_loss(distances) > limits.penetration
    kept = ~(detached | pressed)
    return kept, FilterReport(len(kept), int(detached.sum()), int(pressed.sum()), int(kept.sum()))
