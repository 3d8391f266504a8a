"""The real node in situations that befall a robot: clocks, transforms, publishers that are missing, rounds of life."""

import gc
import threading

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_support import FRAME_ID, good_depth, good_image, good_info
from rosgraph_msgs.msg import Clock
from tf2_msgs.msg import TFMessage

from hand_object_pose.ros.base_frame import FrameTree
from hand_object_pose_msgs.msg import Status

STATIC = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Simulation:
    """Gives the node the time, and images of that time."""

    def __init__(self, h):
        self.h = h
        self.clock = h.client.create_publisher(Clock, "/clock", 10)
        h.until(self.clock.get_subscription_count, "the node's subscription of /clock")

    def show(self, seconds):
        """An image at that time; returns its estimate."""
        h, stamp = self.h, Time(sec=seconds)
        self.clock.publish(Clock(clock=stamp))
        h.until(lambda: h.node.get_clock().now().nanoseconds == seconds * 10**9, "the time")
        before = len(h.received["estimate"])
        h.send(good_image(stamp), good_info(stamp))
        (message,) = h.until(lambda: h.received["estimate"][before:], "an estimate")
        assert message.header.stamp == stamp
        return message.estimates[0]


def test_a_bag_with_its_own_clock_may_begin_again(harness):
    h = harness({"use_sim_time": True}).connect()
    bag = Simulation(h)
    for seconds in (1000, 1001, 1002):
        assert bag.show(seconds).valid
    resets, heard = h.estimators[0].resets, len(h.received["status"])
    for seconds in (1000, 1001):
        assert bag.show(seconds).valid
    assert h.estimators[0].resets == resets + 1
    status = h.until(lambda: h.received["status"][-1].estimated == 5 and h.received["status"][-1], "the counts")
    # The node's clock and the images' stamps jump together: that is one jump.
    assert status.clock_jumps == 1
    assert {entry.state for entry in h.received["status"][heard:]} == {Status.RUNNING}


def test_a_clock_that_stands_still_is_noticed(harness):
    h = harness({"use_sim_time": True, "stale_after": 0.3}).connect()
    Simulation(h).show(1000)
    h.until(lambda: h.received["status"][-1].state == Status.STALE, "STALE")


def test_simulated_time_without_a_clock_is_named(harness):
    h = harness({"use_sim_time": True}).connect()
    h.send_good()
    assert h.status_with("in the future", "use_sim_time without a /clock").state == Status.WAITING


def transform(parent, child):
    entry = TransformStamped(child_frame_id=child)
    entry.header.frame_id = parent
    return TFMessage(transforms=[entry])


def newest_warning(h, words):
    return next((line for line in h.received["status"][-1].warnings if words in line), None)


def test_a_missing_hand_eye_calibration_is_named_until_it_is_published(harness):
    h = harness({"base_frame": "base_link"}, topics=("estimate", "status")).connect()
    h.expect_good()
    warning = h.until(lambda: newest_warning(h, "hand-eye calibration"), "the warning")
    assert all(word in warning for word in (f"'{FRAME_ID}'", "'base_link'", "no transform names 'base_link'"))
    # The estimates are as good as ever.
    assert h.received["status"][-1].state == Status.RUNNING
    moving = h.client.create_publisher(TFMessage, "/tf", 10)
    static = h.client.create_publisher(TFMessage, "/tf_static", STATIC)
    h.until(lambda: h.node.count_publishers("/tf") == 2 and moving.get_subscription_count(), "the listener to /tf")
    moving.publish(transform("base_link", "gripper"))
    h.until(lambda: (line := newest_warning(h, "calibration")) and "names" not in line, "a base that is known")
    static.publish(transform("gripper", FRAME_ID))
    h.until(lambda: newest_warning(h, "hand-eye calibration") is None, "the warning's end")
    # From now on it listens no more.
    h.until(lambda: not moving.get_subscription_count() and not static.get_subscription_count(), "silence")


def test_without_a_base_frame_nobody_listens_to_transforms(harness):
    h = harness().connect()
    h.expect_good()
    assert not h.client.count_subscribers("/tf_static")
    assert not h.received["status"][-1].warnings


def test_frames_are_connected_over_common_ancestors_only():
    tree = FrameTree()
    for parent, child in (("map", "base"), ("base", "arm"), ("arm", "hand"), ("map", "tripod"), ("tripod", "camera")):
        tree.add(parent, child)
    tree.add("world", "other_camera")
    assert tree.connects("hand", "camera")
    assert tree.connects("camera", "base")
    assert not tree.connects("other_camera", "base")
    assert not tree.connects("unheard_of", "base")
    assert tree.names("world")
    assert not tree.names("unheard_of")
    # What some robots publish by mistake must not be followed for ever.
    tree.add("hand", "map")
    tree.connects("hand", "other_camera")


def test_a_missing_publisher_of_depth_is_the_reason_for_missing_depth(harness):
    h = harness({"root_depth.mode": "depth_image"})
    h.client.destroy_publisher(h.depth)
    h.node.autostart()
    h.until(lambda: h.image.get_subscription_count() and h.info.get_subscription_count(), "subscriptions")
    stamp = h.stamp()
    h.send(good_image(stamp), good_info(stamp))
    status = h.status_with("no root depth", "nobody publishes /depth/image (sensor_msgs/msg/Image)")
    assert status.topic == "/depth/image"
    h.depth = h.client.create_publisher(type(good_depth(stamp)), "depth/image", 10)
    h.until(h.depth.get_subscription_count, "the depth subscription")
    # Images wait no more for depth until some has come.
    first = h.send_good()
    h.until(lambda: h.estimates_of(first), "an estimate")
    h.expect_good()


def test_a_node_that_is_activated_again_does_not_claim_to_run_before_it_does(harness):
    h = harness().connect()
    h.expect_good()
    h.node.trigger_deactivate()
    h.status_with("not active")
    heard = len(h.received["status"])
    h.node.trigger_activate()
    h.until(lambda: h.received["status"][heard:], "a status")
    assert all(entry.state == Status.WAITING for entry in h.received["status"][heard:])
    h.connect_topics().expect_good()


def test_two_cameras_in_namespaces_of_their_own_do_not_meet(harness):
    topics = ("estimate", "/tf", "/diagnostics", "status", "object_info")
    left, right = (
        harness({"tf_prefix": f"{side}_", "object_id": thing}, topics=topics, namespace=side).connect()
        for side, thing in (("left", "mug"), ("right", "carton"))
    )
    for h in (left, right):
        h.until(lambda: h.client.count_publishers("/tf") == 2, "both publishers of /tf")  # noqa: B023
    seen = [h.expect_good().estimates[0].object.object_id for h in (left, right)]
    assert seen == ["mug", "carton"]
    for h in (left, right):
        h.until(lambda: len(h.received["/tf"]) == 2, "both transforms")  # noqa: B023
        assert len(h.received["estimate"]) == 1
        children = {transform.child_frame_id for message in h.received["/tf"] for transform in message.transforms}
        assert children == {"left_mug", "right_carton"}

    def diagnosed():
        left.executor.spin_once(timeout_sec=0.01)
        return {status.name for message in right.received["/diagnostics"] for status in message.status}

    expected = {f"/{side}/hand_object_pose_estimator: estimation" for side in ("left", "right")}
    right.until(lambda: diagnosed() >= expected, "diagnostics of both")


def test_rounds_of_deactivation_leave_nothing_behind(harness):
    def census():
        gc.collect()
        node = h.node
        kinds = (node.subscriptions, node.publishers, node.timers, node.services, node.guards, node.waitables)
        return [len(list(kind)) for kind in kinds] + [threading.active_count()]

    h = harness().connect()
    h.expect_good()
    h.node.trigger_deactivate()
    once = census()
    for _ in range(4):
        h.node.trigger_activate()
        h.node.trigger_deactivate()
    assert census() == once
    h.node.trigger_activate()
    h.connect_topics().expect_good()
    assert len(h.estimators) == 1
