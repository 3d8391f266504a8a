"""The node's filtered, moving and predicted outputs: topics, stamps, frames, and that they agree with each other."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

from geometry_msgs.msg import PoseWithCovarianceStamped, TwistWithCovarianceStamped
from rclpy.parameter import Parameter
from ros_support import FRAME_ID, FakeEstimator, Harness, pose_matrix_of
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import PointCloud2

from hand_object_pose.bags.message_values import nanoseconds, object_pose
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult, HandObjectEstimate
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.ros.parameters import Settings

TOPICS = {
    "object_pose/filtered": PoseWithCovarianceStamped,
    "object_twist": TwistWithCovarianceStamped,
    "object_pose/predicted": PoseWithCovarianceStamped,
    "hand_joints/filtered": PointCloud2,
}
VELOCITY, TURN_RATE = np.array([0.2, -0.1, 0.05]), np.array([0.3, 0.0, -0.6])


class MovingEstimator(FakeEstimator):
    """An object on a course of uniform motion, seen with noise."""

    def _pair(self, frame: Frame, object_id: str) -> HandObjectEstimate:
        pair = super()._pair(frame, object_id)
        rng, seconds = np.random.default_rng(int(frame.stamp * 1e6)), frame.stamp % 1000
        turn = Rotation.from_rotvec(TURN_RATE * seconds + rng.normal(0, 0.01, 3)).as_matrix()
        pose = pose_matrix(turn, np.array([0, 0, 0.6]) + VELOCITY * seconds + rng.normal(0, 0.001, 3))
        assert pair.object is not None
        return replace(pair, object=replace(pair.object, pose=pose))


class TwoPairsEstimator(MovingEstimator):
    """The same with another hand and object half a metre beside."""

    def process(self, frame: Frame) -> FrameResult:
        result = super().process(frame)
        return replace(result, pairs=[pair for first in result.pairs for pair in (first, _beside(first))])


def _beside(pair: HandObjectEstimate) -> HandObjectEstimate:
    assert pair.object is not None
    pose = pair.object.pose @ pose_matrix(np.eye(3), np.array([0.5, 0.0, 0.0]))
    return replace(pair, track_id=pair.track_id + 1, object=replace(pair.object, pose=pose))


class MovingHarness(Harness):
    kind = MovingEstimator

    def __init__(self, parameters: dict) -> None:
        # Patient where a busy machine might be slow.
        super().__init__({"lost_after": 60.0, "max_frame_age": 60.0, "watchdog_timeout": 60.0, **parameters})
        for topic, kind in TOPICS.items():
            self.received[topic] = []
            self.client.create_subscription(kind, topic, self.received[topic].append, 50)

    def until(self, condition, what, limit=60.0):
        return super().until(condition, what, limit)

    def make_estimator(self, settings: Settings) -> MovingEstimator:
        return self.kind(super().make_estimator(settings).config, lambda frame: self.behave(frame))

    def run(self, images: int = 6) -> "MovingHarness":
        """Show images one after the other; the last one's outputs have arrived."""
        wanted = [topic for topic in TOPICS if topic != "object_pose/predicted"]
        self.until(lambda: all(self.client.count_publishers(topic) for topic in TOPICS), "publishers")
        for _ in range(images):
            last = self.expect_good()
        self.until(lambda: all(self.of(topic, last.header.stamp) for topic in wanted), "filtered outputs")
        return self

    def of(self, topic: str, stamp) -> list:
        return [message for message in self.received[topic] if message.header.stamp == stamp]


@pytest.fixture
def harness(harness):
    def make(**parameters):
        return harness({name.replace("__", "."): value for name, value in parameters.items()}, kind=MovingHarness)

    return make


def test_filtered_outputs_carry_the_images_stamp_and_equal_the_estimates(harness):
    h = harness().connect().run()
    settled = [message for message in h.received["estimate"] if message.estimates[0].object.filtered_valid]
    # The first two images of a track leave the filter unsettled; nothing is published of them.
    assert len(settled) == len(h.received["estimate"]) - 2 == len(h.received["object_pose/filtered"])
    for message in settled:
        thing = message.estimates[0].object
        (pose,) = h.of("object_pose/filtered", message.header.stamp)
        (twist,) = h.of("object_twist", message.header.stamp)
        assert pose.header == twist.header == message.header
        assert pose.header.frame_id == FRAME_ID
        assert pose.pose == thing.filtered_pose
        assert twist.twist == thing.twist
        assert thing.twist_valid
        # Raw and filtered are never mixed.
        (raw,) = h.of("object_pose", message.header.stamp)
        assert raw.pose == thing.pose
        assert thing.pose.pose != thing.filtered_pose.pose
        (transform,) = next(m for m in h.received["/tf"] if m.transforms[0].header == message.header).transforms
        assert transform.transform.translation.x == thing.pose.pose.position.x
        (cloud,) = h.of("hand_joints/filtered", message.header.stamp)
        joints = np.frombuffer(cloud.data, "<f4").reshape(21, 3)
        raw_joints = [[point.x, point.y, point.z] for point in message.estimates[0].hand.joints]
        np.testing.assert_allclose(joints, raw_joints, atol=1e-5)
    assert not h.received["object_pose/predicted"]


def test_topics_of_single_poses_are_of_the_first_of_two_pairs(harness, monkeypatch):
    monkeypatch.setattr(MovingHarness, "kind", TwoPairsEstimator)
    h = harness().connect().run(4)
    message = h.received["estimate"][-1]
    first, second = message.estimates
    assert first.object.object_id == second.object.object_id
    assert first.track_id != second.track_id
    (raw,) = h.until(lambda: h.of("object_pose", message.header.stamp), "a pose")
    (filtered,) = h.of("object_pose/filtered", message.header.stamp)
    assert (raw.pose, filtered.pose) == (first.object.pose, first.object.filtered_pose)
    assert (
        len(h.of("object_twist", message.header.stamp)) == len(h.of("hand_joints/filtered", message.header.stamp)) == 1
    )
    (objects,) = h.until(lambda: h.of("objects", message.header.stamp), "objects")
    assert [found.id for found in objects.detections] == [str(first.track_id), str(second.track_id)]
    transforms = h.until(lambda: h.received["/tf"], "transforms")[-1].transforms
    frames = [transform.child_frame_id for transform in transforms]
    assert frames == [first.object.object_id, f"{first.object.object_id}_{second.track_id}"]


def test_wrists_have_transforms_if_asked_for(harness, monkeypatch):
    monkeypatch.setattr(MovingHarness, "kind", TwoPairsEstimator)
    h = harness(publish__wrist_tf=True, tf_prefix="robot_").connect()
    pairs = h.expect_good().estimates
    transforms = h.until(lambda: h.received["/tf"], "transforms")[-1].transforms
    wrists = {entry.child_frame_id: entry for entry in transforms if "wrist" in entry.child_frame_id}
    assert list(wrists) == ["robot_wrist", f"robot_wrist_{pairs[1].track_id}"]
    for pair, entry in zip(pairs, wrists.values(), strict=True):
        assert pair.hand.wrist_pose_valid
        # The estimator shows a hand at rest, whose axes are the camera's.
        np.testing.assert_allclose(pose_matrix_of(pair.hand.wrist_pose)[:3, :3], np.eye(3), atol=1e-6)
        origin, joint = entry.transform.translation, pair.hand.joints[0]
        assert (origin.x, origin.y, origin.z) == (joint.x, joint.y, joint.z)
        assert entry.transform.rotation == pair.hand.wrist_pose.orientation


def test_each_pair_says_when_its_track_was_valid_last(harness, monkeypatch):
    monkeypatch.setattr(MovingHarness, "kind", TwoPairsEstimator)
    h = harness().connect().run(4)
    both, process = h.received["estimate"][-1].header.stamp, TwoPairsEstimator.process

    def without_second(self, frame):
        first, second = process(self, frame).pairs
        return FrameResult([first, replace(second, valid=False, reason="hidden")])

    monkeypatch.setattr(TwoPairsEstimator, "process", without_second)
    h.run(2)
    message = h.received["estimate"][-1]
    first, second = message.estimates
    assert nanoseconds(message.header.stamp) > nanoseconds(both)
    assert (first.last_valid, second.last_valid) == (message.header.stamp, both)


def test_the_twist_is_that_of_the_motion(harness):
    h = harness(smoothing__constant_velocity__position_noise=0.001, smoothing__constant_velocity__rotation_noise=0.01)
    twist = h.connect().run(25).received["object_twist"][-1].twist
    found = [[getattr(part, axis) for axis in "xyz"] for part in (twist.twist.linear, twist.twist.angular)]
    sigma = np.sqrt(np.diag(np.reshape(twist.covariance, (6, 6)))).reshape(2, 3)
    assert (np.abs(np.array(found) - [VELOCITY, TURN_RATE]) < 5 * sigma).all()
    assert np.linalg.norm(np.array(found)[0] - VELOCITY) < 0.2


def test_tf_shows_the_filtered_pose_if_asked_to(harness):
    h = harness(tf_pose="filtered").connect().run()
    transforms = h.until(lambda: h.received["/tf"], "transforms")
    poses = h.received["object_pose/filtered"]
    h.until(lambda: len(transforms) == len(poses), "a transform for each filtered pose, and no other")
    for message, pose in zip(transforms, poses, strict=True):
        (transform,) = message.transforms
        assert transform.header == pose.header
        translation, position = transform.transform.translation, pose.pose.pose.position
        assert (translation.x, translation.y, translation.z) == (position.x, position.y, position.z)
        assert transform.transform.rotation == pose.pose.pose.orientation
    assert h.node.set_parameters([Parameter("tf_pose", value="raw")])[0].successful
    estimate = h.expect_good()
    transform = h.until(lambda: [m for m in transforms if m.transforms[0].header == estimate.header], "the raw one")[0]
    assert transform.transforms[0].transform.rotation == estimate.estimates[0].object.pose.pose.orientation


def test_the_prediction_is_the_filtered_pose_moved_on_by_the_twist(harness):
    h = harness(prediction__mode="twist", prediction__longest=2.0).connect().run()
    filtered = h.received["object_pose/filtered"]
    h.until(lambda: len(h.received["object_pose/predicted"]) == len(filtered), "predictions")
    for start, end in zip(filtered, h.received["object_pose/predicted"], strict=True):
        (estimate,) = h.estimates_of(start.header.stamp)
        # On a busy machine an image may be published later than anything is predicted.
        now = min(nanoseconds(estimate.published), nanoseconds(start.header.stamp) + 2 * 10**9)
        assert nanoseconds(end.header.stamp) == now
        assert end.header.frame_id == FRAME_ID
        seconds = (nanoseconds(end.header.stamp) - nanoseconds(start.header.stamp)) / 1e9
        assert seconds > 0
        twist = estimate.estimates[0].object.twist.twist
        turn = Rotation.from_rotvec(seconds * np.array([twist.angular.x, twist.angular.y, twist.angular.z])).as_matrix()
        before, after = object_pose(start.pose.pose), object_pose(end.pose.pose)
        way = seconds * np.array([twist.linear.x, twist.linear.y, twist.linear.z])
        np.testing.assert_allclose(after[:3, 3], before[:3, 3] + way, atol=1e-9)
        np.testing.assert_allclose(after[:3, :3], turn @ before[:3, :3], atol=1e-9)
        variances = [np.diag(np.reshape(pose.pose.covariance, (6, 6))) for pose in (start, end)]
        assert (variances[1] > variances[0]).all()


def test_nothing_is_predicted_farther_ahead_than_allowed(harness):
    h = harness(prediction__mode="twist", prediction__longest=0.0).connect().run()
    h.until(lambda: h.received["object_pose/predicted"], "predictions")
    for start, end in zip(h.received["object_pose/filtered"], h.received["object_pose/predicted"], strict=False):
        assert end == start


def test_filters_are_changed_while_the_node_runs(harness):
    h = harness().connect().run()
    assert h.node.set_parameters([Parameter("smoothing.mode", value="none")])[0].successful
    thing = h.expect_good().estimates[0].object
    assert not thing.filtered_valid
    assert not thing.twist_valid
    refused = h.node.set_parameters([Parameter("tf_pose", value="filtered")])[0]
    assert not refused.successful
    assert "smoothing.mode" in refused.reason
    assert h.node.set_parameters([Parameter("smoothing.mode", value="one_euro")])[0].successful
    h.run(4)


def broken(frame: Frame) -> None:
    raise ValueError("broken")


def test_images_without_a_valid_estimate_have_no_filtered_outputs(harness):
    h = harness().connect().run()
    counts = {topic: len(h.received[topic]) for topic in (*TOPICS, "/tf")}
    for _ in range(2):
        h.behave = broken
        stamp = h.send_good()
        h.until(lambda stamp=stamp: h.estimates_of(stamp), "an invalid estimate")
        assert not h.estimates_of(stamp)[0].estimates[0].valid
    assert counts == {topic: len(h.received[topic]) for topic in counts}
