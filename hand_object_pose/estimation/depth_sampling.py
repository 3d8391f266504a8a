"""Looking up depths in an aligned depth image, and finding where many of them agree."""

import numpy as np

from hand_object_pose.arrays import BoolArray, FloatArray
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.projection import distort

_AROUND = np.mgrid[-1:2, -1:2].reshape(2, 9).T
"""Rows and columns (9, 2) of a pixel and its neighbours relative to it."""


def sample_depth(frame: Frame, pixels: FloatArray, largest_step: float) -> tuple[FloatArray, BoolArray]:
    """Depths (N,) in metres at undistorted pixels (N, 2), and whether the 3x3 pixels around are whole and smooth.

    Where they are not, the depth is 0.

    Args:
        frame: with a depth image.
        pixels: of the undistorted full image, or outside.
        largest_step: metres between the nearest and the farthest of the nine.
    """
    depth = frame.depth
    if depth is None:
        raise ValueError("sample_depth: the frame holds no depth image")
    if frame.camera.is_distorted:
        pixels = distort(frame.camera, frame.camera.unproject(pixels, np.ones(len(pixels))))
    height, width = depth.shape
    columns, rows = np.rint(np.nan_to_num(pixels, nan=-1.0).clip(-1, max(height, width))).astype(np.int64).T
    inside = (columns >= 1) & (columns < width - 1) & (rows >= 1) & (rows < height - 1)
    middles = rows.clip(1, height - 2) * width + columns.clip(1, width - 2)
    around = depth.ravel().take(middles[:, None] + (_AROUND[:, 0] * width + _AROUND[:, 1]))
    nearest, farthest = around.min(axis=1), around.max(axis=1)
    # A hole is 0, NaN or infinite; nothing compares with NaN.
    smooth = (nearest > 0) & (farthest <= nearest + largest_step) & (farthest < np.inf)
    return np.where(inside & smooth, around[:, 4], 0.0), inside & smooth


def density_peaks(values: FloatArray, weights: FloatArray, scale: float) -> tuple[FloatArray, FloatArray]:
    """Places (N,) and heights (N,) of the density's peaks, smoothed with a Gaussian of standard deviation ``scale``."""
    cell = scale / 8
    low = float(values.min())
    cells = ((values - low) / cell).astype(np.int64)
    kernel = np.exp(-0.5 * np.square(np.arange(-24, 25) / 8))
    density = np.pad(np.convolve(np.bincount(cells, weights=weights), kernel), 1)
    found = np.flatnonzero((density[1:-1] >= density[:-2]) & (density[1:-1] > density[2:]))
    return low + (found - 24 + 0.5) * cell, density[1:-1][found]
