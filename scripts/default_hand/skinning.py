"""Skinning weights by heat diffusion from the bones (Baran and Popovic 2007), restricted to a vertex's own finger."""

import igl
import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from default_hand.source import SourceHand
from hand_object_pose.arrays import FloatArray, IntArray

# Larger: sharper transitions at the joints.
_HEAT = 1.0
_FINGER_FIRST_JOINTS = (1, 4, 7, 10, 13)
_SMALLEST_WEIGHT = 0.01


def heat_weights(source: SourceHand) -> FloatArray:
    """(V, 16) weights of the posed ``source`` whose fingers bend at the knuckles."""
    distances, joint_of_bone = _bone_distances(source)
    nearest = np.argmin(distances, axis=1)
    closest = distances[np.arange(len(distances)), nearest]
    sources = np.zeros((len(distances), 16))
    sources[np.arange(len(distances)), joint_of_bone[nearest]] = 1.0
    vertices, faces = source.vertices, source.faces.astype(np.int64)
    mass = igl.massmatrix(vertices, faces, igl.MASSMATRIX_TYPE_VORONOI)
    heat = mass @ sp.diags(_HEAT / np.maximum(closest, 2e-3) ** 2)
    weights = splu(sp.csc_matrix(heat - igl.cotmatrix(vertices, faces))).solve(heat @ sources)
    return clean_weights(weights)


def clean_weights(weights: FloatArray) -> FloatArray:
    """Non-negative, without traces of far bones, rows sum to one."""
    weights = np.where(weights < _SMALLEST_WEIGHT, 0.0, weights)
    return weights / weights.sum(axis=1, keepdims=True)


def _bone_distances(source: SourceHand) -> tuple[FloatArray, IntArray]:
    """Distances (V, bones), infinite to bones of another finger, and the joint (bones,) that moves each bone."""
    joints, finger_of_vertex = source.joints, _fingers(source)
    starts, ends, owners, fingers = [joints[0]], [joints[0] + [0.03, 0, 0]], [0], [-1]
    for finger, first in enumerate(_FINGER_FIRST_JOINTS):
        chain = joints[[0, first, first + 1, first + 2, 16 + finger]]
        starts.extend(chain[:-1])
        ends.extend(chain[1:])
        owners.extend([0, first, first + 1, first + 2])
        fingers.extend([-1, finger, finger, finger])
    distances = np.stack([_to_segment(source.vertices, a, b) for a, b in zip(starts, ends, strict=True)], axis=1)
    foreign = (finger_of_vertex[:, None] >= 0) & (np.array(fingers)[None] >= 0)
    foreign &= finger_of_vertex[:, None] != np.array(fingers)[None]
    return np.where(foreign, np.inf, distances), np.array(owners)


def _fingers(source: SourceHand) -> IntArray:
    """(V,) 0 index, 1 middle, 2 little, 3 ring, 4 thumb by MakeHuman's own weights, -1 palm."""
    shares = np.stack([source.weights[:, first : first + 3].sum(axis=1) for first in _FINGER_FIRST_JOINTS], axis=1)
    return np.where(shares.max(axis=1) > 0.5, shares.argmax(axis=1), -1)


def _to_segment(points: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    span = end - start
    along = np.clip((points - start) @ span / (span @ span), 0, 1)
    return np.linalg.norm(points - start - along[:, None] * span, axis=1)
