"""Where a hand is before it arrives at an object."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.synthetic.hand_frame import HandFrame


@dataclass(frozen=True)
class ReachConfig:
    """How a hand comes to an object.

    Attributes:
        distance: least and largest way still to go, metres.
        cone: standard deviation of the angle between the way and the approach direction, radians.
        turn: standard deviation of the wrist's rotation still to make at the largest distance, radians an axis.
    """

    distance: tuple[float, float] = (0.01, 0.22)
    cone: float = 0.35
    turn: float = 0.17


def retreated(
    wrist: FloatArray, frame: HandFrame, reach: ReachConfig, distance: float, rng: np.random.Generator
) -> FloatArray:
    """A wrist pose (4, 4) in any frame from which a hand still has to go ``distance`` metres to ``wrist``.

    It lies back along the palm's normal and the forearm, within a cone, and is turned the more the farther it is.
    """
    if distance == 0:
        return wrist
    back = -(frame.palmar + rng.uniform(0.2, 1.5) * frame.forward)
    back = Rotation.from_rotvec(rng.normal(0, reach.cone, 3)).apply(back / np.linalg.norm(back))
    turn = Rotation.from_rotvec(rng.normal(0, reach.turn, 3) * distance / reach.distance[1]).as_matrix()
    return wrist @ pose_matrix(turn, distance * back)
