"""A hand model: a skinned template with MANO's counts, whoever made it."""

import hashlib
from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.checks import check_shape
from hand_object_pose.hand.joints import MANO_JOINT_FINGER, MANO_WITH_TIPS_TO_STANDARD

NUM_HAND_VERTICES = 778


@dataclass(frozen=True)
class HandModel:
    """Everything that the MANO layer, the network and the messages need to know of a hand.

    Joints are in MANO's order of 16 (``hand.joints``). Lengths in metres.

    Attributes:
        name: such as "default_right" or "mano_right".
        side: "right" or "left".
        v_template: (778, 3) vertices at rest.
        shapedirs: (778, 3, 10); posedirs: (778, 3, 135).
        joint_regressor: (16, 778), rows sum to one.
        weights: (778, 16) skinning weights, rows sum to one.
        parents: (16,), -1 for the wrist.
        faces: (1538, 3), open at the wrist.
        hands_components: (45, 45) principal components as rows; hands_mean: (45,) axis-angle.
        fingertips: (5,) vertex ids, thumb to little finger.
    """

    name: str
    side: str
    v_template: FloatArray
    shapedirs: FloatArray
    posedirs: FloatArray
    joint_regressor: FloatArray
    weights: FloatArray
    parents: IntArray
    faces: IntArray
    hands_components: FloatArray
    hands_mean: FloatArray
    fingertips: IntArray

    def __post_init__(self) -> None:
        vertices = NUM_HAND_VERTICES
        check_shape(f"{self.name}.v_template", self.v_template, (vertices, 3))
        check_shape(f"{self.name}.shapedirs", self.shapedirs, (vertices, 3, 10))
        check_shape(f"{self.name}.posedirs", self.posedirs, (vertices, 3, 135))
        check_shape(f"{self.name}.joint_regressor", self.joint_regressor, (16, vertices))
        check_shape(f"{self.name}.weights", self.weights, (vertices, 16))
        check_shape(f"{self.name}.parents", self.parents, (16,))
        check_shape(f"{self.name}.faces", self.faces, (1538, 3))
        check_shape(f"{self.name}.fingertips", self.fingertips, (5,))

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of what a network's output depends on: faces, joint regressor, fingertips, template."""
        digest = hashlib.sha256(np.ascontiguousarray(self.faces, dtype="<i4").tobytes())
        for array in (self.joint_regressor, self.v_template):
            digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
        digest.update(np.ascontiguousarray(self.fingertips, dtype="<i4").tobytes())
        return digest.hexdigest()

    @property
    def finger_labels(self) -> IntArray:
        """(778,) finger of each vertex by its largest skinning weight: -1 palm, 0 thumb ... 4 little finger."""
        return np.asarray(MANO_JOINT_FINGER)[np.argmax(self.weights, axis=1)]

    def rest_wrists(self, betas: FloatArray) -> FloatArray:
        """(..., 3) metres, the wrists of hands of shapes (..., 10) at rest: their roots rotate about them."""
        regressor = self.joint_regressor[0]
        return regressor @ self.v_template + np.asarray(betas, dtype=np.float64) @ (
            np.einsum("v,vck->kc", regressor, self.shapedirs)
        )

    def faces_of(self, side: str) -> IntArray:
        """(1538, 3) faces that show their outside on a hand of ``side``: turned round for the mirrored one."""
        return self.faces if side == self.side else np.ascontiguousarray(self.faces[:, ::-1])

    @property
    def joint_regressor21(self) -> FloatArray:
        """(21, 778): G of equation 22, joints in this project's order, tips as one-hot rows."""
        tips = np.zeros((5, self.v_template.shape[0]))
        tips[np.arange(5), self.fingertips] = 1.0
        return np.concatenate([self.joint_regressor, tips])[list(MANO_WITH_TIPS_TO_STANDARD)]
