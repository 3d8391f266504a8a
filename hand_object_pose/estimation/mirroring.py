"""Left hands: the network sees right hands, so their images are mirrored on the way in, and results on the way out."""

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.geometry.cameras import Camera

FloatArray = NDArray[np.floating]

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


def mirror_pose(pose: FloatArray) -> FloatArray:
    """R' = M R M and t' = M t of a pose (4, 4): what the mirrored template M V has to be moved by."""
    mirrored = pose.copy()
    mirrored[:3, :3] = MIRROR @ pose[:3, :3] @ MIRROR
    mirrored[:3, 3] = MIRROR @ pose[:3, 3]
    return mirrored
