"""What is drawn and published of a left hand that was estimated with a right hand's weights shows its outside."""

import numpy as np
import pytest

from hand_object_pose.estimation.result import HandEstimate, HandObjectEstimate
from hand_object_pose.evaluation.drawing.overlay import draw_estimates
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.hand.default_hand import default_hand

CAMERA = Camera(np.array([[300.0, 0, 99.5], [0, 300.0, 99.5], [0, 0, 1]]), 200, 200)


def hand_of(side: str) -> HandEstimate:
    """The template in front of the camera; the left hand is the right one's mirror image."""
    model = default_hand("right")
    vertices = model.v_template - model.v_template.mean(axis=0) + [0.02, 0.0, 0.4]
    joints = model.joint_regressor21 @ vertices
    flip = np.array([-1.0 if side == "left" else 1.0, 1.0, 1.0])
    return HandEstimate(vertices * flip, joints * flip, np.zeros(778), np.zeros(21), side)


def volume(vertices: np.ndarray, corners: np.ndarray) -> float:
    """Of the cones from the hand's middle to triangles (F, 3, 3): positive where these show their outside."""
    corners = corners - vertices.mean(axis=0)
    return float(np.linalg.det(corners).sum() / 6)


@pytest.mark.parametrize("side", ["right", "left"])
def test_faces_show_the_outside_of_either_side(side: str) -> None:
    vertices = hand_of(side).vertices
    assert volume(vertices, vertices[default_hand("right").faces_of(side)]) > 1e-5
    own = default_hand(side)
    np.testing.assert_array_equal(own.faces_of(side), own.faces)


def test_the_overlay_of_a_left_hand_is_the_mirror_image_of_a_right_ones() -> None:
    empty = np.zeros((200, 200, 3), np.uint8)
    pictures = {}
    for side in ("right", "left"):
        pair = HandObjectEstimate(0, True, "", 1.0, hand_of(side))
        pictures[side] = draw_estimates(empty, CAMERA, [pair], default_hand("right"), {}).astype(int)[30:]
    difference = np.abs(pictures["left"][:, ::-1] - pictures["right"]).max(axis=2)
    covered = pictures["right"].any(axis=2)
    assert covered.mean() > 0.05
    # Only the smoothing of edges may differ.
    assert np.mean(difference[covered] > 25) < 0.03


@pytest.mark.parametrize("side", ["right", "left"])
def test_markers_show_the_outside(side: str) -> None:
    pytest.importorskip("rclpy")
    pytest.importorskip("hand_object_pose_msgs")
    from ros_support import fake_weights

    from hand_object_pose.ros.markers import markers_message
    from hand_object_pose.ros.results import estimate_message
    from hand_object_pose_msgs.msg import HandObjectEstimates

    weights, hand = fake_weights(), hand_of(side)
    message = estimate_message(HandObjectEstimate(1, True, "", 1.0, hand), weights, 0.005, 0)
    markers = markers_message(HandObjectEstimates(estimates=[message]), weights.hand, {})
    points = np.array([[point.x, point.y, point.z] for point in markers.markers[0].points])
    assert volume(hand.vertices, points.reshape(-1, 3, 3)) > 1e-5
