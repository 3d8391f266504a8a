"""Poses that look the same because of an object's symmetries."""

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.se3 import inverse_pose, pose_matrix, rotation_angle, transform_points
from hand_object_pose.objects.object_model import Symmetries
from hand_object_pose.objects.symmetry_file import rotation_about

DEFAULT_STEPS = 36


def symmetry_transforms(symmetries: Symmetries, steps: int = DEFAULT_STEPS) -> FloatArray:
    """The set S of transforms (N, 4, 4), object frame to object frame, the identity first.

    A continuous axis gives ``steps`` rotations, each combined with each discrete symmetry, as the BOP benchmark does.
    """
    transforms = [symmetries.discrete]
    for axis, point in zip(symmetries.axes, symmetries.axis_points, strict=True):
        turns = rotation_about(axis, point, 2 * np.pi * np.arange(1, steps) / steps)
        transforms.append((turns[:, None] @ symmetries.discrete[None]).reshape(-1, 4, 4))
    return np.concatenate(transforms)


def nearest_equivalent_pose(pose: FloatArray, reference: FloatArray, symmetries: Symmetries) -> FloatArray:
    """The pose (4, 4) that looks like ``pose`` and whose rotation is nearest to that of ``reference`` (4, 4).

    Exact: for one continuous axis by a closed form, combined with discrete symmetries; an object with several is round
    about the point where they meet, and may be turned as the reference is.
    """
    check_shape("pose", pose, (4, 4))
    check_shape("reference", reference, (4, 4))
    if len(symmetries.axes) > 1:
        centre = _common_point(symmetries.axes, symmetries.axis_points)
        rotation = reference[:3, :3]
        return pose_matrix(rotation, transform_points(pose, centre[None])[0] - rotation @ centre)
    candidates = pose @ symmetries.discrete
    for axis, point in zip(symmetries.axes[:1], symmetries.axis_points[:1], strict=True):
        candidates = np.stack([_turned_towards(each, reference, axis, point) for each in candidates])
    angles = rotation_angle(np.swapaxes(candidates[:, :3, :3], 1, 2) @ reference[:3, :3])
    return candidates[int(np.argmin(angles))]


def _common_point(axes: FloatArray, points: FloatArray) -> FloatArray:
    """The point (3,) nearest to all lines along unit ``axes`` (A, 3) through ``points`` (A, 3), by least squares."""
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    return np.linalg.lstsq(across.sum(axis=0), (across @ points[..., None]).sum(axis=0)[:, 0], rcond=None)[0]


def _turned_towards(pose: FloatArray, reference: FloatArray, axis: FloatArray, point: FloatArray) -> FloatArray:
    """``pose`` turned about the object's axis so that its rotation comes nearest to the reference's.

    The nearest rotation about an axis is the twist of the swing-twist decomposition of pose^-1 reference: the angle
    that maximises trace(R_twist^T D), which is atan2 of the two sums below.
    """
    difference = (inverse_pose(pose) @ reference)[:3, :3]
    skew = np.array([difference[2, 1], difference[0, 2], difference[1, 0]]) - np.array(
        [difference[1, 2], difference[2, 0], difference[0, 1]]
    )
    angle = np.arctan2(skew @ axis, np.trace(difference) - axis @ difference @ axis)
    return pose @ rotation_about(axis, point, float(angle))
