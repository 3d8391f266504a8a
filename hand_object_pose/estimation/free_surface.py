"""The part of the object that the hand leaves free: where a robot may take hold of it.

A point of the object's surface is free when a straight finger can stand on it along its normal, from outside
(``objects.reachable_surface``), and keeps a distance from the hand over its whole length. That distance is the
clearance that is asked for and a margin for the estimate's error.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.reachable_surface import SurfaceSamples

# Rows of pairs that fit the processor's cache together.
_ROWS = 128


@dataclass(frozen=True)
class FreeSurfaceSettings:
    """Lengths in metres.

    Attributes:
        clearance: from the true hand, to be kept.
        margin: added to it, because the estimate errs; measured by ``scripts/measure_free_surface.py``.
        finger_length: of the finger that stands on the point, along its normal.
    """

    clearance: float = 0.01
    margin: float = 0.0075
    finger_length: float = 0.06


@dataclass(frozen=True)
class FreeSurface:
    """Free points.

    Attributes:
        samples: (N,) which of the object's samples they are.
        points: (N, 3) metres and normals: (N, 3) outward, unit length; camera frame.
        hand_distances: (N,) metres from the finger on each point to the nearest vertex of the hand.
    """

    samples: NDArray[np.int64]
    points: FloatArray
    normals: FloatArray
    hand_distances: FloatArray


def free_surface(
    samples: SurfaceSamples,
    object_pose: FloatArray,
    hand_vertices: FloatArray,
    settings: FreeSurfaceSettings | None = None,
) -> FreeSurface:
    """What the hand leaves free of an object.

    Args:
        samples: of the object's reachable surface, object frame.
        object_pose: (4, 4) object frame to camera frame.
        hand_vertices: (V, 3) metres, camera frame; near enough to each other to stand for the surface between them.
        settings: see ``FreeSurfaceSettings``.
    """
    check_shape("object_pose", object_pose, (4, 4))
    check_shape("hand_vertices", hand_vertices, ("V", 3))
    settings = settings or FreeSurfaceSettings()
    points, normals = transform_points(object_pose, samples.points), samples.normals @ object_pose[:3, :3].T
    distances = finger_distances(points, normals, hand_vertices, settings.finger_length)
    free = np.flatnonzero(distances >= settings.clearance + settings.margin)
    return FreeSurface(free, points[free], normals[free], distances[free])


def finger_distances(points: FloatArray, normals: FloatArray, obstacles: FloatArray, length: float) -> FloatArray:
    """Distances (N,) of segments from points (N, 3), ``length`` along unit normals (N, 3), to the nearest obstacle.

    Obstacles are points (V, 3). Everything in metres; computed in float32, exact to a few micrometres.
    """
    centre = points.mean(axis=0) if len(points) else np.zeros(3)
    starts, directions, others = (
        np.asarray(array, dtype=np.float32) for array in (points - centre, normals, obstacles - centre)
    )
    squares, offsets = np.square(others).sum(axis=1), (starts * directions).sum(axis=1)
    nearest = np.full(len(starts), np.inf, dtype=np.float32)
    for first in range(0, len(starts), _ROWS):
        rows = slice(first, first + _ROWS)
        along = directions[rows] @ others.T - offsets[rows, None]
        reached = np.clip(along, 0.0, length)
        # |h - p|^2 - 2 t (h - p) n + t^2, without |p|^2, which is the same for the whole row.
        squared = squares - 2 * (starts[rows] @ others.T)
        squared += reached * (reached - 2 * along)
        nearest[rows] = squared.min(axis=1, initial=np.inf) + np.square(starts[rows]).sum(axis=1)
    return np.sqrt(np.maximum(nearest, 0.0), dtype=np.float64)
