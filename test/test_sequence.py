from dataclasses import replace

import numpy as np
import pytest
import trimesh
from handovers import SEED, planned_handover

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.projection import visible_share
from hand_object_pose.geometry.se3 import interpolated_pose, inverse_pose, rotation_angle, transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.synthetic.grasp_library import shipped_grasps
from hand_object_pose.synthetic.motion import PoseTrack, minimum_jerk
from hand_object_pose.synthetic.occlusion import seen_share
from hand_object_pose.synthetic.sequence import PHASES, HandoverSequence, SequenceConfig
from hand_object_pose.synthetic.table import TableStand, resting_directions
from hand_object_pose.synthetic.viewpoints import HandAttitude, ViewConfig


@pytest.fixture(scope="module")
def handover():
    return planned_handover()


def frames_of(handover, *phases):
    return [frame for frame in range(handover.num_frames) if handover.phase(frame) in phases]


def test_minimum_jerk_is_at_rest_at_both_ends():
    times = np.linspace(0, 1, 2001)
    way = np.array([minimum_jerk(time) for time in times])
    speed = np.gradient(way, times)
    assert (way[0], way[-1]) == (0.0, 1.0)
    assert way[1000] == pytest.approx(0.5)
    assert speed.max() == pytest.approx(1.875, abs=1e-3)  # the known peak of minimum-jerk motions
    assert abs(speed[[1, -2]]).max() < 1e-4
    assert (np.diff(way) >= 0).all()
    assert (minimum_jerk(-1.0), minimum_jerk(2.0)) == (0.0, 1.0)


def test_blended_poses_turn_evenly_and_meet_their_ends():
    first, second = np.eye(4), np.eye(4)
    second[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    second[:3, 3] = [0.2, 0, 0.1]
    np.testing.assert_allclose(interpolated_pose(first, second, 1.0), second, atol=1e-12)
    third = interpolated_pose(first, second, 1 / 3)
    assert rotation_angle(third[:3, :3]) == pytest.approx(np.pi / 6)
    np.testing.assert_allclose(third[:3, 3], second[:3, 3] / 3)
    track = PoseTrack(np.array([0.0, 1.0]), np.stack([first, second]))
    np.testing.assert_array_equal(track.at(-1.0), first)
    np.testing.assert_array_equal(track.at(5.0), second)


def test_phases_come_in_order_and_last_long_enough(handover):
    phases = [handover.phase(frame) for frame in range(handover.num_frames)]
    assert list(dict.fromkeys(phases)) == list(PHASES)
    assert 8 * 30 < handover.num_frames < 13 * 30
    assert min(phases.count(phase) for phase in PHASES) > 12


def test_the_wrist_moves_smoothly(handover):
    poses = np.stack([handover.wrist_pose(frame) for frame in range(handover.num_frames)])
    rate = handover.config.frame_rate
    velocity = np.diff(poses[:, :3, 3], axis=0) * rate
    assert np.linalg.norm(velocity, axis=1).max() < 1.2
    assert np.linalg.norm(np.diff(velocity, axis=0), axis=1).max() * rate < 8.0
    turns = poses[1:, :3, :3] @ np.swapaxes(poses[:-1, :3, :3], 1, 2)
    assert rotation_angle(turns).max() * rate < 3.5


def test_the_object_rests_until_it_is_held_and_then_moves_with_the_hand(handover):
    before = frames_of(handover, "reach", "grasp")
    resting = np.stack([handover.scene(frame).truth.object_pose for frame in before])
    np.testing.assert_allclose(resting, np.broadcast_to(resting[0], resting.shape), atol=1e-12)
    held = [frame for frame in range(handover.num_frames) if frame not in before]
    relative = [inverse_pose(handover.wrist_pose(frame)) @ handover.object_pose(frame) for frame in held]
    np.testing.assert_allclose(relative, np.broadcast_to(relative[0], np.shape(relative)), atol=1e-9)
    first_held = handover.object_pose(held[0])
    assert np.linalg.norm(first_held[:3, 3] - resting[0][:3, 3]) < 0.005  # it does not jump into the hand


def test_fingers_reach_the_object_when_they_close(handover):
    grid = grid_of(handover.model)
    nearest = []
    for frame in (0, *frames_of(handover, "grasp")[::6], *frames_of(handover, "lift")[:1]):
        truth = handover.scene(frame).truth
        points = transform_points(inverse_pose(truth.object_pose), truth.hand_vertices)
        nearest.append(grid.distance(points))
    assert nearest[0].min() > 0.02
    labels = default_hand().finger_labels
    last = nearest[-1]
    assert sum(last[labels == finger].min() < 0.003 for finger in range(5)) >= 3
    assert np.maximum(-last, 0).mean() < 0.0004


def test_object_is_lifted_and_held_out_towards_the_camera(handover):
    up = -handover.staging.level_to_camera[:, 1]
    start, lifted = handover.object_pose(0), handover.object_pose(frames_of(handover, "lift")[-1])
    assert (lifted[:3, 3] - start[:3, 3]) @ up > 0.06
    offered = handover.object_pose(handover.num_frames - 1)
    assert rotation_angle(offered[:3, :3].T @ start[:3, :3]) > 0.3
    hand_at_table = handover.scene(frames_of(handover, "grasp")[-1]).truth.hand_vertices[:, 2].mean()
    assert handover.scene(handover.num_frames - 1).truth.hand_vertices[:, 2].mean() < hand_at_table


def test_nothing_reaches_below_the_table_while_the_object_lies_there(handover):
    down = handover.staging.level_to_camera[:, 1]
    table = (transform_points(handover.object_pose(0), handover.model.vertices) @ down).max()
    for frame in frames_of(handover, "grasp")[::8]:
        assert (handover.scene(frame).truth.hand_vertices @ down).max() < table + 0.006


@pytest.mark.parametrize("object_name", ["can", "carton"])
def test_every_frame_lies_inside_the_training_distribution(object_name):
    handover, view = planned_handover(object_name), ViewConfig()
    tilt = handover.staging.level_to_camera
    elevation = np.arctan2(-tilt[1, 2], tilt[2, 2])
    assert view.elevation[0] <= elevation + 0.1  # a rolled camera mixes elevation and roll a little
    assert elevation <= view.elevation[1] + 0.1
    focal = handover.camera.matrix[0, 0]
    assert view.focal_length[0] <= focal <= view.focal_length[1]
    for frame in range(0, handover.num_frames, 5):
        truth = handover.scene(frame).truth
        attitude = HandAttitude.of(tilt.T @ handover.wrist_pose(frame)[:3, :3], handover.hand_frame)
        assert attitude.is_within(view), (frame, attitude)
        placed = transform_points(truth.object_pose, handover.model.vertices)
        assert visible_share(handover.camera, truth.hand_vertices) > 0.7
        assert visible_share(handover.camera, placed) > 0.7
        middle = (truth.hand_vertices.mean(axis=0) + placed.mean(axis=0)) / 2
        assert view.distance[0] - 0.05 < middle[2] < view.distance[1] + 0.05


def test_mano_parameters_give_the_same_hand(handover):
    layer = ManoLayer(default_hand())
    for frame in (0, handover.num_frames // 2, handover.num_frames - 1):
        pose, shape, translation = handover.mano_parameters(frame)
        mesh = layer(pose[None], shape[None], translation[None])
        truth = handover.scene(frame).truth
        np.testing.assert_allclose(mesh.vertices[0], truth.hand_vertices, atol=1e-6)
        np.testing.assert_allclose(mesh.joints[0], truth.joints, atol=1e-6)


def test_the_grasp_is_none_of_the_training_grasps(handover):
    known = shipped_grasps().of(handover.model)
    assert np.abs(known.T_object_wrist - handover.grasp.T_object_wrist).max(axis=(1, 2)).min() > 1e-3


def test_look_and_camera_stay_the_same_and_depend_on_the_seed(handover):
    first, last = handover.scene(0), handover.scene(handover.num_frames - 1)
    assert first.appearance is last.appearance
    assert first.camera is last.camera
    again = HandoverSequence(SEED, default_hand(), default_catalogue(), "can")
    np.testing.assert_array_equal(again.wrist_pose(77), handover.wrist_pose(77))
    other = HandoverSequence(SEED + 1, default_hand(), default_catalogue(), "can")
    assert other.appearance.background.seed != handover.appearance.background.seed
    assert not np.allclose(other.camera.matrix, handover.camera.matrix)


def test_resting_directions_of_everyday_objects():
    catalogue = default_catalogue()
    np.testing.assert_array_equal(resting_directions(catalogue["can"]), [[0.0, 0.0, -1.0]])
    # Without a foot to stand on, the side that carries the centre counts.
    tilted = catalogue["carton"].vertices @ np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]).T
    lying = replace(catalogue["carton"], vertices=tilted)
    assert len(resting_directions(lying)) >= 1


def test_an_impossible_view_is_refused_in_words():
    nowhere = SequenceConfig(grasps=1, grasp_rounds=1, view=ViewConfig(pitch=(1.45, 1.5)))
    with pytest.raises(UserError, match="object 'can', seed 0: no handover found in 1 rounds"):
        HandoverSequence(0, default_hand(), default_catalogue(), "can", nowhere)


def test_a_stand_turns_the_object_until_the_hand_points_where_wanted(handover):
    stand, frame = TableStand.of(handover.model, np.random.default_rng(0)), handover.hand_frame
    wrist = handover.grasp.T_object_wrist
    for azimuth in (-0.8, 0.0, 0.7):
        upright = stand.facing(wrist[0, :3, :3], azimuth, frame)
        assert HandAttitude.of(upright @ wrist[0, :3, :3], frame).azimuth == pytest.approx(azimuth)
        heights = (handover.model.vertices @ upright.T)[:, 1]
        assert heights.max() == pytest.approx(stand.table)  # turned about gravity only


def test_a_grasp_from_below_the_table_is_out_of_reach(handover):
    stand, frame = TableStand.of(handover.model, np.random.default_rng(0)), handover.hand_frame
    wrist = handover.grasp.T_object_wrist
    assert stand.is_reachable(wrist, frame, ViewConfig(), 0.0).all()
    upside_down = np.diag([1.0, -1.0, -1.0, 1.0]) @ wrist  # the can stands on its z axis
    assert not stand.is_reachable(upside_down, frame, ViewConfig(), 0.0).any()
    points = handover.model.vertices[None] + [0.0, 0.0, -0.01]
    assert stand.depth_below(points)[0] == pytest.approx(0.01)


def test_the_hand_leaves_much_of_the_held_object_visible(handover):
    """Counted by casting rays with and without the hand."""
    frame = handover.num_frames - 1
    truth, hand = handover.scene(frame).truth, default_hand()
    thing = trimesh.Trimesh(transform_points(truth.object_pose, handover.model.vertices), handover.model.faces)
    both = trimesh.util.concatenate([thing, trimesh.Trimesh(truth.hand_vertices, hand.faces)])
    pixels = handover.camera.project(thing.vertices)
    grid = np.stack(np.meshgrid(*(np.linspace(*np.percentile(pixels[:, i], [0, 100]), 50) for i in range(2))), axis=-1)
    rays = handover.camera.unproject(grid.reshape(-1, 2), np.ones(2500))
    alone = thing.ray.intersects_first(np.zeros_like(rays), rays) >= 0
    first = both.ray.intersects_first(np.zeros_like(rays), rays)
    seen = (first >= 0) & (first < len(thing.faces))
    exact = seen.sum() / alone.sum()
    assert exact > 0.2
    rough = seen_share(handover.camera, thing.vertices, thing.faces, truth.hand_vertices, hand.faces)
    assert rough == pytest.approx(exact, abs=0.12)
    away = truth.hand_vertices + np.array([1.0, 0, 0])
    assert seen_share(handover.camera, thing.vertices, thing.faces, away, hand.faces) == 1.0
