"""Where the wrist is and how it is turned, told from the mesh: MANO's global rotation, without a fit of MANO."""

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.estimation.mirroring import mirror_points
from hand_object_pose.geometry.se3 import kabsch
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import WRIST

# Skinning weight of the root joint: what hangs on it to this share hardly follows the fingers.
_LEAST_WEIGHT = 0.8


def wrist_pose(hand: HandModel, side: str, vertices: FloatArray, joints: FloatArray) -> FloatArray:
    """(4, 4) wrist frame to camera frame: its origin is the wrist joint, its axes are the hand model's at rest.

    The rotation is the rigid one that best takes the part of the palm that follows the root joint from rest to where it
    was seen (Kabsch 1976). A hand of the other side than the model's has the mirrored model's axes.

    Args:
        hand: the model; side: "right" or "left", of the hand that was seen.
        vertices: (778, 3) metres, joints: (21, 3) metres; camera frame.
    """
    check_shape("vertices", vertices, hand.v_template.shape)
    resting = hand.v_template if side == hand.side else mirror_points(hand.v_template)
    palm = hand.weights[:, 0] >= _LEAST_WEIGHT
    pose = kabsch(resting[palm], vertices[palm])
    pose[:3, 3] = joints[WRIST]
    return pose
