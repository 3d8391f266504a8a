"""The refinement of contacts: what it must undo, what it must leave alone, and its derivatives."""

import numpy as np
import pytest

from hand_object_pose.estimation.contact_refinement import ContactRefinement, RefinementSettings
from hand_object_pose.estimation.view import Lifted
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer

HAND = default_hand()
REFINEMENT = ContactRefinement(HAND)
LOOSE = RefinementSettings(translation=0.05, rotation=1e-6, penetration=0.001, correlated=1.0, gap=0.001)


def plane(height: float) -> tuple[SignedDistanceGrid, np.ndarray]:
    """Everything below a height is inside, in a frame of its own; and its pose."""
    grid = SignedDistanceGrid.sample(lambda p: p[:, 2], np.array([-0.5, -0.5, -0.5]), np.array([41] * 3), 0.025)
    turn = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
    return grid, pose_matrix(turn, turn @ np.array([0.0, 0.0, height]))


def heights(vertices: np.ndarray) -> np.ndarray:
    """Along the plane's normal, which is the camera's y axis here."""
    _, pose = plane(0.0)
    return vertices @ pose[:3, 2]


def lifted(vertices: np.ndarray, pose: np.ndarray) -> Lifted:
    nothing = np.zeros((0, 3))
    return Lifted(vertices, HAND.joint_regressor21 @ vertices, nothing, pose, np.zeros(3), np.zeros((0, 7)))


def test_a_hand_that_touches_nothing_stays() -> None:
    low = heights(HAND.v_template).min()
    grid, pose = plane(low - 0.02)
    found = REFINEMENT.refine(lifted(HAND.v_template, pose), grid)
    np.testing.assert_array_equal(found.hand, HAND.v_template)


@pytest.mark.parametrize("depth", [0.004, -0.004])
def test_a_stiff_hand_is_moved_out_of_a_plane_and_down_to_it(depth: float) -> None:
    """Without bending, a plane leaves one way out: straight along its normal."""
    low = heights(HAND.v_template).min()
    grid, pose = plane(low + depth)
    found = REFINEMENT.refine(lifted(HAND.v_template, pose), grid, LOOSE)
    motion = found.hand - HAND.v_template
    np.testing.assert_allclose(motion - motion.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(motion.mean(axis=0) @ pose[:3, 2], depth, atol=0.0015)
    np.testing.assert_allclose(np.delete(motion.mean(axis=0) @ pose[:3, :3], 2), 0.0, atol=1e-5)
    np.testing.assert_allclose(found.joints, HAND.joint_regressor21 @ found.hand, atol=1e-12)


def test_the_default_bends_fingers_and_leaves_less_inside() -> None:
    low = heights(HAND.v_template).min()
    grid, pose = plane(low + 0.008)
    before = np.maximum(low + 0.008 - heights(HAND.v_template), 0).sum()
    found = REFINEMENT.refine(lifted(HAND.v_template, pose), grid)
    after = np.maximum(low + 0.008 - heights(found.hand), 0).sum()
    assert after < 0.6 * before
    assert np.ptp(found.hand - HAND.v_template, axis=0).max() > 1e-4
    assert np.linalg.norm(found.hand - HAND.v_template, axis=1).max() < 0.02


def test_no_time_no_step() -> None:
    grid, pose = plane(heights(HAND.v_template).min() + 0.008)
    settings = RefinementSettings(time_budget=-1.0)
    found = REFINEMENT.refined_vertices(HAND.v_template, pose, grid, settings)
    np.testing.assert_array_equal(found, HAND.v_template)


@pytest.mark.parametrize("joint", range(15))
def test_small_rotations_are_those_of_the_skinned_hand(joint: int) -> None:
    """About the rest pose, turning one joint moves the vertices as the MANO layer does, but for its correctives."""
    turn = 1e-4 * np.array([0.5, -0.7, 0.4])
    pose = np.zeros((2, 48))
    pose[1, 3 * (joint + 1) : 3 * (joint + 2)] = turn
    at_rest, turned = ManoLayer(HAND, flat_hand_mean=True)(pose).vertices
    correctives = HAND.posedirs[..., 9 * joint : 9 * joint + 9] @ _rotation_change(turn)
    step = np.concatenate([np.zeros(3 + 3 * joint), turn, np.zeros(42 - 3 * joint)])
    moved = REFINEMENT._moved(at_rest, step)
    np.testing.assert_allclose(moved + correctives, turned, atol=2e-8)


def _rotation_change(turn: np.ndarray) -> np.ndarray:
    """R - I (9,) of a small rotation, which MANO's pose correctives are linear in."""
    x, y, z = turn
    return np.array([0.0, -z, y, z, 0.0, -x, -y, x, 0.0])
