"""The fit to the depth image, against poses that are known because the depth image was ray-cast from them."""

import numpy as np
import pytest
from depth_scenes import ELSEWHERE, PLACE, ball, brick, depth_of, frame, placed
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.surface_fit import NOT_MEASURED, SurfaceFitSettings, fit_surface
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix, rotation_angle


def motion(turn: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    """About the place of the mesh."""
    rotation = Rotation.from_rotvec(turn).as_matrix()
    return pose_matrix(rotation, PLACE[:3, 3] + shift - rotation @ PLACE[:3, 3])


@pytest.mark.parametrize(
    ("turn", "shift"),
    [
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.02)),
        ((0.15, 0.0, -0.1), (0.005, -0.005, -0.015)),
        ((-0.1, 0.2, 0.1), (-0.006, 0.004, 0.01)),
    ],
)
def test_a_displaced_brick_finds_back(turn: tuple, shift: tuple) -> None:
    wrong = motion(turn, shift) @ PLACE
    found = fit_surface(frame(depth_of(placed(brick(), PLACE))), placed(brick(), wrong), ELSEWHERE).motion @ wrong
    assert rotation_angle(found[:3, :3].T @ PLACE[:3, :3]) < np.radians(1.5)
    assert np.linalg.norm(found[:3, 3] - PLACE[:3, 3]) < 0.0025


def test_what_the_surface_leaves_open_stays_as_it_was() -> None:
    """A ball's depth image says nothing about its turn: it moves, and does not turn."""
    wrong = motion((0.0, 0.0, 0.0), (0.004, 0.003, 0.02)) @ PLACE
    found = fit_surface(frame(depth_of(placed(ball(), PLACE))), placed(ball(), wrong), ELSEWHERE).motion
    assert rotation_angle(found[:3, :3]) < np.radians(1.0)
    np.testing.assert_allclose((found @ wrong)[:3, 3], PLACE[:3, 3], atol=0.002)


def test_the_hand_in_front_is_not_taken_for_the_object() -> None:
    hand = TriangleMesh(ball(0.03).vertices + np.array([0.02, -0.02, 0.5]), ball(0.03).faces)
    wrong = motion((0.05, 0.05, 0.0), (0.0, 0.0, 0.015)) @ PLACE
    found = fit_surface(frame(depth_of(placed(brick(), PLACE), hand)), placed(brick(), wrong), hand).motion @ wrong
    assert np.linalg.norm(found[:3, 3] - PLACE[:3, 3]) < 0.003


@pytest.mark.parametrize("depth", [None, np.zeros((240, 320), np.float32), np.full((240, 320), 1.2, np.float32)])
def test_without_a_measurement_nothing_moves(depth: np.ndarray | None) -> None:
    assert fit_surface(frame(depth), placed(brick(), PLACE), ELSEWHERE) is NOT_MEASURED


def test_meshes_behind_the_camera_stay_where_they_are() -> None:
    behind = pose_matrix(np.eye(3), np.array([0.0, 0.0, -1.2])) @ PLACE
    depth = depth_of(placed(brick(), PLACE))
    assert fit_surface(frame(depth), placed(brick(), behind), ELSEWHERE) is NOT_MEASURED
    assert fit_surface(frame(depth), placed(brick(), PLACE), placed(brick(), behind)) is NOT_MEASURED


def test_a_surface_elsewhere_is_not_the_object() -> None:
    """Most of what the mesh should be is seen far behind it: the little that fits is something else."""
    crumb = placed(ball(0.012), PLACE)
    assert fit_surface(frame(depth_of(crumb)), placed(brick(), PLACE), ELSEWHERE) is NOT_MEASURED


def test_a_tight_prior_holds_the_pose() -> None:
    wrong = motion((0.0, 0.0, 0.0), (0.0, 0.0, 0.02)) @ PLACE
    settings = SurfaceFitSettings(prior_translation=1e-5, prior_rotation=1e-5)
    found = fit_surface(frame(depth_of(placed(brick(), PLACE))), placed(brick(), wrong), ELSEWHERE, settings).motion
    np.testing.assert_allclose(found, np.eye(4), atol=1e-3)
