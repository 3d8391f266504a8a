"""How much of an object a camera sees past the hand, quickly and roughly: from vertices, without casting rays."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import vertex_normals

# Side of the coarse depth image, pixels, and how much nearer a hand must be to hide something, metres.
_SIDE, _MARGIN = 64, 0.004


def seen_share(
    camera: Camera, object_vertices: FloatArray, object_faces: IntArray, hand: FloatArray, hand_faces: IntArray
) -> float:
    """Share of the object's vertices on the camera's side that no triangle of the hand covers.

    Args:
        camera: any pinhole.
        object_vertices: (N, 3) metres, camera frame; object_faces: (F, 3).
        hand: (778, 3) metres, camera frame; hand_faces: (1538, 3).
    """
    towards = (vertex_normals(object_vertices, object_faces) * object_vertices).sum(axis=1) < 0
    facing = object_vertices[towards]
    if not len(facing):
        return 0.0
    pixels = camera.project(object_vertices)
    low, size = pixels.min(axis=0), max(float(np.ptp(pixels, axis=0).max()), 1.0)
    nearest = _coarse_depth((camera.project(hand) - low) / size * (_SIDE - 1), hand[:, 2], hand_faces)
    cells = np.clip(np.round((pixels[towards] - low) / size * (_SIDE - 1)).astype(int), 0, _SIDE - 1)
    return float((nearest[cells[:, 1], cells[:, 0]] > facing[:, 2] - _MARGIN).mean())


def _coarse_depth(pixels: FloatArray, depth: FloatArray, faces: IntArray) -> NDArray[np.float32]:
    """(S, S) depth of triangles, painted from far to near, each with its mean depth; infinite where there is none."""
    image = np.full((_SIDE, _SIDE), np.inf, dtype=np.float32)
    corners = np.round(pixels[faces]).astype(np.int32)
    means = depth[faces].mean(axis=1)
    inside = ((corners.max(axis=1) >= 0) & (corners.min(axis=1) < _SIDE)).all(axis=1)
    for face in np.flatnonzero(inside)[np.argsort(-means[inside])]:
        cv2.fillConvexPoly(image, corners[face], float(means[face]))
    return image
