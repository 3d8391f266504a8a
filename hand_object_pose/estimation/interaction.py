"""Where hand and object touch, and how deep the hand reaches into the object."""

import numpy as np

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.checks import check_shape
from hand_object_pose.estimation.grasp_state import NUM_PARTS
from hand_object_pose.estimation.result import Contacts
from hand_object_pose.geometry.se3 import inverse_pose, transform_points
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid

DEFAULT_CONTACT_DISTANCE = 0.005
"""Metres."""


def find_contacts(
    hand_vertices: FloatArray,
    finger_labels: IntArray,
    object_pose: FloatArray,
    grid: SignedDistanceGrid,
    contact_distance: float = DEFAULT_CONTACT_DISTANCE,
) -> Contacts:
    """Contacts and penetration of a hand and a posed object.

    Args:
        hand_vertices: (778, 3) metres, camera frame; finger_labels: (778,), -1 palm.
        object_pose: (4, 4) object frame to camera frame.
        grid: signed distances around the object, in its frame, negative inside.
        contact_distance: a vertex nearer to the surface than this, or inside the object, is a contact; metres.
    """
    check_shape("hand_vertices", hand_vertices, ("V", 3))
    check_shape("finger_labels", finger_labels, (len(hand_vertices),))
    points = transform_points(inverse_pose(object_pose), hand_vertices)
    distances = grid.distance(points)
    depths = np.maximum(-distances, 0.0)
    touching = np.flatnonzero(distances < contact_distance)
    normals = _unit(grid.gradient(points[touching]))
    nearest = points[touching] - normals * distances[touching, None]
    return Contacts(
        hand_vertices=touching,
        fingers=finger_labels[touching],
        points=transform_points(object_pose, nearest),
        normals=normals @ object_pose[:3, :3].T,
        signed_distances=distances[touching],
        penetration_mean=float(depths.mean()),
        penetration_max=float(depths.max()),
        part_distances=_part_distances(distances, finger_labels),
    )


def _part_distances(distances: FloatArray, finger_labels: IntArray) -> FloatArray:
    """(6,) smallest distance of palm, thumb ... little finger; infinite where no vertex belongs to it."""
    smallest = np.full(NUM_PARTS, np.inf)
    np.minimum.at(smallest, finger_labels + 1, distances)
    return smallest


def _unit(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
