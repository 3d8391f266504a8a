"""Puts the parts together as a hand model in MANO's counts."""

from dataclasses import replace

import numpy as np

from default_hand.fitting import fit_surface, joint_regressor, on_surface, shape_directions, transfer_weights
from default_hand.pose_space import pose_components, pose_directions
from default_hand.posing import pose_source
from default_hand.remesh import cut_wrist, remesh
from default_hand.skinning import heat_weights
from default_hand.source import SourceHand
from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.hand.hand_model import NUM_HAND_VERTICES, HandModel
from hand_object_pose.hand.joints import MANO_JOINT_FINGER, MANO_PARENTS

# Thumb to little finger: where MANO has them.
FINGERTIPS = (745, 317, 444, 556, 673)
_WRIST_CUT = 0.02
# Edges on the fingers are shorter than in the palm by this share, and those on the last phalanges once more.
_FINGER_REFINEMENT = 0.35
_TIP_REFINEMENT = 0.12
_LAST_JOINTS = (3, 6, 9, 12, 15)
_FINGERTIP_REACH = 0.045
_SEED = 20240901


def build_hand(source: SourceHand) -> HandModel:
    """The default right hand from MakeHuman's."""
    source = pose_source(source)
    weights = heat_weights(source)
    sizes = 1 - _FINGER_REFINEMENT * (1 - weights[:, 0]) - _TIP_REFINEMENT * weights[:, _LAST_JOINTS].sum(axis=1)
    vertices, faces = remesh(
        *cut_wrist(source.vertices, source.faces, _WRIST_CUT),
        (source.vertices, source.faces),
        sizes,
        _fingertips(source),
    )
    wrist = np.flatnonzero(vertices[:, 0] > vertices[:, 0].max() - 1e-6)
    vertices = fit_surface(vertices, faces, source.vertices[source.vertices[:, 0] < _WRIST_CUT], wrist)
    coarse = transfer_weights(on_surface(vertices, source), weights)
    vertices, faces = _fingertips_in_place(vertices, faces, coarse, source.joints)
    return _with_pose_space(_rigged(vertices, faces, weights, source))


def _rigged(vertices: FloatArray, faces: IntArray, dense_weights: FloatArray, source: SourceHand) -> HandModel:
    matrix = on_surface(vertices, source)
    return HandModel(
        name="default_right",
        side="right",
        v_template=vertices,
        shapedirs=shape_directions(matrix, source),
        posedirs=np.zeros((NUM_HAND_VERTICES, 3, 135)),
        joint_regressor=joint_regressor(vertices, matrix, source),
        weights=transfer_weights(matrix, dense_weights),
        parents=np.array(MANO_PARENTS),
        faces=faces,
        hands_components=np.eye(45),
        hands_mean=np.zeros(45),
        fingertips=np.array(FINGERTIPS),
    )


def _with_pose_space(model: HandModel) -> HandModel:
    components, mean = pose_components(model, np.random.default_rng(_SEED))
    return replace(model, posedirs=pose_directions(model), hands_components=components, hands_mean=mean)


def _fingertips(source: SourceHand) -> FloatArray:
    """(5, 3) where each finger's last bone leaves the surface, in the order of the source's tips."""
    tips = []
    for last, tip in zip(_LAST_JOINTS, source.joints[16:], strict=True):
        bone = (tip - source.joints[last]) / np.linalg.norm(tip - source.joints[last])
        arms = source.vertices - source.joints[last]
        ahead = np.where(np.linalg.norm(arms, axis=1) < _FINGERTIP_REACH, arms @ bone, -1.0)
        tips.append(source.vertices[np.argmax(ahead)])
    return np.array(tips)


def _fingertips_in_place(
    vertices: FloatArray, faces: IntArray, weights: FloatArray, joints: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Reorder from the wrist to the fingertips, then swap so that the tips have MANO's numbers."""
    fingers = np.asarray(MANO_JOINT_FINGER)[np.argmax(weights, axis=1)]
    order = np.lexsort((-vertices[:, 0], fingers))
    for finger, place in enumerate(FINGERTIPS):
        base = joints[MANO_JOINT_FINGER.index(finger)]
        reach = np.where(fingers == finger, np.linalg.norm(vertices - base, axis=1), -1.0)
        held = int(np.flatnonzero(order == np.argmax(reach))[0])
        order[[held, place]] = order[[place, held]]
    rank = np.argsort(order)
    return vertices[order], rank[faces]
