"""Penetration and contact of hand and object, exact; hand vertices against the object's signed distance."""

from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import inverse_pose, transform_points
from hand_object_pose.geometry.signed_distance import exact_signed_distance


@dataclass(frozen=True)
class Interaction:
    """How a hand and an object touch.

    Attributes:
        signed_distances: (778,) metres from hand vertices to the object's surface, negative inside.
    """

    signed_distances: FloatArray

    @property
    def depths(self) -> FloatArray:
        """(778,) metres inside the object, 0 outside."""
        return np.maximum(-self.signed_distances, 0)

    @property
    def penetration_mean(self) -> float:
        """Metres, over all vertices, zeros included: the paper's penetration depth PD."""
        return float(self.depths.mean())

    @property
    def penetration_max(self) -> float:
        """Metres: the deepest vertex."""
        return float(self.depths.max())

    @property
    def in_contact(self) -> bool:
        """Whether any vertex is inside; its mean over frames is the paper's contact percentage CP."""
        return bool(np.any(self.signed_distances < 0))


def exact_interaction(hand_vertices: FloatArray, object_mesh: TriangleMesh) -> Interaction:
    """Hand vertices (N, 3) against a closed mesh in the same frame, by the exact point-to-triangle distance."""
    check_shape("hand_vertices", hand_vertices, ("N", 3))
    return Interaction(exact_signed_distance(hand_vertices, object_mesh))


def exact_interactions(
    hand_vertices: FloatArray, object_poses: FloatArray, object_mesh: TriangleMesh
) -> list[Interaction]:
    """The same of a batch of frames of one object: what libigl builds for its mesh serves all of them.

    Args:
        hand_vertices: (B, N, 3) camera frame.
        object_poses: (B, 4, 4) object frame to camera frame.
        object_mesh: closed, object frame.
    """
    check_shape("hand_vertices", hand_vertices, ("B", "N", 3))
    check_shape("object_poses", object_poses, (len(hand_vertices), 4, 4))
    placed = transform_points(inverse_pose(object_poses), hand_vertices)
    distances = exact_signed_distance(placed.reshape(-1, 3), object_mesh)
    return [Interaction(frame) for frame in distances.reshape(hand_vertices.shape[:2])]
