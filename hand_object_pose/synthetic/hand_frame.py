"""Anatomical directions of a hand model at rest, so that nothing depends on how its author oriented it."""

from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.hand.hand_model import HandModel

_INDEX_BASE, _MIDDLE_BASE, _LITTLE_BASE = 5, 9, 17
_FINGER_BASES = (5, 9, 13, 17)


@dataclass(frozen=True)
class HandFrame:
    """Directions in the hand model's axes, the origin at the wrist joint.

    Attributes:
        forward: (3,) unit, from the wrist to the base of the middle finger.
        thumbward: (3,) unit, from the little finger's to the index finger's side.
        palmar: (3,) unit, out of the palm.
        palm_centre: (3,) metres, on the palm's skin, relative to the wrist.
    """

    forward: FloatArray
    thumbward: FloatArray
    palmar: FloatArray
    palm_centre: FloatArray

    @property
    def axes(self) -> FloatArray:
        """(3, 3) with forward, thumbward and palmar as columns."""
        return np.stack([self.forward, self.thumbward, self.palmar], axis=1)

    @classmethod
    def of(cls, hand: HandModel) -> "HandFrame":
        """The frame of a hand model; of a left hand it is left-handed, as the hand is."""
        joints = hand.joint_regressor21 @ hand.v_template
        forward = _unit(joints[_MIDDLE_BASE] - joints[0])
        across = joints[_INDEX_BASE] - joints[_LITTLE_BASE]
        thumbward = _unit(across - forward * (across @ forward))
        palmar = np.cross(thumbward, forward) * (1.0 if hand.side == "right" else -1.0)
        inside = 0.35 * joints[0] + 0.65 * joints[list(_FINGER_BASES)].mean(axis=0)
        return cls(forward, thumbward, palmar, _skin_below(inside, palmar, hand) - joints[0])


def _unit(vector: FloatArray) -> FloatArray:
    return vector / np.linalg.norm(vector)


def _skin_below(inside: FloatArray, palmar: FloatArray, hand: HandModel) -> FloatArray:
    """The point of the palm's skin under a point inside the hand: the vertices near that line say how deep."""
    offsets = hand.v_template[hand.finger_labels == -1] - inside
    heights = offsets @ palmar
    sideways = np.linalg.norm(offsets - heights[:, None] * palmar, axis=1)
    return inside + palmar * heights[np.argsort(sideways)[:12]].max()
