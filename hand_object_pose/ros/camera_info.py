"""sensor_msgs/CameraInfo to ``Camera``."""

from typing import Any

import numpy as np

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera

# Distortion model -> allowed numbers of coefficients.
DISTORTION_MODELS = {
    "": (0,),
    "plumb_bob": (0, 4, 5),
    "rational_polynomial": (0, 5, 8, 12, 14),
    "equidistant": (0, 4),
}


class CameraInfoError(UserError):
    """A CameraInfo that cannot be used."""


def camera_from_info(message: Any, rectified: bool = False) -> Camera:
    """The camera that took the image beside this CameraInfo.

    Args:
        message: sensor_msgs/CameraInfo; its region of interest and binning are applied.
        rectified: the image is rectified: its intrinsics are P and it has no distortion.

    Raises:
        CameraInfoError: not calibrated, not finite, or an unknown distortion model.
    """
    matrix = np.array(message.p, float).reshape(3, 4)[:, :3] if rectified else np.array(message.k, float).reshape(3, 3)
    name = "P" if rectified else "K"
    if matrix[0, 0] == 0 or matrix[1, 1] == 0:
        raise CameraInfoError(
            f"the camera is not calibrated: the focal lengths in {name} are 0; calibrate it, or publish its intrinsics"
        )
    if not np.isfinite(matrix).all() or matrix[0, 0] < 0 or matrix[1, 1] < 0:
        raise CameraInfoError(f"{name} must be finite with positive focal lengths, found {matrix.tolist()}")
    distortion = np.zeros(0) if rectified else _distortion(message)
    window = message.roi
    whole = window.width == 0 or window.height == 0
    camera = Camera(matrix, message.width, message.height, "" if rectified else message.distortion_model, distortion)
    return camera.windowed(
        (0, 0) if whole else (window.x_offset, window.y_offset),
        (message.width, message.height) if whole else (window.width, window.height),
        (max(1, message.binning_x), max(1, message.binning_y)),
    )


def _distortion(message: Any) -> np.ndarray:
    model, coefficients = message.distortion_model, np.array(message.d, float)
    if model not in DISTORTION_MODELS:
        known = ", ".join(name for name in DISTORTION_MODELS if name)
        raise CameraInfoError(f"distortion model '{model}' is not supported; supported are {known}")
    if len(coefficients) not in DISTORTION_MODELS[model] or not np.isfinite(coefficients).all():
        allowed = " or ".join(map(str, DISTORTION_MODELS[model]))
        raise CameraInfoError(
            f"distortion model '{model}' needs {allowed} finite coefficients, found {coefficients.tolist()}"
        )
    return coefficients
