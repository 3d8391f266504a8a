"""Mesh graphs as tables of neighbours, the form in which the network takes them."""

from collections.abc import Sequence

import numpy as np

from hand_object_pose.arrays import IntArray
from hand_object_pose.geometry.meshes import unique_edges

REFERENCE_FACE_ROWS = 2007


def table_from_pairs(pairs: IntArray, num_vertices: int) -> IntArray:
    """Neighbours (V, K) of directed edges (E, 2), ascending in each row, padded with V.

    K is the largest number of neighbours. Row i lists every j with an edge (j, i).
    """
    pairs = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    counts = np.bincount(pairs[:, 1], minlength=num_vertices)
    table = np.full((num_vertices, max(int(counts.max(initial=0)), 1)), num_vertices, dtype=np.int64)
    starts = np.cumsum(counts) - counts
    table[pairs[:, 1], np.arange(len(pairs)) - np.repeat(starts, counts)] = pairs[:, 0]
    return table


def neighbour_table(faces: IntArray, num_vertices: int) -> IntArray:
    """Neighbours (V, K) along the edges of faces (F, 3), without self loops, padded with V."""
    edges = unique_edges(faces)
    return table_from_pairs(np.concatenate([edges, edges[:, ::-1]]), num_vertices)


def reference_neighbour_table(faces: IntArray, num_vertices: int) -> IntArray:
    """Neighbours (V, K) of an object as the authors' release builds them, padded with V.

    They pad the faces with rows (0, 0, 0) to 2007, so that vertex 0 becomes its own neighbour, and drop
    what exceeds 2007 rows.
    """
    rows = np.zeros((REFERENCE_FACE_ROWS, 3), dtype=np.int64)
    kept = faces[:REFERENCE_FACE_ROWS]
    rows[: len(kept)] = kept
    pairs = np.concatenate([rows[:, [0, 1]], rows[:, [1, 2]], rows[:, [0, 2]]])
    return table_from_pairs(np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0), num_vertices)


def stack_tables(tables: Sequence[IntArray]) -> IntArray:
    """Tables (V, K_i) of equally many vertices as one (B, V, max K), padded with V."""
    num_vertices, width = tables[0].shape[0], max(table.shape[1] for table in tables)
    stacked = np.full((len(tables), num_vertices, width), num_vertices, dtype=np.int64)
    for row, table in zip(stacked, tables, strict=True):
        row[:, : table.shape[1]] = table
    return stacked
