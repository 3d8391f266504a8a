"""The wrist's pose is the hand model's global rotation at the wrist joint."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.wrist_pose import wrist_pose
from hand_object_pose.geometry.se3 import rotation_angle
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.hand.mano_layer import ManoLayer


@pytest.mark.parametrize("fingers", [0.0, 0.3])
@pytest.mark.parametrize("side", ["right", "left"])
def test_it_is_the_global_rotation_whatever_the_fingers_do(side: str, fingers: float) -> None:
    """The layer of the left hand poses it by itself: nothing is mirrored there."""
    rng, own = np.random.default_rng(4), default_hand(side)
    for turn in Rotation.random(5, rng=rng):
        pose = np.concatenate([turn.as_rotvec(), rng.normal(0, fingers, 45)])[None]
        vertices = ManoLayer(own)(pose).vertices[0] + [0.1, -0.2, 0.6]
        joints = own.joint_regressor21 @ vertices
        found = wrist_pose(default_hand("right"), side, vertices, joints)
        np.testing.assert_array_equal(found[:3, 3], joints[WRIST])
        error = np.degrees(rotation_angle(found[:3, :3].T @ turn.as_matrix()))
        assert error < (1e-3 if fingers == 0 else 4.0)
