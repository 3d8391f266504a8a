"""Signed distance to a closed mesh: exact (libigl), and sampled on a grid where it is asked for often.

Metres; negative inside, positive outside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import igl
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.npz_files import UNREADABLE, write_npz

GRID_SPACING = 0.0025
GRID_MARGIN = 0.03
MOST_NODES = 2_000_000


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
    def of(cls, mesh: TriangleMesh, spacing: float | None = None, margin: float = GRID_MARGIN) -> "SignedDistanceGrid":
        """Sample the exact distance in the mesh's bounding box, widened by ``margin`` metres.

        ``spacing`` in metres is that of ``affordable_spacing`` unless given.
        """
        spacing = spacing or affordable_spacing(mesh, margin)
        low = mesh.vertices.min(axis=0) - margin
        return cls.sample(
            lambda points: exact_signed_distance(points, mesh), low, _node_counts(mesh, spacing, margin), spacing
        )

    @classmethod
    def sample(
        cls,
        distance: Callable[[FloatArray], FloatArray],
        origin: FloatArray,
        counts: NDArray[np.integer],
        spacing: float,
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

    def save(self, path: Path) -> None:
        """Write an npz file."""
        write_npz(path, values=self.values, origin=self.origin, spacing=self.spacing)

    @classmethod
    def load(cls, path: Path) -> "SignedDistanceGrid":
        """Read what ``save`` wrote.

        Raises:
            UserError: the file is not such a grid.
        """
        try:
            with np.load(path) as arrays:
                return cls(arrays["values"], arrays["origin"], float(arrays["spacing"]))
        except UNREADABLE as error:
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


def affordable_spacing(mesh: TriangleMesh, margin: float = GRID_MARGIN) -> float:
    """Metres between the nodes of a grid around ``mesh``: 2.5 mm, more where that took over ``MOST_NODES`` nodes.

    Objects within about 25 cm in each direction have 2.5 mm; a cube of 1 m has about 8.5 mm.
    """
    spacing = GRID_SPACING
    while _node_counts(mesh, spacing, margin).prod() > MOST_NODES:
        spacing *= 1.02
    return spacing


def _node_counts(mesh: TriangleMesh, spacing: float, margin: float) -> NDArray[np.int64]:
    size = np.ptp(mesh.vertices, axis=0) + 2 * margin
    return np.ceil(size / spacing).astype(np.int64) + 1


def _slope(corners: FloatArray, weights: FloatArray, axis: int) -> FloatArray:
    """Derivative (N,) of trilinear interpolation along ``axis``, per cell."""
    first, second = (other for other in range(3) if other != axis)
    change = np.diff(corners, axis=axis + 1).squeeze(axis + 1)
    u, v = weights[:, first, None], weights[:, second]
    along_first = change[:, 0] * (1 - u) + change[:, 1] * u
    return along_first[:, 0] * (1 - v) + along_first[:, 1] * v
