"""Which way the fingers bend: flexion and abduction axes of any hand model, from its geometry alone.

MANO's pose is an axis-angle vector a joint, in the rest pose's axes. These functions say which axis closes a
finger and which spreads it, so that grasps and joint limits need no table of numbers for one hand model.
"""

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import MANO_JOINT_FINGER

# Rows of MANO's 16 joints: where the four fingers leave the palm.
_INDEX, _MIDDLE, _LITTLE, _RING = 1, 4, 7, 10
_THUMB = 0
# The thumb closes towards a point in front of the palm, this far from the base of middle and ring finger.
_OPPOSITION_HEIGHT = 0.04


def rest_joints(model: HandModel) -> FloatArray:
    """The 16 joints (16, 3) of the mean shape at rest, metres, MANO's order."""
    return np.asarray(model.joint_regressor @ model.v_template)


def palm_normal(model: HandModel) -> FloatArray:
    """Unit vector (3,) at rest that leaves the palm on its inner side."""
    joints = rest_joints(model)
    across = joints[_INDEX] - joints[_LITTLE]
    along = (joints[_MIDDLE] + joints[_RING]) / 2 - joints[0]
    normal = np.cross(across, along)
    return _unit(normal if model.side == "right" else -normal)


def bone_directions(model: HandModel) -> FloatArray:
    """Unit vectors (15, 3) at rest from each finger joint (MANO's order without the wrist) to the next or the tip."""
    joints = rest_joints(model)
    ends = np.empty((15, 3))
    for row, finger in enumerate(MANO_JOINT_FINGER[1:]):
        is_last = row % 3 == 2
        ends[row] = model.v_template[model.fingertips[finger]] if is_last else joints[row + 2]
    return _unit(ends - joints[1:])


def flexion_axes(model: HandModel) -> FloatArray:
    """Unit axes (15, 3): turning joint k + 1 by a positive angle about row k closes its finger towards the palm.

    Axis-angle pose of a joint = angle * axis. Works for either side.
    """
    return _unit(np.cross(bone_directions(model), _closing_directions(model)))


def abduction_axes(model: HandModel) -> FloatArray:
    """Unit axes (15, 3), orthogonal to bones and flexion axes: a positive angle spreads.

    Index, ring and little finger move away from the middle finger, the middle finger towards the thumb, the thumb
    sideways, in the direction from the little to the index finger.
    """
    joints = rest_joints(model)
    bones = bone_directions(model)
    axes = _unit(np.cross(bones, flexion_axes(model)))
    towards_thumb = joints[_INDEX] - joints[_LITTLE]
    wanted = np.array([_spreading_direction(finger, towards_thumb) for finger in MANO_JOINT_FINGER[1:]])
    signs = np.sign(np.sum(np.cross(axes, bones) * wanted, axis=1, keepdims=True))
    return axes * np.where(signs == 0, 1.0, signs)


def _spreading_direction(finger: int, towards_thumb: FloatArray) -> FloatArray:
    return -towards_thumb if finger in (3, 4) else towards_thumb


def _closing_directions(model: HandModel) -> FloatArray:
    joints = rest_joints(model)
    normal = palm_normal(model)
    opposite = (joints[_MIDDLE] + joints[_RING]) / 2 + _OPPOSITION_HEIGHT * normal
    closing = np.tile(normal, (15, 1))
    thumb = np.array([finger == _THUMB for finger in MANO_JOINT_FINGER[1:]])
    closing[thumb] = opposite - joints[1:][thumb]
    return closing


def _unit(vectors: FloatArray) -> FloatArray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
