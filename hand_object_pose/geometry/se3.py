"""Rigid motions as 4x4 matrices, and the one place where quaternion orders are converted.

``T_camera_object`` maps points of the object frame into the camera frame.
"""

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape


def pose_matrix(rotation: FloatArray, translation: FloatArray) -> FloatArray:
    """4x4 pose of a rotation matrix (..., 3, 3) and a translation (..., 3) in metres."""
    check_shape("rotation", rotation, ("...", 3, 3))
    check_shape("translation", translation, ("...", 3))
    pose = np.zeros((*rotation.shape[:-2], 4, 4))
    pose[..., :3, :3] = rotation
    pose[..., :3, 3] = translation
    pose[..., 3, 3] = 1.0
    return pose


def transform_points(pose: FloatArray, points: FloatArray) -> FloatArray:
    """Points (..., N, 3) moved by poses (..., 4, 4)."""
    check_shape("pose", pose, ("...", 4, 4))
    check_shape("points", points, ("...", "N", 3))
    return points @ np.swapaxes(pose[..., :3, :3], -1, -2) + pose[..., None, :3, 3]


def inverse_pose(pose: FloatArray) -> FloatArray:
    """Inverse of rigid poses (..., 4, 4)."""
    rotation = np.swapaxes(pose[..., :3, :3], -1, -2)
    return pose_matrix(rotation, -np.einsum("...ij,...j->...i", rotation, pose[..., :3, 3]))


def interpolated_pose(first: FloatArray, second: FloatArray, share: float) -> FloatArray:
    """Pose (4, 4) on the way from one to another: straight translation, the shortest rotation at constant axis."""
    turn = Rotation.from_matrix(first[:3, :3].T @ second[:3, :3]).as_rotvec()
    rotation = first[:3, :3] @ Rotation.from_rotvec(share * turn).as_matrix()
    return pose_matrix(rotation, (1 - share) * first[:3, 3] + share * second[:3, 3])


def quaternion_wxyz_to_xyzw(quaternion: FloatArray) -> FloatArray:
    """Network order (w, x, y, z) to ROS order (x, y, z, w), shape (..., 4)."""
    return np.roll(quaternion, -1, axis=-1)


def quaternion_xyzw_to_wxyz(quaternion: FloatArray) -> FloatArray:
    """ROS order (x, y, z, w) to network order (w, x, y, z), shape (..., 4)."""
    return np.roll(quaternion, 1, axis=-1)


def rotation_from_wxyz(quaternion: FloatArray) -> FloatArray:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4) in (w, x, y, z), of any non-zero length."""
    flat = quaternion_wxyz_to_xyzw(np.reshape(quaternion, (-1, 4)))
    return Rotation.from_quat(flat).as_matrix().reshape(*np.shape(quaternion)[:-1], 3, 3)


def rotation_angle(rotation: FloatArray) -> FloatArray:
    """Angle in radians, [0, pi], of rotation matrices (..., 3, 3)."""
    flat = np.reshape(rotation, (-1, 3, 3))
    return Rotation.from_matrix(flat).magnitude().reshape(np.shape(rotation)[:-2])


def kabsch(source: FloatArray, target: FloatArray) -> FloatArray:
    """The rigid 4x4 pose that best moves source points (N, 3) onto target points (N, 3) (Kabsch 1976)."""
    check_shape("source", source, ("N", 3))
    check_shape("target", target, source.shape)
    source_centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    rotation, _ = Rotation.align_vectors(target - target_centre, source - source_centre)
    matrix = rotation.as_matrix()
    return pose_matrix(matrix, target_centre - matrix @ source_centre)


def wxyz_from_rotation(rotation: FloatArray) -> FloatArray:
    """Unit quaternions (..., 4) in (w, x, y, z) of rotation matrices (..., 3, 3)."""
    flat = Rotation.from_matrix(np.reshape(rotation, (-1, 3, 3))).as_quat()
    return quaternion_xyzw_to_wxyz(flat).reshape(*np.shape(rotation)[:-2], 4)
