"""Flexion and abduction axes: what they claim, seen in posed hands of both sides."""

import numpy as np
import pytest

from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.flexion import abduction_axes, bone_directions, flexion_axes, palm_normal, rest_joints
from hand_object_pose.hand.joints import FINGERTIPS
from hand_object_pose.hand.mano_layer import ManoLayer

SIDES = ("right", "left")


def tips_after(side: str, axes: np.ndarray, degrees: float, rows: list[int]) -> np.ndarray:
    pose = np.zeros((16, 3))
    pose[np.array(rows) + 1] = np.deg2rad(degrees) * axes[rows]
    return np.asarray(ManoLayer(default_hand(side))(pose.reshape(1, 48)).joints[0])[list(FINGERTIPS)]


@pytest.mark.parametrize("side", SIDES)
def test_axes_are_unit_and_orthogonal(side: str) -> None:
    model = default_hand(side)
    bones, flexion, abduction = bone_directions(model), flexion_axes(model), abduction_axes(model)
    for axes in (bones, flexion, abduction):
        np.testing.assert_allclose(np.linalg.norm(axes, axis=1), 1)
    for one, other in ((bones, flexion), (bones, abduction), (flexion, abduction)):
        np.testing.assert_allclose(np.sum(one * other, axis=1), 0, atol=1e-9)


@pytest.mark.parametrize("side", SIDES)
def test_positive_flexion_brings_tips_in_front_of_the_palm(side: str) -> None:
    model = default_hand(side)
    normal, middle = palm_normal(model), rest_joints(model)[[0, 1, 7]].mean(axis=0)
    rest = model.v_template[model.fingertips]
    curled = tips_after(side, flexion_axes(model), 50, list(range(12)))
    assert np.all((curled[1:] - rest[1:]) @ normal > 0.02)
    assert np.all(np.linalg.norm(curled[1:] - middle, axis=1) < np.linalg.norm(rest[1:] - middle, axis=1))
    back = tips_after(side, flexion_axes(model), -20, [0, 3, 6, 9])
    assert np.all((back[1:] - rest[1:]) @ normal < 0)


@pytest.mark.parametrize("side", SIDES)
def test_thumb_flexes_towards_the_little_finger_in_front_of_the_palm(side: str) -> None:
    model = default_hand(side)
    joints, normal = rest_joints(model), palm_normal(model)
    tips = tips_after(side, flexion_axes(model), 25, [12, 13, 14])
    distance = [np.linalg.norm(tip - joints[10]) for tip in (model.v_template[model.fingertips[0]], tips[0])]
    assert distance[1] < 0.7 * distance[0]
    assert (tips[0] - joints[10]) @ normal > 0


@pytest.mark.parametrize("side", SIDES)
def test_positive_abduction_widens_the_gaps(side: str) -> None:
    model = default_hand(side)
    rest = model.v_template[model.fingertips]
    spread = tips_after(side, abduction_axes(model), 10, [0, 6, 9])
    for finger in (1, 3, 4):
        before, after = (np.linalg.norm(tips[finger] - tips[2]) for tips in (rest, spread))
        assert after > before + 0.005


@pytest.mark.parametrize("side", SIDES)
def test_positive_abduction_moves_middle_finger_and_thumb_to_the_thumbs_side(side: str) -> None:
    model = default_hand(side)
    rest, joints = model.v_template[model.fingertips], rest_joints(model)
    spread = tips_after(side, abduction_axes(model), 5, [3, 12])
    assert np.all((spread - rest)[[0, 2]] @ (joints[1] - joints[7]) > 0)


def test_left_axes_are_mirrored_right_axes() -> None:
    # Axial vectors keep their component along the mirror's normal.
    for axes in (flexion_axes, abduction_axes):
        np.testing.assert_allclose(axes(default_hand("left")), axes(default_hand("right")) * [1, -1, -1], atol=1e-9)
