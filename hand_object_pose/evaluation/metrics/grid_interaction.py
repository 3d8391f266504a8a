"""Penetration as the released evaluation samples it, on a coarse grid: to compare with published numbers only.

The grid of 32^3 cells spans [-1, 1] in units of 0.6 times the object's largest side, around the centre of its box.
A cell holds the distance to the surface where it lies inside, else 0. Two habits of that code are kept: values
belong to coordinates half a cell beside those at which they are looked up, and a vertex up to a cell outside can
count as in contact. Use ``interaction.exact_interaction`` for everything else.
"""

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.evaluation.metrics.interaction import Interaction
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.signed_distance import exact_signed_distance

IntArray = NDArray[np.int64]

_CELLS = 32
_PADDING = 1.2
_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])


def grid_interaction(hand_vertices: FloatArray, object_mesh: TriangleMesh) -> Interaction:
    """Hand vertices (N, 3) against a closed mesh; distances are 0 outside, as that grid knows no outside."""
    check_shape("hand_vertices", hand_vertices, ("N", 3))
    low, high = object_mesh.vertices.min(axis=0), object_mesh.vertices.max(axis=0)
    centre, scale = (low + high) / 2, grid_scale(object_mesh)
    # Looked up with align_corners: -1 and 1 are the centres of the first and last cell.
    lookup = ((hand_vertices - centre) / scale + 1) * (_CELLS - 1) / 2
    first = np.floor(lookup).astype(np.int64)
    cells = first[:, None] + _CORNERS
    offset = (lookup - first)[:, None]
    weights = np.where(_CORNERS == 1, offset, 1 - offset).prod(axis=-1)
    depths = (weights * _cell_depths(cells, centre, scale, object_mesh)).sum(axis=1)
    return Interaction(-depths)


def grid_scale(object_mesh: TriangleMesh) -> float:
    """Metres a unit of the grid."""
    return float(0.5 * _PADDING * np.ptp(object_mesh.vertices, axis=0).max())


def _cell_depths(cells: IntArray, centre: FloatArray, scale: float, mesh: TriangleMesh) -> FloatArray:
    """Depth (N, 8) in metres at cells (N, 8, 3); 0 outside the object and outside the grid."""
    distinct, inverse = np.unique(cells.reshape(-1, 3), axis=0, return_inverse=True)
    # Sampled half a cell further than looked up.
    positions = centre + scale * (-1 + (distinct + 0.5) * 2 / (_CELLS - 1))
    within = np.all((distinct >= 0) & (distinct < _CELLS), axis=1)
    depths = np.zeros(len(distinct))
    depths[within] = np.maximum(-exact_signed_distance(positions[within], mesh), 0)
    return depths[inverse].reshape(cells.shape[:2])
