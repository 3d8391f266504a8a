"""Signed distance to a closed mesh: exact (libigl), and sampled on a grid where it is asked for often.

Metres; negative inside, positive outside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import igl
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh

FloatArray = NDArray[np.floating]

GRID_SPACING = 0.0025
GRID_MARGIN = 0.03


def exact_signed_distance(points: FloatArray, mesh: TriangleMesh) -> FloatArray:
    """Distance (N,) of points (N, 3) to the triangles of ``mesh``.

    The sign comes from the winding number (Jacobson et al. 2013), which has a sensible inside for a mesh with holes.
    """
    distances, _, _ = exact_nearest(points, mesh)
    return distances


def exact_nearest(points: FloatArray, mesh: TriangleMesh) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
    """Signed distance (N,), face (N,) and nearest surface point (N, 3) of points (N, 3)."""
    check_shape("points", points, ("N", 3))
    if len(points) == 0:
        return np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros((0, 3))
    distances, faces, nearest, _ = igl.signed_distance(
        np.ascontiguousarray(points, dtype=np.float64),
        np.ascontiguousarray(mesh.vertices, dtype=np.float64),
        np.ascontiguousarray(mesh.faces, dtype=np.int64),
        igl.SIGNED_DISTANCE_TYPE_WINDING_NUMBER,
    )
    return distances.reshape(-1), faces.reshape(-1), nearest.reshape(-1, 3)


@dataclass(frozen=True)
class SignedDistanceGrid:
    """Signed distance on a regular grid, trilinear between its nodes.

    Attributes:
        values: (X, Y, Z) float32 metres at the nodes.
        origin: (3,) position of node (0, 0, 0), object frame.
        spacing: metres between nodes.
    """

    values: NDArray[np.float32]
    origin: FloatArray
    spacing: float

    def __post_init__(self) -> None:
        check_shape("SignedDistanceGrid.values", self.values, ("X", "Y", "Z"))
        check_shape("SignedDistanceGrid.origin", self.origin, (3,))

    @classmethod
    def of(cls, mesh: TriangleMesh, spacing: float = GRID_SPACING, margin: float = GRID_MARGIN) -> "SignedDistanceGrid":
        """Sample the exact distance in the mesh's bounding box, widened by ``margin`` metres."""
        low, high = mesh.vertices.min(axis=0) - margin, mesh.vertices.max(axis=0) + margin
        counts = np.ceil((high - low) / spacing).astype(int) + 1
        return cls.sample(lambda points: exact_signed_distance(points, mesh), low, counts, spacing)

    @classmethod
    def sample(
        cls, distance: Callable[[FloatArray], FloatArray], origin: FloatArray, counts: FloatArray, spacing: float
    ) -> "SignedDistanceGrid":
        """Sample any distance function (N, 3) -> (N,) on ``counts`` nodes an axis."""
        axes = [origin[i] + spacing * np.arange(counts[i]) for i in range(3)]
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        values = distance(nodes.reshape(-1, 3)).reshape(nodes.shape[:3])
        return cls(values.astype(np.float32), np.asarray(origin, dtype=np.float64), float(spacing))

    def distance(self, points: FloatArray) -> FloatArray:
        """Signed distance (N,) of points (N, 3).

        Outside the grid: the distance at the nearest point of the grid, which is positive and at least the margin,
        plus the way there. That is at least the true distance and never negative.
        """
        clamped, overshoot = self._clamp(points)
        values, weights = self._cell(clamped)
        for axis in range(3):
            weight = weights[:, axis].reshape(-1, *[1] * (2 - axis))
            values = values[:, 0] * (1 - weight) + values[:, 1] * weight
        return values + np.linalg.norm(overshoot, axis=1)

    def gradient(self, points: FloatArray) -> FloatArray:
        """Gradient (N, 3) of ``distance``, about unit length, pointing away from the object."""
        clamped, overshoot = self._clamp(points)
        corners, weights = self._cell(clamped)
        slopes = np.stack([_slope(corners, weights, axis) for axis in range(3)], axis=1) / self.spacing
        way = np.linalg.norm(overshoot, axis=1, keepdims=True)
        outward = np.divide(overshoot, way, out=np.zeros_like(overshoot), where=way > 0)
        # Where a coordinate is clamped, only the way to the grid depends on it.
        return np.where(overshoot != 0, outward, slopes)

    def nearest_surface_points(self, points: FloatArray, steps: int = 3) -> FloatArray:
        """Points (N, 3) near the zero level, reached from points (N, 3) along the gradient."""
        moved = np.array(points, dtype=np.float64)
        for _ in range(steps):
            gradient = self.gradient(moved)
            squared = np.maximum((gradient**2).sum(axis=1), 0.1)
            moved -= (self.distance(moved) / squared)[:, None] * gradient
        return moved

    def save(self, path: Path) -> None:
        """Write an npz file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".partial.npz")
        np.savez_compressed(unfinished, values=self.values, origin=self.origin, spacing=self.spacing)
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> "SignedDistanceGrid":
        """Read what ``save`` wrote.

        Raises:
            UserError: the file is not such a grid.
        """
        try:
            with np.load(path) as arrays:
                return cls(arrays["values"], arrays["origin"], float(arrays["spacing"]))
        except (OSError, KeyError, ValueError) as error:
            raise UserError(f"{path}: expected a signed distance grid (npz): {error}; delete it to rebuild") from error

    @property
    def _last_cell(self) -> NDArray[np.int64]:
        return np.array(self.values.shape) - 2

    def _clamp(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Points in units of cells, held within the grid, and by how many metres they lay outside."""
        check_shape("points", points, ("N", 3))
        cells = (points - self.origin) / self.spacing
        clamped = np.clip(cells, 0, self._last_cell + 1)
        return clamped, (cells - clamped) * self.spacing

    def _cell(self, cells: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values (N, 2, 2, 2) at the corners of each point's cell, and where (N, 3) in [0, 1] it lies in it."""
        index = np.clip(np.floor(cells).astype(np.int64), 0, self._last_cell)
        offsets = np.arange(2)
        x, y, z = (index[:, axis, None] + offsets for axis in range(3))
        corners = self.values[x[:, :, None, None], y[:, None, :, None], z[:, None, None, :]]
        return corners.astype(np.float64), cells - index


def _slope(corners: FloatArray, weights: FloatArray, axis: int) -> FloatArray:
    """Derivative (N,) of trilinear interpolation along ``axis``, per cell."""
    first, second = (other for other in range(3) if other != axis)
    change = np.diff(corners, axis=axis + 1).squeeze(axis + 1)
    u, v = weights[:, first, None], weights[:, second]
    along_first = change[:, 0] * (1 - u) + change[:, 1] * u
    return along_first[:, 0] * (1 - v) + along_first[:, 1] * v
