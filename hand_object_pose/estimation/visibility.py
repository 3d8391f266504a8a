"""Which predicted vertices the camera sees, cheaply: a coarse z-buffer of points, and which way the surface faces."""

import cv2
import numpy as np

from hand_object_pose.arrays import BoolArray, FloatArray, IntArray
from hand_object_pose.geometry.cameras import Camera

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
    samples = np.concatenate([_surface_samples(*mesh) for mesh in meshes], axis=1)
    low = samples[:2].min(axis=1, keepdims=True)
    scale = (_CELLS - 1) / max(float(np.ptp(samples[:2], axis=1).max()), 1e-6)
    buffer = np.full(_CELLS * _CELLS, np.inf, dtype=np.float32)
    np.minimum.at(buffer, _cells(samples, low, scale), samples[2].astype(np.float32))
    # The nearest of a cell and its four neighbours closes the gaps between samples.
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    buffer = cv2.erode(buffer.reshape(_CELLS, _CELLS), cross).ravel()
    result = []
    for vertices, faces in meshes:
        nearest = buffer[_cells(vertices.T, low, scale)]
        result.append((vertices[:, 2] <= nearest + _SLACK) & front_facing(vertices, faces))
    return tuple(result)


def image_points(camera: Camera, points: FloatArray) -> FloatArray:
    """Points (N, 3), camera frame, as ``visible_points`` takes them: u, v in undistorted pixels, depth in metres."""
    return np.concatenate([camera.project(points), points[:, 2:]], axis=1)


def front_facing(vertices: FloatArray, faces: IntArray) -> BoolArray:
    """Whether the faces around each vertex (V, 3) show the camera their outside, by their area in the image."""
    u, v = vertices[:, 0][faces.T], vertices[:, 1][faces.T]
    area = (u[1] - u[0]) * (v[2] - v[0]) - (v[1] - v[0]) * (u[2] - u[0])
    corners, areas = faces.T.ravel(), np.tile(area, 3)
    summed = np.bincount(corners, weights=areas, minlength=len(vertices))
    whole = np.bincount(corners, weights=np.abs(areas), minlength=len(vertices))
    # v points down, so that counter-clockwise from outside is a negative area in the image.
    return summed < -0.3 * np.maximum(whole, 1e-12)


def _surface_samples(vertices: FloatArray, faces: IntArray) -> FloatArray:
    """Vertices, edge midpoints and face centres (3, N)."""
    points = np.ascontiguousarray(vertices.T)
    first, second, third = (points[:, corner] for corner in faces.T)
    middles = [(first + second) / 2, (second + third) / 2, (third + first) / 2]
    return np.concatenate([points, *middles, (first + second + third) / 3], axis=1)


def _cells(points: FloatArray, low: FloatArray, scale: float) -> IntArray:
    """Index of the cell (N,) of each point (3, N)."""
    columns, rows = ((points[:2] - low) * scale).astype(np.int64)
    return rows.clip(0, _CELLS - 1) * _CELLS + columns.clip(0, _CELLS - 1)
