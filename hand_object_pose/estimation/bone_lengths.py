"""Bones as functions of the wrist's depth: what a picture and relative depths leave open is how far away they are.

A joint that appears in the direction n (with n_z = 1) and lies z behind the wrist is at n (z + r) when the wrist is at
depth r. A bone between two of them is therefore a + r b, and its known length makes a quadratic equation for r (the
2.5D representation of Iqbal, Molchanov, Breuel, Gall and Kautz, ECCV 2018). Joints regressed from a mesh are sums of
such points, and the same holds for them.
"""

from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.joints import BONES, JOINT_NAMES

_NEAR, _FAR = np.array(BONES).T
"""Joints at the end of each bone (20,) nearer to the wrist, and at the other."""

BONE_NAMES = tuple(f"{JOINT_NAMES[near]} to {JOINT_NAMES[far]}" for near, far in BONES)
NUM_BONES = len(BONE_NAMES)

# A bone that points at the camera looks as long at any depth.
_LEAST_SLOPE = 1e-9


def bone_lengths(joints: FloatArray) -> FloatArray:
    """Lengths (..., 20) of the bones between joints (..., 21, 3), in the joints' unit."""
    lengths: FloatArray = np.linalg.norm(joints[..., _FAR, :] - joints[..., _NEAR, :], axis=-1)
    return lengths


def resting_bone_lengths(hand: HandModel) -> FloatArray:
    """Lengths (20,) of a hand model of mean shape at rest, metres."""
    return bone_lengths(hand.joint_regressor21 @ hand.v_template)


@dataclass(frozen=True)
class RelativeBones:
    """Bones (20, 3) that are ``offsets + r slopes`` in the camera frame when the wrist is at depth r; metres."""

    offsets: FloatArray
    slopes: FloatArray

    @classmethod
    def of(cls, directions: FloatArray, depths: FloatArray, regressor: FloatArray) -> "RelativeBones":
        """Bones of a mesh.

        Args:
            directions: viewing rays (V, 3) of its vertices, z = 1.
            depths: (V,) metres, relative to the wrist.
            regressor: (21, V) joints from vertices; rows sum to one.
        """
        check_shape("directions", directions, ("V", 3))
        check_shape("regressor", regressor, (len(JOINT_NAMES), len(directions)))
        offsets, slopes = regressor @ (directions * depths[:, None]), regressor @ directions
        return cls(offsets[_FAR] - offsets[_NEAR], slopes[_FAR] - slopes[_NEAR])

    def vectors(self, depth: float) -> FloatArray:
        """(20, 3) metres."""
        return self.offsets + depth * self.slopes

    def depths(self, lengths: FloatArray) -> FloatArray:
        """The wrist's depth (20,) by each bone alone, given its length (20,) in metres; NaN where it tells nothing.

        Of the quadratic's two roots the larger: the smaller one has the hand at the camera or behind it. A bone that
        appears longer than it is at every depth says where it appears shortest.
        """
        check_shape("lengths", lengths, (NUM_BONES,))
        square = np.square(self.slopes).sum(axis=1)
        middle = (self.offsets * self.slopes).sum(axis=1)
        constant = np.square(self.offsets).sum(axis=1) - np.square(lengths)
        root = np.sqrt(np.maximum(middle**2 - square * constant, 0.0))
        return np.where(square > _LEAST_SLOPE, (root - middle) / np.maximum(square, _LEAST_SLOPE), np.nan)
