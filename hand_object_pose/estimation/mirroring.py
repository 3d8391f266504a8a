"""Reflections of cameras, points and poses, and of what the network says of a picture in a mirror."""

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.backend import LixelGeometry
from hand_object_pose.geometry.cameras import Camera

MIRROR = np.diag([-1.0, 1.0, 1.0])
"""M: the reflection of x, of points in the camera frame as of a template in the object frame."""


def mirror_camera(camera: Camera) -> Camera:
    """The pinhole camera of the image that is mirrored left to right; its points are M times those of the first."""
    matrix = camera.matrix.copy()
    matrix[0, 2] = camera.width - 1 - matrix[0, 2]
    matrix[0, 1] = -matrix[0, 1]
    return Camera(matrix, camera.width, camera.height)


def mirror_points(points: FloatArray) -> FloatArray:
    """M X of points (..., 3)."""
    return points * np.diag(MIRROR)


def mirror_lixels(lixels: FloatArray, geometry: LixelGeometry) -> FloatArray:
    """Lixels (..., 3) in a picture of those in its mirror image, and vice versa: pixel u is pixel W - 1 - u there."""
    last = (geometry.image_size - 1) * geometry.bins / geometry.image_size
    return np.array([last, 0.0, 0.0]) + mirror_points(lixels)


def mirror_pose(pose: FloatArray) -> FloatArray:
    """R' = M R M and t' = M t of a pose (4, 4): what the mirrored template M V has to be moved by."""
    mirrored = pose.copy()
    mirrored[:3, :3] = MIRROR @ pose[:3, :3] @ MIRROR
    mirrored[:3, 3] = MIRROR @ pose[:3, 3]
    return mirrored
