from dataclasses import replace

import numpy as np
import pytest

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.projection import visible_share
from hand_object_pose.geometry.se3 import inverse_pose, kabsch, transform_points
from hand_object_pose.geometry.signed_distance import exact_signed_distance
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.joints import FINGERTIPS
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.hand_frame import HandFrame
from hand_object_pose.synthetic.reaching import ReachConfig, retreated
from hand_object_pose.synthetic.scene_sampler import SceneConfig, SceneSampler
from hand_object_pose.synthetic.viewpoints import (
    HandAttitude,
    ViewConfig,
    level_to_camera,
    sample_attitude,
    sample_camera,
)

RIGHT, UP, AHEAD = np.array([1.0, 0, 0]), np.array([0, -1.0, 0]), np.array([0, 0, 1.0])


@pytest.fixture(scope="module")
def frame():
    return HandFrame.of(default_hand())


@pytest.fixture(scope="module")
def sampler():
    return SceneSampler(default_hand(), default_catalogue())


def test_handshake_points_at_the_camera_with_the_thumb_up(frame):
    rotation = HandAttitude(0.0, 0.0, 0.0).rotation(frame)
    np.testing.assert_allclose(rotation @ frame.forward, -AHEAD, atol=1e-9)
    np.testing.assert_allclose(rotation @ frame.thumbward, UP, atol=1e-9)
    # The right palm of someone opposite faces their left, which is the camera's right.
    np.testing.assert_allclose(rotation @ frame.palmar, RIGHT, atol=1e-9)


def test_roll_pronates_azimuth_turns_and_pitch_raises(frame):
    quarter = np.pi / 2
    np.testing.assert_allclose(HandAttitude(0, 0, quarter).rotation(frame) @ frame.palmar, -UP, atol=1e-9)
    np.testing.assert_allclose(HandAttitude(quarter, 0, 0).rotation(frame) @ frame.forward, RIGHT, atol=1e-9)
    np.testing.assert_allclose(HandAttitude(0, quarter, 0).rotation(frame) @ frame.forward, UP, atol=1e-9)


def test_attitude_is_a_rotation_and_is_found_again(frame):
    rng = np.random.default_rng(0)
    for _ in range(50):
        attitude = sample_attitude(ViewConfig(), rng)
        rotation = attitude.rotation(frame)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        found = HandAttitude.of(rotation, frame)
        np.testing.assert_allclose(
            [found.azimuth, found.pitch, found.roll], [attitude.azimuth, attitude.pitch, attitude.roll], atol=1e-9
        )


def test_attitude_range_has_a_margin():
    view = ViewConfig(azimuth=(-1.0, 1.0), pitch=(-1.0, 1.0), roll=(-1.0, 1.0))
    assert HandAttitude(0.95, 0, 0).is_within(view)
    assert not HandAttitude(0.95, 0, 0).is_within(view, margin=0.1)
    assert not HandAttitude(0, 0, -1.01).is_within(view)


def test_a_camera_that_looks_down_sees_the_horizon_above():
    rotation = level_to_camera(0.4, 0.0)
    np.testing.assert_allclose(rotation @ AHEAD, [0, -np.sin(0.4), np.cos(0.4)], atol=1e-12)
    np.testing.assert_allclose(rotation @ RIGHT, RIGHT, atol=1e-12)
    np.testing.assert_allclose(level_to_camera(0.0, 0.1) @ RIGHT, [np.cos(0.1), np.sin(0.1), 0], atol=1e-12)


def test_visible_share_counts_points_in_the_image():
    camera = Camera(np.array([[100.0, 0, 49.5], [0, 100.0, 49.5], [0, 0, 1]]), 100, 100)
    points = np.array([[0, 0, 1.0], [0.4, 0, 1.0], [0.6, 0, 1.0], [0, 0, -1.0]])
    assert visible_share(camera, points) == 0.5


def test_cameras_are_in_their_ranges():
    view, rng = ViewConfig(), np.random.default_rng(1)
    for _ in range(50):
        camera = sample_camera(view, rng)
        assert (camera.width, camera.height) in view.image_sizes
        focal = camera.matrix[0, 0] * 640 / camera.width
        assert view.focal_length[0] <= focal <= view.focal_length[1]


def test_a_retreating_hand_is_as_far_away_as_said(frame):
    rng, reach = np.random.default_rng(2), ReachConfig()
    wrist = np.eye(4)
    for distance in (0.02, 0.2):
        away = [retreated(wrist, frame, reach, distance, rng) for _ in range(30)]
        np.testing.assert_allclose([np.linalg.norm(pose[:3, 3]) for pose in away], distance, atol=1e-12)
        # It lies back: not before the palm.
        assert np.mean([pose[:3, 3] @ frame.palmar < 0 for pose in away]) > 0.8
    np.testing.assert_array_equal(retreated(wrist, frame, reach, 0.0, rng), wrist)


def test_scenes_are_in_view_at_handover_distance(sampler):
    view, catalogue, rng = ViewConfig(), default_catalogue(), np.random.default_rng(3)
    names, tips = set(), default_hand().fingertips
    for _ in range(40):
        scene = sampler.sample(rng)
        truth = scene.truth
        names.add(truth.object_name)
        placed = transform_points(truth.object_pose, catalogue[truth.object_name].vertices)
        assert visible_share(scene.camera, truth.hand_vertices) >= view.visible_share
        assert visible_share(scene.camera, placed) >= view.visible_share
        middle = (truth.hand_vertices.mean(axis=0) + placed.mean(axis=0)) / 2
        assert view.distance[0] - 1e-6 <= middle[2] <= view.distance[1] + 1e-6
        assert np.linalg.det(truth.object_pose[:3, :3]) == pytest.approx(1.0)
        np.testing.assert_allclose(truth.joints[list(FINGERTIPS)], truth.hand_vertices[tips])
    assert names == set(catalogue)


def test_hands_hold_what_they_hold_and_reach_for_what_they_do_not():
    catalogue = {"carton": default_catalogue()["carton"]}
    mesh = TriangleMesh(catalogue["carton"].vertices, catalogue["carton"].faces)
    holding = SceneSampler(default_hand(), catalogue, config=SceneConfig(reaching_share=0.0, closing_share=0.0))
    far = ReachConfig(distance=(0.15, 0.2))
    reaching = SceneSampler(default_hand(), catalogue, config=SceneConfig(reaching_share=1.0, reach=far))
    nearest: dict[str, list[float]] = {"holding": [], "reaching": []}
    for name, sampler in (("holding", holding), ("reaching", reaching)):
        rng = np.random.default_rng(4)
        for _ in range(8):
            truth = sampler.sample(rng).truth
            points = transform_points(inverse_pose(truth.object_pose), truth.hand_vertices)
            nearest[name].append(exact_signed_distance(points, mesh).min())
    assert max(nearest["holding"]) < 0.004
    assert min(nearest["holding"]) > -0.012  # the noise of poses presses some fingers in
    assert np.median(nearest["reaching"]) > 0.03


def test_noiseless_scene_shows_the_grasp_of_the_library(sampler):
    config = SceneConfig(reaching_share=0.0, closing_share=0.0, pose_noise=0.0, shape_noise=0.0)
    catalogue = {"mug": default_catalogue()["mug"]}
    exact = SceneSampler(default_hand(), catalogue, config=config)
    truth = exact.sample(np.random.default_rng(5)).truth
    in_object = transform_points(inverse_pose(truth.object_pose), truth.hand_vertices)
    distances = exact_signed_distance(in_object, TriangleMesh(catalogue["mug"].vertices, catalogue["mug"].faces))
    assert np.maximum(-distances, 0).mean() < 0.0004
    labels = default_hand().finger_labels
    assert sum(distances[labels == finger].min() < 0.0045 for finger in range(5)) >= 3


def test_the_same_seed_draws_the_same_scene(sampler):
    first, second = (sampler.sample(np.random.default_rng(6)) for _ in range(2))
    np.testing.assert_array_equal(first.truth.hand_vertices, second.truth.hand_vertices)
    np.testing.assert_array_equal(first.camera.matrix, second.camera.matrix)
    assert first.appearance.background.seed == second.appearance.background.seed
    other = sampler.sample(np.random.default_rng(7))
    assert not np.array_equal(first.truth.hand_vertices, other.truth.hand_vertices)


def test_hand_attitudes_cover_the_configured_ranges(frame):
    """Seen from a level camera, the wrist's rotation recovered from rigid palm vertices lies in the ranges."""
    view = ViewConfig(elevation=(0.0, 0.0), camera_roll=(0.0, 0.0))
    config = replace(SceneConfig(pose_noise=0.0, shape_noise=0.0), view=view)
    hand = default_hand()
    sampler = SceneSampler(hand, default_catalogue(), config=config)
    rigid = np.flatnonzero(hand.weights[:, 0] > 0.999)
    rng, angles = np.random.default_rng(8), []
    for _ in range(90):
        truth = sampler.sample(rng).truth
        rotation = kabsch(hand.v_template[rigid], truth.hand_vertices[rigid])[:3, :3]
        attitude = HandAttitude.of(rotation, frame)
        angles.append([attitude.azimuth, attitude.pitch, attitude.roll])
    slack = 0.12  # other shapes and blend shapes move the palm a little
    for values, (low, high) in zip(np.transpose(angles), (view.azimuth, view.pitch, view.roll), strict=True):
        assert low - slack < values.min() < low + 0.35 * (high - low)
        assert high + slack > values.max() > high - 0.35 * (high - low)


def test_grasps_of_another_hand_are_refused():
    another = replace(default_hand(), name="another", v_template=default_hand().v_template * 1.1)
    with pytest.raises(UserError, match=r"made for another hand model .* than 'another'"):
        SceneSampler(another, default_catalogue())
