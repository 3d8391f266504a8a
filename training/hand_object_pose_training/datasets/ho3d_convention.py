"""HO3D's camera frame, joint order and object poses, and what they are here.

HO3D's camera frame is OpenGL's: x right, y up, the camera looks along -z. F = diag(1, -1, -1) takes points of either
frame to the other; it is its own inverse, so that each function below converts in both directions.
"""

from itertools import product

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.hand.joints import MANO_WITH_TIPS_TO_STANDARD, STANDARD_TO_HO3D
from hand_object_pose_training.datasets.hands import ManoParameters

FLIP = np.diag([1.0, -1.0, -1.0])
IMAGE_SIZE = (640, 480)
SPLITS = ("train", "evaluation")


def flip_points(points: FloatArray) -> FloatArray:
    """F X of points (..., 3), metres."""
    return points * np.diag(FLIP)


def flip_pose(pose: FloatArray) -> FloatArray:
    """F T of an object's pose (4, 4): the camera's frame changes, the object's does not."""
    flipped = pose.copy()
    flipped[:3] = FLIP @ pose[:3]
    return flipped


def flip_hand(hand: ManoParameters, rest_wrist: FloatArray) -> ManoParameters:
    """The same hand in the other frame.

    The root rotates about the wrist J0 (3,) of the shaped template at rest, not about the origin, so that the
    translation becomes F (J0 + t) - J0.
    """
    root = Rotation.from_matrix(FLIP @ Rotation.from_rotvec(hand.pose[:3]).as_matrix()).as_rotvec()
    translation = flip_points(rest_wrist + hand.translation) - rest_wrist
    return ManoParameters(np.concatenate([root, hand.pose[3:]]), hand.betas, translation)


def joints_from_ho3d(joints: FloatArray) -> FloatArray:
    """Joints (..., 21, 3) in the order of ``hand.joints``; the frame stays the same."""
    return joints[..., list(MANO_WITH_TIPS_TO_STANDARD), :]


def joints_to_ho3d(joints: FloatArray) -> FloatArray:
    """Joints (..., 21, 3) in HO3D's order; the frame stays the same."""
    return joints[..., list(STANDARD_TO_HO3D), :]


def box_corners(vertices: FloatArray) -> FloatArray:
    """(8, 3) corners of the box around vertices (V, 3), counted in binary: z changes with every corner, x once."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return np.array([[corner[axis] for axis in range(3)] for corner in product(*zip(low, high, strict=True))])
