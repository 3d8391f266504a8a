"""Between points, the pixels of a lens that bends, and those of the pinhole camera of the same matrix."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.cameras import Camera

_MAP_STEP = 8


def distort(camera: Camera, points: FloatArray) -> FloatArray:
    """Distorted full-image pixels (N, 2) of points (N, 3), camera frame, by the camera's model (as in OpenCV)."""
    check_shape("points", points, ("N", 3))
    # OpenCV projects no empty array.
    if not camera.is_distorted or not len(points):
        return camera.project(points)
    zero = np.zeros(3)
    if camera.distortion_model == "equidistant":
        pixels, _ = cv2.fisheye.projectPoints(points[None], zero, zero, camera.matrix, camera.distortion[:4])
        return pixels.reshape(-1, 2)
    pixels, _ = cv2.projectPoints(points, zero, zero, camera.matrix, camera.distortion)
    return pixels.reshape(-1, 2)


def distortion_map(camera: Camera, target: Camera) -> NDArray[np.float32]:
    """(h, w, 2) float32 pixels of the distorted ``camera`` that each pixel of the pinhole ``target`` shows.

    Lenses are smooth: every eighth pixel is computed, the others are interpolated, which is wrong by some hundredths
    of a pixel at most, and twenty times as fast. The crop is another one in each image: nothing can be kept.
    """
    step = _MAP_STEP
    # Where cv2.resize has the middles of its cells, with one more around.
    columns, rows = np.meshgrid(
        *((np.arange(-1, np.ceil(length / step) + 1) + 0.5) * step - 0.5 for length in (target.width, target.height))
    )
    rays = target.unproject(np.stack([columns, rows], axis=-1).reshape(-1, 2), np.ones(columns.size))
    nodes = distort(camera, rays).reshape(*columns.shape, 2).astype(np.float32)
    size = (step * nodes.shape[1], step * nodes.shape[0])
    fine = np.asarray(cv2.resize(nodes, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return np.ascontiguousarray(fine[step : step + target.height, step : step + target.width])


def undistort_boxes(camera: Camera, boxes: FloatArray) -> FloatArray:
    """Boxes (N, 4) in undistorted pixels around boxes (N, 4) of a distorted image."""
    if not camera.is_distorted:
        return boxes
    # The middles of the four edges: what a box holds rarely reaches into its corners, which move most.
    x_min, y_min, x_max, y_max = boxes.T.astype(np.float64)
    x, y = (x_min + x_max) / 2, (y_min + y_max) / 2
    pixels = np.array([[x_min, y], [x, y_min], [x_max, y], [x, y_max]]).transpose(2, 0, 1).reshape(-1, 1, 2)
    if camera.distortion_model == "equidistant":
        straight = cv2.fisheye.undistortPoints(pixels, camera.matrix, camera.distortion[:4], P=camera.matrix)
    else:
        straight = cv2.undistortPoints(pixels, camera.matrix, camera.distortion, P=camera.matrix)
    straight = straight.reshape(len(boxes), 4, 2)
    return np.concatenate([straight.min(axis=1), straight.max(axis=1)], axis=1)


def visible_share(camera: Camera, points: FloatArray) -> float:
    """Which part of points (N, 3), metres, camera frame, lies before the camera and projects into its image."""
    before = points[points[:, 2] > 0]
    if not len(before):
        return 0.0
    pixels = distort(camera, before)
    size = np.array([camera.width, camera.height])
    # Pixel (0, 0) is a pixel's centre, so that the image begins half a pixel before it.
    inside = ((pixels >= -0.5) & (pixels <= size - 0.5)).all(axis=1)
    return float(inside.sum() / len(points))
