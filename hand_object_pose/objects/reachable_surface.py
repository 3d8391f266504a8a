"""Where on an object a straight finger can stand that comes from outside: its surface without hollows and inner walls.

A finger stands on a point along the surface's normal. It, and the arm behind it, must not meet the object itself
anywhere along that line, however far. That leaves out the inside of a mug and of a closed wall, and the inner side of a
handle. It does not depend on where the object is, and is worked out once for each object.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import BoolArray, FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.object_model import ObjectModel

MOST_SAMPLES = 1000
FINGER_RADIUS = 0.005
"""Metres: of the finger, where it must have room beside the object."""
_STEP = 0.004
_FIRST = 0.004
_HOLLOWNESS = 0.8
"""On a flat surface the distance grows as fast as the height above it; slightly hollow ones shall pass, and the grid's
error of about a millimetre."""

_memory: dict[str, "SurfaceSamples"] = {}


@dataclass(frozen=True)
class SurfaceSamples:
    """Points (N, 3) of an object's surface, metres, and outward unit normals (N, 3); object frame."""

    points: FloatArray
    normals: FloatArray

    def __post_init__(self) -> None:
        check_shape("SurfaceSamples.points", self.points, ("N", 3))
        check_shape("SurfaceSamples.normals", self.normals, (len(self.points), 3))


def reachable_surface(model: ObjectModel) -> SurfaceSamples:
    """Evenly spread samples of the object's reachable surface, at most ``MOST_SAMPLES``; kept in memory."""
    if model.hash not in _memory:
        samples = surface_samples(model.vertices, model.faces)
        reachable = is_reachable(samples, grid_of(model))
        chosen = _evenly(samples.points[reachable], MOST_SAMPLES)
        _memory[model.hash] = SurfaceSamples(samples.points[reachable][chosen], samples.normals[reachable][chosen])
    return _memory[model.hash]


def surface_samples(vertices: FloatArray, faces: NDArray[np.integer]) -> SurfaceSamples:
    """The middle of each triangle that has an area; vertices (V, 3), faces (F, 3), counter-clockwise from outside."""
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    whole = lengths > 0
    return SurfaceSamples(corners[whole].mean(axis=1), normals[whole] / lengths[whole, None])


def is_reachable(samples: SurfaceSamples, grid: SignedDistanceGrid, finger_radius: float = FINGER_RADIUS) -> BoolArray:
    """Whether a finger of that radius (metres) can stand on each sample (N,) without meeting the object.

    ``grid``: signed distances around the object, in its frame.
    """
    size = np.linalg.norm(np.array(grid.values.shape)) * grid.spacing
    free = np.ones(len(samples.points), dtype=bool)
    for height in np.arange(_FIRST, size, _STEP):
        left = np.flatnonzero(free)
        distances = grid.distance(samples.points[left] + height * samples.normals[left])
        free[left] = distances > min(_HOLLOWNESS * height, finger_radius)
    return free


def _evenly(points: FloatArray, most: int) -> NDArray[np.int64]:
    """Indices of at most ``most`` points (N, 3): always the one farthest from those already chosen."""
    if len(points) <= most:
        return np.arange(len(points))
    chosen, distances = [0], np.full(len(points), np.inf)
    while len(chosen) < most:
        distances = np.minimum(distances, np.linalg.norm(points - points[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(distances)))
    return np.array(chosen)
