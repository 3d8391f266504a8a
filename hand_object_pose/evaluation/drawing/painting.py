"""Fills the triangles of meshes in an image from far to near, so that what is nearer hides what is farther."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.projection import distort


def fill_triangles(
    image: NDArray, camera: Camera, meshes: Sequence[tuple[FloatArray, IntArray, FloatArray]], line: int = cv2.LINE_8
) -> None:
    """Paint in place.

    Args:
        image: (H, W) or (H, W, C).
        camera: of the image; its distortion is applied.
        meshes: vertices (V, 3) in metres, camera frame, z > 0; faces (F, 3); what to fill each with, (F,) or
            (F, C).
        line: of OpenCV; ``cv2.LINE_AA`` smooths borders.
    """
    if not meshes:
        return
    # Eight fractional bits: cv2 draws at sub-pixel positions.
    pixels = [
        np.round(distort(camera, vertices.astype(float))[faces] * 256).clip(-(2**30), 2**30).astype(np.int32)
        for vertices, faces, _ in meshes
    ]
    depths = np.concatenate([vertices[faces][..., 2].mean(axis=1) for vertices, faces, _ in meshes])
    values = np.concatenate([values for _, _, values in meshes])
    order = np.argsort(-depths)
    for polygon, value in zip(np.concatenate(pixels)[order], values[order].tolist(), strict=True):
        cv2.fillConvexPoly(image, polygon, value, line, 8)


def rendered_depth(camera: Camera, meshes: Sequence[tuple[FloatArray, IntArray]]) -> NDArray[np.float32]:
    """(H, W) metres of the nearest surface of meshes, infinite beside them; each triangle has one depth, its mean.

    Args:
        camera: of the image; its distortion is applied.
        meshes: vertices (V, 3) in metres, camera frame, z > 0; faces (F, 3) seen from either side.
    """
    image = np.full((camera.height, camera.width), np.inf, np.float32)
    filled = [(vertices, faces, vertices[faces][..., 2].mean(axis=1)) for vertices, faces in meshes]
    fill_triangles(image, camera, filled)
    return image
