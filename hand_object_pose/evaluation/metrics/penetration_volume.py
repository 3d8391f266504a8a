"""How much space hand and object share.

Lines parallel to the camera's axis pass through both meshes; along each the shared length is exact, and the volume is
their sum over a fine grid of lines. Unlike voxels, this has an error of second order in the lines' spacing.
"""

from dataclasses import dataclass

import igl
import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.geometry.meshes import TriangleMesh

LINE_SPACING = 0.002
"""Metres, at most, between the lines."""


@dataclass(frozen=True)
class _Lines:
    """Lines along z in the middles of the cells of a grid.

    Attributes:
        origin: (2,) metres; cell: (2,) sides of a cell, metres; counts: (2,) cells along x and y.
    """

    origin: FloatArray
    cell: FloatArray
    counts: IntArray


def penetration_volume(hand: TriangleMesh, thing: TriangleMesh, spacing: float = LINE_SPACING) -> float:
    """Volume, cubic metres, of the intersection of two meshes in the same frame; faces outward.

    Openings, such as the hand's wrist, are closed by a fan around the middle of their edge. Where a mesh overlaps
    itself, as fingers that sink into each other, the space counts once.
    """
    low = np.maximum(hand.vertices.min(axis=0), thing.vertices.min(axis=0))
    size = np.minimum(hand.vertices.max(axis=0), thing.vertices.max(axis=0)) - low
    if np.any(size <= 0):
        return 0.0
    counts = np.ceil(size[:2] / spacing).astype(np.int64)
    lines = _Lines(low[:2], size[:2] / counts, counts)
    through_thing = _crossings(closed_mesh(thing), lines)
    # A line that misses one of them shares nothing, so that the hand need not be asked for it.
    through_both = np.zeros(counts.prod(), dtype=bool)
    through_both[through_thing[0]] = True
    shared = _shared_length(_crossings(closed_mesh(hand), lines, through_both), through_thing)
    return shared * float(lines.cell.prod())


def closed_mesh(mesh: TriangleMesh) -> TriangleMesh:
    """The mesh with a fan over its opening; itself where it has none."""
    edges = igl.boundary_facets(np.ascontiguousarray(mesh.faces, dtype=np.int64))[0]
    if len(edges) == 0:
        return mesh
    middle = mesh.vertices[np.unique(edges)].mean(axis=0)
    fan = np.column_stack([edges[:, ::-1], np.full(len(edges), len(mesh.vertices))])
    return TriangleMesh(np.vstack([mesh.vertices, middle]), np.vstack([mesh.faces, fan]))


def _shared_length(*crossings: tuple[IntArray, FloatArray, IntArray]) -> float:
    """Metres, over all lines together, that lie inside both meshes: where both winding numbers are above zero."""
    line, height = (np.concatenate([crossing[part] for crossing in crossings]) for part in (0, 1))
    winding = np.zeros((len(line), 2), dtype=np.int64)
    split = len(crossings[0][0])
    winding[:split, 0], winding[split:, 1] = crossings[0][2], crossings[1][2]
    order = np.lexsort((height, line))
    # Every line leaves a closed mesh as often as it enters: the sum is zero again at the end of each.
    inside = np.all(np.cumsum(winding[order], axis=0) > 0, axis=1)
    return float(np.diff(height[order])[inside[:-1]].sum())


def _crossings(
    mesh: TriangleMesh, lines: _Lines, wanted: NDArray[np.bool_] | None = None
) -> tuple[IntArray, FloatArray, IntArray]:
    """Where lines pass through faces: line (P,), height (P,) metres, and 1 where it enters, -1 where it leaves.

    ``wanted``: of which lines, by number; None: of all.
    """
    corners = mesh.vertices[mesh.faces]
    # In cells, the line of cell (i, j) at the point (i, j).
    flat = (corners[..., :2] - lines.origin) / lines.cell - 0.5
    face, place = _candidates(flat, lines.counts)
    line = place @ [1, lines.counts[0]]
    if wanted is not None:
        asked = wanted[line]
        face, place, line = face[asked], place[asked], line[asked]
    sides = _sides(flat, face, place)
    leaving, entering = (np.all(sides * sign > 0, axis=1) for sign in (1, -1))
    hit = leaving | entering
    # The side opposite to a corner is its weight.
    weights = np.abs(sides[hit])[:, [1, 2, 0]]
    height = (weights * corners[face[hit], :, 2]).sum(axis=1) / weights.sum(axis=1)
    return line[hit], height, np.where(entering[hit], 1, -1)


def _candidates(flat: FloatArray, counts: IntArray) -> tuple[IntArray, IntArray]:
    """Face (P,) and cell (P, 2) for all cells in the bounding boxes of faces (F, 3, 2)."""
    low = np.maximum(np.ceil(flat.min(axis=1)), 0).astype(np.int64)
    high = np.minimum(np.floor(flat.max(axis=1)), counts - 1).astype(np.int64)
    extent = np.maximum(high - low + 1, 0)
    numbers = extent.prod(axis=1)
    face = np.repeat(np.arange(len(flat)), numbers)
    within = np.arange(len(face)) - (np.cumsum(numbers) - numbers)[face]
    row, column = np.divmod(within, extent[face, 0])
    return face, low[face] + np.stack([column, row], axis=1)


def _sides(flat: FloatArray, face: IntArray, place: IntArray) -> FloatArray:
    """On which side (P, 3) of the edges of face (P,) of faces (F, 3, 2) a place (P, 2) lies: positive left, never zero.

    Two faces with a common edge agree to the last bit, because either computes it from the same end, the left one; a
    point on the edge counts as a little below it. So no line slips between two faces or passes through both.
    """
    ends = np.stack([flat, flat[:, [1, 2, 0]]], axis=2)
    swapped = (ends[..., 0, 0] > ends[..., 1, 0]) | (
        (ends[..., 0, 0] == ends[..., 1, 0]) & (ends[..., 0, 1] > ends[..., 1, 1])
    )
    first, second = (np.where(swapped[..., None], ends[:, :, 1 - end], ends[:, :, end]) for end in (0, 1))
    edge, way = (second - first)[face], place[:, None] - first[face]
    side = edge[..., 0] * way[..., 1] - edge[..., 1] * way[..., 0]
    side[side == 0] = -np.finfo(np.float64).tiny
    return np.where(swapped[face], -side, side)
