"""How sure the network is: standard deviations of vertices, and the covariance of the object's pose."""

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.estimation.backend import LixelGeometry
from hand_object_pose.geometry.se3 import quaternion_wxyz_to_xyzw, rotation_from_wxyz

UNCALIBRATED_COVARIANCE = np.diag([0.05**2] * 3 + [0.5**2] * 3)
"""Published with ``covariance_valid`` False: 5 cm and 0.5 rad (29 degrees) about every axis."""


def vertex_sigmas(
    sigma: FloatArray, matrix: FloatArray, depth: FloatArray, geometry: LixelGeometry, root_sigma: float
) -> FloatArray:
    """Standard deviation in metres (V,), root mean square over the three axes.

    Args:
        sigma: spread of the lixel heatmaps (V, 3), lixel units.
        matrix: K of the crop's camera (3, 3), pixels; depth: z of the vertices (V,), metres.
        geometry: see ``LixelGeometry``; root_sigma: of the wrist's depth, metres.
    """
    check_shape("sigma", sigma, (len(depth), 3))
    focal = np.array([matrix[0, 0], matrix[1, 1]])
    lateral = sigma[:, :2] * (geometry.image_size / geometry.bins) / focal * depth[:, None]
    along = np.hypot(sigma[:, 2] * (2 * geometry.depth_radius / geometry.bins), root_sigma)
    return np.sqrt((np.square(lateral).sum(axis=1) + along**2) / 3)


def joint_sigmas(sigma: FloatArray, regressor: FloatArray) -> FloatArray:
    """Standard deviations (21,) of joints, metres, of those of vertices (778,); neighbours err together."""
    return np.abs(regressor) @ sigma


def vote_covariance(
    votes: FloatArray, quaternion: FloatArray, translation: FloatArray, viewing_rotation: FloatArray
) -> FloatArray:
    """Covariance (6, 6) of one node's vote about the estimate: x, y, z, then rotation about the camera's fixed axes.

    Args:
        votes: (N, 7) quaternions (w, x, y, z) of any length and either sign, and translations in metres.
        quaternion: (4,) and translation: (3,) of the estimate; viewing_rotation: R_view (3, 3).
    """
    check_shape("votes", votes, ("N", 7))
    quaternions = votes[np.linalg.norm(votes[:, :4], axis=1) > 1e-9]
    estimate = Rotation.from_matrix(rotation_from_wxyz(quaternion))
    # A rotation vector is the same for q and -q.
    turns = (Rotation.from_quat(quaternion_wxyz_to_xyzw(quaternions[:, :4])) * estimate.inv()).as_rotvec()
    deviations = np.concatenate([quaternions[:, 4:] - translation, turns], axis=1)
    both = np.kron(np.eye(2), viewing_rotation)
    return both @ (deviations.T @ deviations / max(len(deviations), 1)) @ both.T
