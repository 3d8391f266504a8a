"""Brings MakeHuman's relaxed hand into MANO's rest pose.

Wrist at the origin, fingers along -x, palm towards -y, thumb at +z.
"""

from dataclasses import replace

import igl
import numpy as np
from scipy.spatial.transform import Rotation

from default_hand.source import SourceHand
from hand_object_pose.arrays import FloatArray

_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
# First joint and tip of index, middle, little, ring in the list of 21.
_FINGERS = ((1, 16), (4, 17), (7, 18), (10, 19))
_THUMB = (13, 20)
# How far each finger bone points below the palm's plane at rest, base to tip, in degrees: nearly flat, not rigid.
_REST_FLEXION = (2.0, 5.0, 6.0)
# Share of the fan between the fingers that is kept: MakeHuman's hand spreads them wide.
_SPREAD = 0.65
# MakeHuman bends the fingers at the web; anatomy bends them at the knuckle, this much nearer to the wrist (metres).
_KNUCKLE_BEHIND_WEB = (0.011, 0.011, 0.008, 0.011)
# Share of the relaxed hand's curl that the thumb keeps.
_THUMB_CURL = 0.6


def pose_source(source: SourceHand) -> SourceHand:
    """Straighten and align ``source`` and its variants, after one step of Loop subdivision; forearm joins the wrist."""
    source = _merge_forearm(_subdivide(source))
    source = _align(source)
    turns = _straightening(source.joints)
    vertices, joints = _bend(source.vertices, source.joints, source.weights, turns)
    variants, variant_joints = {}, {}
    for name, person in source.variants.items():
        variants[name], variant_joints[name] = _bend(person, source.variant_joints[name], source.weights, turns)
    return replace(source, vertices=vertices, joints=joints, variants=variants, variant_joints=variant_joints)


def _subdivide(source: SourceHand) -> SourceHand:
    names = list(source.variants)
    columns = np.hstack([source.vertices, *(source.variants[name] for name in names), source.weights])
    finer, faces = igl.loop(columns, source.faces.astype(np.int64), 1)
    people = np.split(finer[:, : 3 * (len(names) + 1)], len(names) + 1, axis=1)
    return replace(
        source,
        vertices=people[0],
        faces=faces,
        weights=finer[:, 3 * (len(names) + 1) :],
        variants=dict(zip(names, people[1:], strict=True)),
    )


def _merge_forearm(source: SourceHand) -> SourceHand:
    weights = source.weights[:, :16].copy()
    weights[:, 0] += source.weights[:, 16]
    return replace(source, weights=weights / weights.sum(axis=1, keepdims=True))


def _align(source: SourceHand) -> SourceHand:
    """Rigidly into MANO's frame; variants by the best fit of their palm's joints to the average person's."""
    frame = _frame(source.joints)
    joints = (source.joints - source.joints[0]) @ frame
    variants, variant_joints = {}, {}
    for name, person_joints in source.variant_joints.items():
        palm = [1, 4, 7, 10]
        rotation, _ = Rotation.align_vectors(joints[palm], person_joints[palm] - person_joints[0])
        variants[name] = rotation.apply(source.variants[name] - person_joints[0])
        variant_joints[name] = rotation.apply(person_joints - person_joints[0])
    vertices = (source.vertices - source.joints[0]) @ frame
    return replace(source, vertices=vertices, joints=joints, variants=variants, variant_joints=variant_joints)


def _frame(joints: FloatArray) -> FloatArray:
    """(3, 3) with the new x, y, z axes as columns: fingers are -x, the palm's normal -y, the thumb's side +z."""
    along = joints[4] - joints[0]
    palm = np.cross(joints[1] - joints[7], along)
    x, y = -_unit(along), -_unit(palm)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _straightening(joints: FloatArray) -> list[Rotation]:
    """Rotation of each of the 16 joints in the aligned frame, not accumulated along the finger."""
    turns = [Rotation.identity() for _ in range(16)]
    fan = _headings(joints)
    for (first, tip), fan_angle in zip(_FINGERS, fan[1] + _SPREAD * (fan - fan[1]), strict=True):
        chain = joints[[first, first + 1, first + 2, tip]]
        heading = np.array([-np.cos(fan_angle), 0.0, np.sin(fan_angle)])
        angles = np.deg2rad(_REST_FLEXION)
        wanted = np.cos(angles)[:, None] * heading + np.sin(angles)[:, None] * [0.0, -1.0, 0.0]
        _turn_chain(turns, first, np.diff(chain, axis=0), wanted)
    first, tip = _THUMB
    bones = np.diff(joints[[first, first + 1, first + 2, tip]], axis=0)
    straight = _unit(bones.sum(axis=0))
    _turn_chain(turns, first, bones, _THUMB_CURL * _unit(bones) + (1 - _THUMB_CURL) * straight)
    return turns


def _headings(joints: FloatArray) -> FloatArray:
    """(4,) angle of index, middle, little, ring finger within the palm's plane, positive towards the thumb."""
    spans = np.array([joints[tip] - joints[first] for first, tip in _FINGERS])
    return np.arctan2(spans[:, 2], -spans[:, 0])


def _move_to_knuckles(joints: FloatArray) -> FloatArray:
    """The 21 joints with the four fingers' first joints moved from the web to the knuckle."""
    moved = joints.copy()
    for (first, _), distance in zip(_FINGERS, _KNUCKLE_BEHIND_WEB, strict=True):
        moved[first] += distance * _unit(joints[0] - joints[first])
    return moved


def _turn_chain(turns: list[Rotation], first: int, bones: FloatArray, wanted: FloatArray) -> None:
    whole = Rotation.identity()
    for number in range(3):
        bone = whole.apply(bones[number])
        axis = np.cross(_unit(bone), _unit(wanted[number]))
        sine = float(np.linalg.norm(axis))
        angle = np.arctan2(sine, _unit(bone) @ _unit(wanted[number]))
        step = Rotation.from_rotvec(axis / max(sine, 1e-12) * angle)
        # A joint turns in its own axes: what its parents did already is taken out.
        turns[first + number] = whole.inv() * step * whole
        whole = step * whole


def _bend(
    vertices: FloatArray, joints: FloatArray, weights: FloatArray, turns: list[Rotation]
) -> tuple[FloatArray, FloatArray]:
    """Linear blend skinning of vertices and of the 21 joints."""
    rotations: list[Rotation] = []
    moves: list[FloatArray] = []
    for joint in range(16):
        parent = _PARENTS[joint]
        above = rotations[parent] if parent >= 0 else Rotation.identity()
        place = above.apply(joints[joint]) + (moves[parent] if parent >= 0 else 0.0)
        rotations.append(above * turns[joint])
        moves.append(place - rotations[joint].apply(joints[joint]))
    posed = np.stack([rotation.apply(vertices) + move for rotation, move in zip(rotations, moves, strict=True)])
    bones = [*range(16), 3, 6, 9, 12, 15]
    skeleton = _move_to_knuckles(np.array([rotations[b].apply(joints[k]) + moves[b] for k, b in enumerate(bones)]))
    return np.einsum("vj,jvc->vc", weights, posed), skeleton


def _unit(vectors: FloatArray) -> FloatArray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
