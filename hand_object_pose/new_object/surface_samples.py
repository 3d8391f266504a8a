"""Points spread over a surface, and how far a turn moves the surface off itself, in shape and in colour."""

from collections.abc import Callable

import igl
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import transform_points

Colours = Callable[[FloatArray], NDArray[np.uint8]]

_POINTS = 1500
# Of the points, that many must keep their place: a handle is more than the rest of them.
_QUANTILE = 0.98
# Grey levels by which the colours of two places may differ, and the share of places that may differ by more.
_COLOUR_STEP, _OTHER_LOOK = 60, 0.15


class SurfaceSamples:
    """A surface's points, evenly spread by area; the same for the same surface."""

    def __init__(self, surface: TriangleMesh, colours: Colours | None = None, points: int = _POINTS) -> None:
        """Sample.

        Args:
            surface: metres. colours: of the surface points nearest to points (N, 3); None where the file has none.
            points: how many.
        """
        self._vertices = np.asarray(surface.vertices, dtype=np.float64)
        self._faces = np.ascontiguousarray(surface.faces, dtype=np.int64)
        self.points = _spread(self._vertices[self._faces], points)
        self.size = float(np.ptp(self._vertices, axis=0).max())
        self._colours = colours
        self._own = None if colours is None else colours(self.points).astype(np.int16)

    @property
    def has_colours(self) -> bool:
        """Whether the file has any."""
        return self._own is not None

    def nearest(self, points: FloatArray) -> FloatArray:
        """The surface's points (N, 3) nearest to points (N, 3)."""
        return np.asarray(igl.point_mesh_squared_distance(points, self._vertices, self._faces)[2])

    def shape_error(self, transform: FloatArray) -> float:
        """How far a motion (4, 4) takes all but 2 % of the points off the surface, relative to the longest side."""
        moved = transform_points(transform, self.points)
        distances = np.linalg.norm(self.nearest(moved) - moved, axis=1)
        return float(np.quantile(distances, _QUANTILE)) / self.size

    def looks_alike(self, transform: FloatArray) -> bool:
        """Whether nearly all points have the colour of the place that a motion (4, 4) takes them to."""
        assert self._colours is not None
        assert self._own is not None
        there = self._colours(transform_points(transform, self.points)).astype(np.int16)
        differs = np.abs(there - self._own).max(axis=1) > _COLOUR_STEP
        return float(differs.mean()) < _OTHER_LOOK


def _spread(triangles: FloatArray, count: int) -> FloatArray:
    """Points (count, 3) on triangles (F, 3, 3), stratified by area."""
    rng = np.random.default_rng(0)
    edges = triangles[:, 1:] - triangles[:, :1]
    areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    places = (np.arange(count) + rng.random(count)) / count
    face = np.minimum(np.searchsorted(np.cumsum(areas) / areas.sum(), places), len(areas) - 1)
    first, second = rng.random((2, count))
    folded = first + second > 1
    first, second = np.where(folded, 1 - first, first), np.where(folded, 1 - second, second)
    return np.asarray(triangles[face, 0] + first[:, None] * edges[face, 0] + second[:, None] * edges[face, 1])
