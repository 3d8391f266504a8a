"""Equations 1 to 3, the pinhole and their inverse, for NumPy and PyTorch."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.backend import LixelGeometry
from hand_object_pose.estimation.lift import (
    Lift,
    camera_to_lixels,
    lixels_to_camera,
    lixels_to_relative_depth,
    object_from_camera,
    object_to_camera,
)
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox, crop_camera
from hand_object_pose.geometry.se3 import rotation_from_wxyz
from hand_object_pose.hand.default_hand import default_hand

PAPER = LixelGeometry(image_size=256, bins=64, depth_radius=0.15)
CAMERA = Camera(np.array([[610.0, 0, 310.0], [0, 590.0, 250.0], [0, 0, 1]]), 640, 480)


def test_a_lixel_index_scales_as_the_equations_say() -> None:
    """u = W/L i, v = H/L j, z = 2D/L k + r_z - D."""
    point = lixels_to_camera(np.array([[[16.0, 40.0, 48.0]]]), np.eye(3)[None], np.array([0.5]), PAPER)[0, 0]
    depth = 2 * 0.15 / 64 * 48 + 0.5 - 0.15
    assert point[2] == pytest.approx(depth)
    np.testing.assert_allclose(point[:2] / depth, [256 / 64 * 16, 256 / 64 * 40])


def test_the_middle_of_the_depth_axis_is_the_wrist() -> None:
    assert lixels_to_relative_depth(np.array(32.0), PAPER) == 0
    assert lixels_to_relative_depth(np.array(0.0), PAPER) == -0.15


def test_lifting_equals_opencv_projection() -> None:
    """The lifted points, projected by OpenCV, are at the pixels the lixels named."""
    import cv2

    lixels = np.random.default_rng(0).uniform(0, 63, (1, 50, 3))
    points = lixels_to_camera(lixels, CAMERA.matrix[None], np.array([0.6]), PAPER)
    pixels, _ = cv2.projectPoints(points[0], np.zeros(3), np.zeros(3), CAMERA.matrix, None)
    np.testing.assert_allclose(pixels[:, 0], lixels[0, :, :2] * 4, atol=1e-9)


@given(
    arrays(np.float64, (2, 5, 3), elements=st.floats(-20, 90)),
    st.floats(0.3, 3.0),
    st.floats(50, 2000),
    st.sampled_from([128, 160, 256]),
    st.sampled_from([32, 64]),
)
@settings(max_examples=60, deadline=None)
def test_lifting_and_its_inverse(lixels: np.ndarray, depth: float, focal: float, size: int, bins: int) -> None:
    geometry = LixelGeometry(size, bins, 0.1)
    matrix = np.array([[focal, 0, 60.0], [0, focal * 1.1, 71.0], [0, 0, 1]])
    lift = Lift(np.stack([matrix, matrix]), np.array([depth, depth + 0.1]), geometry)
    np.testing.assert_allclose(lift.lixels(lift.points(lixels)), lixels, atol=1e-8)


@given(st.floats(-50, 300), st.floats(-50, 300), st.floats(80, 400))
@settings(max_examples=50, deadline=None)
def test_moving_the_principal_point_with_the_crop_leaves_the_hand(x: float, y: float, side: float) -> None:
    rng = np.random.default_rng(4)
    hand = rng.normal([0.05, 0.02, 0.6], 0.05, (778, 3))
    camera = crop_camera(CAMERA, CropBox(x, y, side), PAPER.image_size)
    depth = np.array([0.6])
    # Where each crop's image shows the hand, by projection with the crop's own camera.
    pixels = camera.project(hand)
    lixels = np.concatenate([pixels / 4, (hand[:, 2:] - 0.6 + 0.15) / 0.3 * 64], axis=1)
    np.testing.assert_allclose(lixels_to_camera(lixels[None], camera.matrix[None], depth, PAPER)[0], hand, atol=1e-10)
    np.testing.assert_allclose(camera_to_lixels(hand[None], camera.matrix[None], depth, PAPER)[0], lixels, atol=1e-7)


def test_joints_in_metres_and_in_the_grid() -> None:
    """Regressed in metres: G times the mesh. In the grid: the lixels of a joint are G times those of the mesh."""
    hand = default_hand()
    vertices = (hand.v_template + np.array([0.0, 0.0, 0.5]))[None]
    regressor = hand.joint_regressor21
    for in_grid in (False, True):
        lift = Lift(CAMERA.matrix[None], np.array([0.5]), replace(PAPER, joints_in_grid=in_grid))
        lixels = lift.lixels(vertices)
        joints = lift.joints(lixels, regressor)
        if in_grid:
            np.testing.assert_allclose(lift.lixels(joints), regressor @ lixels, atol=1e-9)
        else:
            np.testing.assert_allclose(joints, regressor @ vertices, atol=1e-12)


@given(arrays(np.float64, (3, 4), elements=st.floats(-2, 2)).filter(lambda q: (np.linalg.norm(q, axis=1) > 0.1).all()))
@settings(max_examples=50, deadline=None)
def test_object_pose_and_its_inverse(quaternions: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    rotation, view = rotation_from_wxyz(quaternions), rotation_from_wxyz(quaternions[::-1])
    translation, wrist = rng.normal(size=(2, 3, 3))
    turned, placed = object_to_camera(rotation, translation, wrist, view)
    np.testing.assert_allclose(turned, view @ rotation, atol=1e-12)
    np.testing.assert_allclose(placed[1], wrist[1] + view[1] @ translation[1], atol=1e-12)
    back, offset = object_from_camera(turned, placed, wrist, view)
    np.testing.assert_allclose(back, rotation, atol=1e-12)
    np.testing.assert_allclose(offset, translation, atol=1e-12)


def test_torch_equals_numpy_and_is_differentiable() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    lixels, depth = rng.uniform(0, 63, (2, 9, 3)), np.array([0.5, 0.7])
    matrix = np.stack([CAMERA.matrix, CAMERA.matrix])
    points, camera, wrist = (torch.tensor(array, requires_grad=True) for array in (lixels, matrix, depth))
    lifted = lixels_to_camera(points, camera, wrist, PAPER)
    np.testing.assert_allclose(lifted.detach().numpy(), lixels_to_camera(lixels, matrix, depth, PAPER), atol=1e-12)
    assert torch.autograd.gradcheck(lambda p, c, w: lixels_to_camera(p, c, w, PAPER), (points, camera, wrist))
    np.testing.assert_allclose(camera_to_lixels(lifted, camera, wrist, PAPER).detach().numpy(), lixels, atol=1e-9)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="lixels"):
        lixels_to_camera(np.zeros((5, 3)), np.eye(3)[None], np.ones(1), PAPER)
    with pytest.raises(ValueError, match="root_depth"):
        Lift(np.eye(3)[None], np.ones(2), PAPER)


def test_origins_voted_in_lixels_and_in_metres_give_the_same_pose() -> None:
    """A vote for the place where an object's origin projects means the same as the metric vote for that origin."""
    rng = np.random.default_rng(5)
    geometry = LixelGeometry(128, 32, 0.25, origin_in_lixels=True)
    matrix = np.array([[[300.0, 0, 60], [0, 305.0, 66], [0, 0, 1]]])
    wrist, origins = np.array([[0.03, -0.02, 0.61]]), rng.normal([0, 0, 0.6], 0.05, (1, 40, 3))
    viewing = Rotation.from_rotvec([0.1, -0.2, 0.05]).as_matrix()[None]
    lift = Lift(matrix, np.array([0.6]), geometry)
    voted = lift.translation(lift.lixels(origins), wrist, viewing)
    for index in range(40):
        _, found = object_to_camera(np.eye(3)[None], voted[:, index], wrist, viewing)
        np.testing.assert_allclose(found, origins[:, index], atol=1e-12)


def test_metric_votes_pass_unchanged() -> None:
    votes = np.random.default_rng(6).normal(size=(1, 9, 3))
    lift = Lift(np.eye(3)[None], np.array([0.6]), LixelGeometry(128, 32, 0.25))
    np.testing.assert_array_equal(lift.translation(votes, np.zeros((1, 3)), np.eye(3)[None]), votes)
