"""Pose blend shapes that keep the joints' volume, and principal components of plausible poses."""

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.hand.flexion import abduction_axes, flexion_axes, rest_joints
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import MANO_JOINT_FINGER, MANO_PARENTS

_RIDGE = 0.05
_NUM_POSES = 4000
# Degrees. Rows: first, second, third joint of a finger, then of the thumb.
_FLEXION_MEAN = ((25, 35, 22), (12, 14, 16))
_FLEXION_SPREAD = ((24, 28, 16), (12, 14, 18))
_ABDUCTION_SPREAD = ((7, 1, 1), (12, 4, 1))
_TWIST_SPREAD = 1.0


def pose_directions(model: HandModel) -> FloatArray:
    """(778, 3, 135) that move linear blend skinning towards spherical blending for a bend of one joint.

    Linear blending averages rotated positions, so a bent joint loses volume; blending the rotations (Kavan et al.
    2007, for one joint) does not. The difference, taken back to the rest pose, is regressed on R - I.
    """
    directions = np.zeros((778, 3, 135))
    for joint in range(1, 16):
        rotations = _bends(model, joint)
        share = model.weights[:, _descendants(joint)].sum(axis=1)
        moving = np.flatnonzero((share > 0) & (share < 1))
        offsets = _volume_offsets(model.v_template[moving] - rest_joints(model)[joint], share[moving], rotations)
        features = (rotations.as_matrix() - np.eye(3)).reshape(-1, 9)
        system = features.T @ features + _RIDGE * np.eye(9)
        solved = np.linalg.solve(system, features.T @ offsets.reshape(len(rotations), -1))
        directions[moving, :, 9 * joint - 9 : 9 * joint] = solved.reshape(9, len(moving), 3).transpose(1, 2, 0)
    return directions


def _bends(model: HandModel, joint: int) -> Rotation:
    flexion, abduction = flexion_axes(model)[joint - 1], abduction_axes(model)[joint - 1]
    angles = [(f, a) for f in range(-20, 101, 10) for a in (-15, 0, 15)]
    return Rotation.from_rotvec([np.deg2rad(f) * flexion + np.deg2rad(a) * abduction for f, a in angles])


def _descendants(joint: int) -> list[int]:
    found = [joint]
    for other in range(joint + 1, 16):
        if MANO_PARENTS[other] in found:
            found.append(other)
    return found


def _volume_offsets(arms: FloatArray, share: FloatArray, rotations: Rotation) -> FloatArray:
    """Rest-pose offsets (P, V, 3) of vertices at ``arms`` (V, 3) from the joint that follow it by ``share`` (V,)."""
    offsets = []
    for rotation in rotations:
        matrix = rotation.as_matrix()
        quaternion = rotation.as_quat(canonical=True)
        blended = share[:, None] * quaternion + (1 - share[:, None]) * [0.0, 0, 0, 1]
        skin = (1 - share)[:, None, None] * np.eye(3) + share[:, None, None] * matrix
        difference = Rotation.from_quat(blended).apply(arms) - np.einsum("vij,vj->vi", skin, arms)
        offsets.append(np.linalg.solve(skin, difference[..., None])[..., 0])
    return np.array(offsets)


def pose_components(model: HandModel, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Orthonormal components (45, 45) by falling variance and mean (45,) of plausible poses, axis-angle.

    The poses follow the synergies known from grasping (Santello et al. 1998): fingers close together, the last
    joint follows the middle one, neighbours resemble each other.
    """
    poses = sample_poses(model, rng, _NUM_POSES)
    mean = poses.mean(axis=0)
    _, _, rows = np.linalg.svd(poses - mean, full_matrices=True)
    largest = rows[np.arange(45), np.argmax(np.abs(rows), axis=1)]
    return rows * np.sign(largest)[:, None], mean


def sample_poses(model: HandModel, rng: np.random.Generator, count: int) -> FloatArray:
    """(count, 45) plausible axis-angle poses."""
    flexion, abduction = flexion_axes(model), abduction_axes(model)
    twist = np.cross(flexion, abduction)
    finger = np.array(MANO_JOINT_FINGER[1:])
    thumb = np.where(finger == 0, 1, 0)
    number = np.arange(15) % 3
    closing = _correlated(rng, count, finger, number)
    angles = np.array(_FLEXION_MEAN)[thumb, number] + closing * np.array(_FLEXION_SPREAD)[thumb, number]
    spread = rng.normal(size=(count, 1)) * 0.7 + rng.normal(size=(count, 15)) * 0.7
    spread = spread * np.array(_ABDUCTION_SPREAD)[thumb, number]
    turned = rng.normal(size=(count, 15)) * _TWIST_SPREAD
    vectors = angles[..., None] * flexion + spread[..., None] * abduction + turned[..., None] * twist
    return np.deg2rad(vectors).reshape(count, 45)


def _correlated(rng: np.random.Generator, count: int, finger: IntArray, number: IntArray) -> FloatArray:
    whole, fingers, joints = (rng.normal(size=(count, size)) for size in (1, 5, 15))
    middle = joints[:, np.flatnonzero(number == 1)].repeat(3, axis=1)
    own = np.where(number == 2, 0.8 * middle + 0.2 * joints, joints)
    return np.clip(0.75 * whole + 0.45 * fingers[:, finger] + 0.45 * own, -1.6, 2.2)
