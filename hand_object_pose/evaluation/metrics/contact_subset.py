"""DexYCB's subset of frames in which the hand is at the object, which the paper evaluates on."""

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.evaluation.metrics.curves import nearest_distances
from hand_object_pose.geometry.cameras import Camera

NEAR = 0.01


def joint_to_object_distance(joints: FloatArray, object_vertices: FloatArray) -> float:
    """Smallest distance, metres, of joints (21, 3) to object vertices (V, 3): vertices, not surfaces."""
    check_shape("joints", joints, (21, 3))
    return float(nearest_distances(joints, object_vertices).min())


def is_in_contact_subset(joints: FloatArray, object_vertices: FloatArray, camera: Camera) -> bool:
    """Whether a joint (21, 3) is within 1 cm of an object vertex (V, 3) and all of both project into the image.

    Camera frame. Right hands with an annotated pose only are the caller's business.
    """
    if joint_to_object_distance(joints, object_vertices) > NEAR:
        return False
    pixels = camera.project(np.concatenate([joints, object_vertices]))
    return bool(np.all(pixels >= 0) and np.all(pixels <= (camera.width, camera.height)))
