"""Which vertices of hand and object a camera sees, by a drawing of both meshes that is exact at each pixel's centre."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray

Mesh = tuple[FloatArray, IntArray]
"""Vertices (V, 3), metres, camera frame, z > 0, and faces (F, 3)."""

# Fractional bits of OpenCV's corners, and beyond how many pixels these overflow.
_BITS, _FARTHEST = 4, 30_000
# How far behind the drawn surface a seen vertex may lie, metres: rounding to pixels, on a slope.
_BEHIND = 0.004


@dataclass(frozen=True)
class SeenSurface:
    """Meshes as a camera sees them.

    Attributes:
        owner: (H, W) number of the nearest mesh, -1 where there is none.
        depth: (H, W) metres of its surface, infinite where there is none.
    """

    owner: IntArray
    depth: FloatArray

    def sees(self, number: int, vertices: FloatArray, pixels: IntArray) -> NDArray[np.bool_]:
        """(V,) which vertices of mesh ``number`` are seen well: in front, and not at the border of what is seen of it.

        Args:
            number: of the mesh; vertices: (V, 3) of it; pixels: (V, 2) the nearest to each.
        """
        height, width = self.owner.shape
        inside = np.all((pixels >= 0) & (pixels < (width, height)), axis=1)
        column, row = np.where(inside[:, None], pixels, 0).T
        inner = cv2.erode((self.owner == number).astype(np.uint8), np.ones((3, 3), np.uint8))
        return inside & (inner[row, column] > 0) & (np.abs(vertices[:, 2] - self.depth[row, column]) < _BEHIND)


def projected(points: FloatArray, matrix: FloatArray) -> FloatArray:
    """(N, 2) pixels of points (N, 3): the pinhole camera."""
    homogeneous = points @ matrix.T
    return homogeneous[:, :2] / homogeneous[:, 2:]


def draw(matrix: FloatArray, size: tuple[int, int], meshes: Sequence[Mesh]) -> SeenSurface:
    """Draw meshes from far to near; the depth of each pixel is where its ray meets the plane of its triangle.

    Args:
        matrix: (3, 3) of the camera; size: (width, height); meshes: what is drawn.
    """
    vertices = np.concatenate([mesh[0] for mesh in meshes])
    starts = np.cumsum([0, *(len(mesh[0]) for mesh in meshes)])
    faces = np.concatenate([mesh[1] + start for mesh, start in zip(meshes, starts, strict=False)])
    owners = np.repeat(np.arange(len(meshes)), [len(mesh[1]) for mesh in meshes])
    corners = np.clip(projected(vertices, matrix), -_FARTHEST, _FARTHEST)[faces]
    fixed = np.round(corners * (1 << _BITS)).astype(np.int32)
    drawn = np.full(size[::-1], -1, np.int32)
    for face in np.argsort(-vertices[faces][:, :, 2].mean(axis=1)).tolist():
        cv2.fillConvexPoly(drawn, fixed[face], face, cv2.LINE_8, _BITS)
    owner = np.where(drawn >= 0, owners[drawn], -1)
    return SeenSurface(owner, _depths(drawn, vertices[faces], matrix))


def _depths(drawn: IntArray, triangles: FloatArray, matrix: FloatArray) -> FloatArray:
    """Depth (H, W) of triangles (F, 3, 3) by their number in each pixel, within each one's own range."""
    row, column = np.nonzero(drawn >= 0)
    rays = np.stack([column, row, np.ones(len(row))], axis=1) @ np.linalg.inv(matrix).T
    corners = triangles[drawn[row, column]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    slopes = np.einsum("ij,ij->i", normals, rays)
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.einsum("ij,ij->i", normals, corners[:, 0]) / slopes
    depth = np.full(drawn.shape, np.inf)
    depth[row, column] = np.clip(np.nan_to_num(along), corners[..., 2].min(axis=1), corners[..., 2].max(axis=1))
    return depth
