"""From the dense hand to the coarse one: surface fit, weights, joint regressor, shape directions."""

import igl
import numpy as np
import scipy.sparse as sp
from scipy.optimize import nnls
from scipy.sparse.linalg import spsolve

from default_hand.skinning import clean_weights
from default_hand.source import SourceHand
from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.geometry.meshes import vertex_normals

_NUM_SHAPES = 10
# Per round, metres: keeps fingertips round.
_LARGEST_OFFSET = 0.0003
_REGRESSOR_REACH = 0.04


def fit_surface(
    vertices: FloatArray, faces: IntArray, dense: FloatArray, fixed: IntArray, stiffness: float = 0.3
) -> FloatArray:
    """Move vertices along their normals so that the coarse faces follow the dense points instead of cutting corners.

    Args:
        vertices, faces: the coarse mesh; dense: (D, 3) points of the true surface within its extent.
        fixed: vertices that stay.
        stiffness: weight of staying in place, relative to one dense point.
    """
    for _ in range(2):
        _, face, closest = igl.point_mesh_squared_distance(dense, vertices, faces.astype(np.int64))
        matrix = _barycentric_matrix(closest, face, vertices, faces)
        normals = vertex_normals(vertices, faces)
        along = np.sum((dense - closest) * normals[faces[face]].mean(axis=1), axis=1)
        system = matrix.T @ matrix + stiffness * sp.eye(len(vertices))
        offsets = spsolve(sp.csc_matrix(system), matrix.T @ along)
        offsets[fixed] = 0.0
        offsets = np.clip(offsets, -_LARGEST_OFFSET, _LARGEST_OFFSET)
        vertices = vertices + offsets[:, None] * normals
    return vertices


def on_surface(vertices: FloatArray, source: SourceHand) -> sp.csr_matrix:
    """(V, dense) barycentric weights of the points of the dense surface closest to ``vertices``."""
    _, face, closest = igl.point_mesh_squared_distance(vertices, source.vertices, source.faces.astype(np.int64))
    return _barycentric_matrix(closest, face, source.vertices, source.faces)


def transfer_weights(matrix: sp.csr_matrix, dense_weights: FloatArray) -> FloatArray:
    """(V, 16) weights of the coarse vertices."""
    return clean_weights(matrix @ dense_weights)


def shape_directions(matrix: sp.csr_matrix, source: SourceHand) -> FloatArray:
    """(V, 3, 10): principal directions among people, one standard deviation for a coefficient of one."""
    moves = np.array([(matrix @ (person - source.vertices)).ravel() for person in source.variants.values()])
    _, sizes, rows = np.linalg.svd(moves, full_matrices=False)
    directions = (sizes[:, None] * rows)[:_NUM_SHAPES].reshape(_NUM_SHAPES, -1, 3)
    # A singular vector's sign is free: positive means a larger hand.
    rest = matrix @ source.vertices
    growth = np.einsum("kvc,vc->k", directions, rest - rest.mean(axis=0))
    return np.transpose(directions * np.where(growth < 0, -1.0, 1.0)[:, None, None], (1, 2, 0))


def joint_regressor(vertices: FloatArray, matrix: sp.csr_matrix, source: SourceHand) -> FloatArray:
    """(16, V) non-negative rows that give the rig's joints for the average person and nearly so for the others."""
    people = [vertices, *(vertices + matrix @ (person - source.vertices) for person in source.variants.values())]
    skeletons = [source.joints, *source.variant_joints.values()]
    rows = []
    for joint in range(16):
        near = np.linalg.norm(vertices - source.joints[joint], axis=1)
        chosen = np.flatnonzero(near < _REGRESSOR_REACH)
        rows.append(np.zeros(len(vertices)))
        targets = [person[chosen] - skeleton[joint] for person, skeleton in zip(people, skeletons, strict=True)]
        rows[-1][chosen] = _convex_row(targets, np.exp(-((near[chosen] / 0.012) ** 2) / 2))
    return np.array(rows)


def _convex_row(offsets: list[FloatArray], prior: FloatArray) -> FloatArray:
    """Weights near ``prior``, non-negative, sum one, under which every set of offsets (n, 3) averages to zero."""
    prior = prior / prior.sum()
    # Millimetres, so that a joint half a millimetre off costs more than weights that differ from their prior.
    constraints = [1000 * (20.0 if number == 0 else 0.3) * offset.T for number, offset in enumerate(offsets)]
    system = np.vstack([*constraints, 1e4 * np.ones((1, len(prior))), np.eye(len(prior))])
    wanted = np.concatenate([np.zeros(3 * len(offsets)), [1e4], prior])
    weights, _ = nnls(system, wanted)
    return weights / weights.sum()


def _barycentric_matrix(points: FloatArray, face: IntArray, vertices: FloatArray, faces: IntArray) -> sp.csr_matrix:
    corners = faces[face]
    a, b, c = (np.ascontiguousarray(vertices[corners[:, k]]) for k in range(3))
    weights = np.clip(igl.barycentric_coordinates(points, a, b, c), 0, 1)
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(points)), 3)
    return sp.csr_matrix((weights.ravel(), (rows, corners.ravel())), shape=(len(points), len(vertices)))
