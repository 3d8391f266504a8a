"""A rendered image as a lens with distortion would have shown it.

For each pixel of the distorted image OpenCV's iterative undistortion finds the rendered one, while a crop goes the
other way, by projection (``geometry.crops``): what is measured with these images does not repeat its arithmetic.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.geometry.cameras import Camera

_CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-10)


def undistorted_pixels(lens: Camera) -> NDArray[np.float64]:
    """(H, W, 2) pixels at which a pinhole camera of the same matrix sees what each pixel of ``lens`` shows."""
    columns, rows = np.meshgrid(np.arange(lens.width), np.arange(lens.height))
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2).astype(np.float64)
    if not lens.is_distorted:
        return pixels.reshape(lens.height, lens.width, 2)
    undistort: Any = cv2.fisheye.undistortPoints if lens.distortion_model == "equidistant" else cv2.undistortPoints
    straight = undistort(pixels, lens.matrix, lens.distortion, P=lens.matrix, criteria=_CRITERIA)
    return straight.reshape(lens.height, lens.width, 2)


def image_through(lens: Camera, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image (H, W, 3) of a pinhole camera of the same matrix, as the lens shows it; black beyond its rim."""
    sampled = cv2.remap(image, undistorted_pixels(lens).astype(np.float32), None, cv2.INTER_LANCZOS4)
    return np.asarray(sampled, np.uint8)


def depth_through(lens: Camera, depth: NDArray[np.floating]) -> NDArray[np.float32]:
    """The same of a depth image (H, W) in metres, each pixel as it was measured; NaN beyond the rim."""
    pixels = undistorted_pixels(lens).astype(np.float32)
    source = np.asarray(depth, np.float32)
    return np.asarray(
        cv2.remap(source, pixels, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=np.nan)
    )
