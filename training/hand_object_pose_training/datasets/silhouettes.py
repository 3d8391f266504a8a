"""Which pixels show hand and object, drawn from the annotated meshes for datasets without masks."""

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.synthetic.posed_scene import HAND_LABEL, OBJECT_LABEL

# Fractional bits of the corners given to OpenCV: 1/16 pixel.
_BITS = 4
# Beyond this many pixels OpenCV's fixed-point corners overflow; nothing of the image is that far.
_FARTHEST = 30_000


def draw_silhouettes(
    camera: Camera, object_vertices: FloatArray, object_faces: IntArray, hand_vertices: FloatArray, hand_faces: IntArray
) -> NDArray[np.uint8]:
    """(H, W) with 1 where the object is in front, 2 where the hand is, 0 elsewhere.

    Triangles are painted from the farthest to the nearest, which is exact to about a triangle's size where hand and
    object touch.

    Args:
        camera: without distortion.
        object_vertices: (V, 3), hand_vertices: (778, 3), metres, camera frame, z > 0; with their faces (F, 3).
    """
    vertices = np.concatenate([object_vertices, hand_vertices])
    faces = np.concatenate([object_faces, hand_faces + len(object_vertices)])
    labels = np.repeat([OBJECT_LABEL, HAND_LABEL], [len(object_faces), len(hand_faces)])
    pixels = np.clip(camera.project(vertices), -_FARTHEST, _FARTHEST)
    corners = np.round(pixels * (1 << _BITS)).astype(np.int32)[faces]
    image = np.zeros((camera.height, camera.width), dtype=np.uint8)
    for face in np.argsort(-vertices[faces][:, :, 2].mean(axis=1), kind="stable"):
        cv2.fillConvexPoly(image, corners[face], int(labels[face]), cv2.LINE_8, _BITS)
    return image
