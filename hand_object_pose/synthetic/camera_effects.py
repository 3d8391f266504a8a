"""From light to an image file: exposure, white balance, blur, sRGB, noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.synthetic.appearance import CameraLook
from hand_object_pose.synthetic.colour import grey_levels_of_linear

FloatArray = NDArray[np.float32]


def develop(light: FloatArray, look: CameraLook, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The uint8 sRGB image (H, W, 3) of linear light (H, W, 3)."""
    light = light * (look.exposure * look.white_balance).astype(np.float32)
    if np.linalg.norm(look.motion_blur) > 1.0:
        light = cv2.filter2D(light, -1, _motion_kernel(look.motion_blur), borderType=cv2.BORDER_REFLECT_101)
    if look.blur_sigma > 0.2:
        light = cv2.GaussianBlur(light, (0, 0), look.blur_sigma, borderType=cv2.BORDER_REFLECT_101)
    grey = grey_levels_of_linear(np.asarray(light, dtype=np.float32))
    if look.noise_sigma > 0:
        grey += _noise(grey, look.noise_sigma, rng)
    return (np.clip(grey, 0, 255) + np.float32(0.5)).astype(np.uint8)


def _noise(grey: FloatArray, sigma: float, rng: np.random.Generator) -> FloatArray:
    """Stronger in dark regions, where gamma expands it, as sensors show after their tone curve."""
    strength = np.float32(sigma) * (np.float32(1.25) - grey * np.float32(0.5 / 255))
    return strength * rng.standard_normal(grey.shape, dtype=np.float32)


def _motion_kernel(motion: NDArray[np.floating]) -> FloatArray:
    reach = int(np.ceil(np.abs(motion).max() / 2)) + 1
    size = 2 * reach + 1
    kernel = np.zeros((size, size), dtype=np.float32)
    for share in np.linspace(-0.5, 0.5, 4 * size):
        x, y = reach + share * motion
        left, top = int(np.floor(x)), int(np.floor(y))
        for column, row in ((left, top), (left + 1, top), (left, top + 1), (left + 1, top + 1)):
            if row < size and column < size:
                kernel[row, column] += (1 - abs(x - column)) * (1 - abs(y - row))
    return kernel / kernel.sum()
