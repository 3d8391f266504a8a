"""Reflections: of points and poses, and of what the network says of a picture in a mirror."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.estimation.backend import LixelGeometry, NetworkOutput
from hand_object_pose.geometry.cameras import Camera

FloatArray = NDArray[np.floating]

MIRROR = np.diag([-1.0, 1.0, 1.0])
"""M: the reflection of x, of points in the camera frame as of a template in the object frame."""

MIRRORED = ".mirrored"
"""Ends the name of an object's mirror image, whose template is M V."""


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


def mirror_output(output: NetworkOutput, geometry: LixelGeometry) -> NetworkOutput:
    """What would be the answer about a picture, had it been asked about instead of its mirror image; and vice versa.

    Pixel u of the mirror image is pixel W - 1 - u of the picture. Rotations become M R M.
    """
    place = _mirror_lixels if geometry.origin_in_lixels else _mirror_metres
    turns, places = _mirror_quaternions(output.votes[..., :4]), place(output.votes[..., 4:], geometry)
    return replace(
        output,
        hand_lixels=_mirror_lixels(output.hand_lixels, geometry),
        object_lixels=_mirror_lixels(output.object_lixels, geometry),
        quaternion=_mirror_quaternions(output.quaternion),
        translation=place(output.translation, geometry),
        votes=np.concatenate([turns, places], axis=-1),
    )


def _mirror_lixels(lixels: FloatArray, geometry: LixelGeometry) -> FloatArray:
    """Lixels (..., 3) of points of the picture that is mirrored left to right."""
    last = (geometry.image_size - 1) * geometry.bins / geometry.image_size
    return np.array([last, 0.0, 0.0]) + mirror_points(lixels)


def _mirror_metres(points: FloatArray, _: LixelGeometry) -> FloatArray:
    return mirror_points(points)


def _mirror_quaternions(quaternions: FloatArray) -> FloatArray:
    """Of M R M: (w, x, -y, -z), because an axis of rotation is an axial vector."""
    return quaternions * np.array([1.0, 1.0, -1.0, -1.0])
