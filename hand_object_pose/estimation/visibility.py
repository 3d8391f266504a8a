"""Which predicted vertices the camera sees, cheaply: a coarse z-buffer of points, and which way the surface faces."""

import cv2
import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]
Mesh = tuple[FloatArray, IntArray]

_CELLS = 64
_SLACK = 0.012
"""Metres behind the nearest surface at which a vertex still counts as seen: a cell holds a slanted piece of it."""


def visible_points(*meshes: Mesh) -> tuple[BoolArray, ...]:
    """Whether each vertex is seen, for meshes that may hide each other.

    Args:
        meshes: vertices (V, 3): u, v in pixels, depth in metres from any origin; faces (F, 3), counter-clockwise
            seen from outside.

    Returns:
        (V,) for each mesh: its surface faces the camera there, and nothing lies in front.
    """
    samples = np.concatenate([_surface_samples(*mesh) for mesh in meshes])
    low = samples[:, :2].min(axis=0)
    scale = (_CELLS - 1) / max(float(np.ptp(samples[:, :2], axis=0).max()), 1e-6)
    buffer = np.full((_CELLS, _CELLS), np.inf, dtype=np.float32)
    columns, rows = _cells(samples, low, scale)
    np.minimum.at(buffer, (rows, columns), samples[:, 2].astype(np.float32))
    # The nearest of a cell and its four neighbours closes the gaps between samples.
    buffer = cv2.erode(buffer, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    result = []
    for vertices, faces in meshes:
        columns, rows = _cells(vertices, low, scale)
        result.append((vertices[:, 2] <= buffer[rows, columns] + _SLACK) & front_facing(vertices, faces))
    return tuple(result)


def front_facing(vertices: FloatArray, faces: IntArray) -> BoolArray:
    """Whether the faces around each vertex (V, 3) show the camera their outside, by their area in the image."""
    corners = vertices[faces][..., :2]
    (ux, uy), (vx, vy) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    area = ux * vy - uy * vx
    summed = np.bincount(faces.ravel(), weights=np.repeat(area, 3), minlength=len(vertices))
    whole = np.bincount(faces.ravel(), weights=np.repeat(np.abs(area), 3), minlength=len(vertices))
    # v points down, so that counter-clockwise from outside is a negative area in the image.
    return summed < -0.3 * np.maximum(whole, 1e-12)


def _surface_samples(vertices: FloatArray, faces: IntArray) -> FloatArray:
    """Vertices, edge midpoints and face centres (N, 3)."""
    corners = vertices[faces]
    middles = (corners + np.roll(corners, 1, axis=1)) / 2
    return np.concatenate([vertices, middles.reshape(-1, 3), corners.mean(axis=1)])


def _cells(points: FloatArray, low: FloatArray, scale: float) -> IntArray:
    """Columns and rows (2, N) of points."""
    return ((points[:, :2] - low) * scale).astype(np.int64).clip(0, _CELLS - 1).T
