"""sRGB and linear light (IEC 61966-2-1)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray

_LEVELS = 4096


def srgb_to_linear(values: FloatArray) -> FloatArray:
    """Linear light of sRGB values in [0, 1], any shape."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(values: FloatArray) -> FloatArray:
    """SRGB values in [0, 1] of linear light, any shape; clipped to [0, 1]."""
    clipped = np.clip(values, 0.0, 1.0)
    return np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)


_BYTE_TO_LINEAR = srgb_to_linear(np.arange(256) / 255.0).astype(np.float32)
# Indexed by the square root of the light, which spreads the dark levels as the eye needs them.
_ROOT_TO_BYTE = (255.0 * linear_to_srgb(np.linspace(0.0, 1.0, _LEVELS) ** 2)).astype(np.float32)


def linear_of_bytes(image: NDArray[np.uint8], gain: float = 1.0) -> NDArray[np.float32]:
    """Linear light, float32, times ``gain``, of sRGB bytes (H, W, C) or (N, C)."""
    if image.size == 0:  # OpenCV returns another shape
        return np.zeros(image.shape, dtype=np.float32)
    table = _BYTE_TO_LINEAR * np.float32(gain)
    return np.asarray(cv2.LUT(image, table), dtype=np.float32).reshape(image.shape)


def grey_levels_of_linear(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """SRGB in grey levels, float32 in [0, 255], of linear light; a table, for speed (error below 0.2 levels)."""
    index = np.sqrt(np.clip(image, 0.0, 1.0))
    return _ROOT_TO_BYTE[(index * (_LEVELS - 1) + 0.5).astype(np.int32)]
