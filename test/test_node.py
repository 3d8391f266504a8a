"""The real node, with an estimator that answers at once: what it publishes, and what it says of bad input."""

import time
from array import array

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

import rclpy
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from ros_support import (
    FRAME_ID,
    HAND_OFFSET,
    Harness,
    best_effort,
    good_depth,
    good_image,
    good_info,
    pose_matrix_of,
    pose_of,
)
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose
from visualization_msgs.msg import Marker

from hand_object_pose.ros.estimator_factory import load_estimator
from hand_object_pose.ros.input_list import InputStamps, read_inputs
from hand_object_pose_msgs.msg import HandEstimate, HandObjectEstimate, HandObjectEstimates, Status


def counts_add_up(status: Status) -> bool:
    settled = status.estimated + status.invalid + status.replaced + status.too_old + status.refused
    return status.images_received == settled + status.pending


def test_everything_that_belongs_to_an_image_carries_its_stamp_frame_and_pose(harness):
    h = harness().connect()
    h.until(lambda: h.client.count_publishers("markers") and h.client.count_publishers("debug_image"), "discovery")
    h.until(lambda: h.node._outputs.markers.get_subscription_count(), "the markers' subscriber")
    h.until(lambda: h.node._outputs.debug_image.get_subscription_count(), "the debug image's subscriber")
    message = h.expect_good()
    topics = ("object_pose", "/tf", "markers", "debug_image", "/diagnostics", "hand_topology", "object_info")
    h.until(lambda: all(h.received[topic] for topic in topics), "all topics")
    pair = message.estimates[0]
    assert message.header.frame_id == FRAME_ID
    np.testing.assert_allclose(pose_matrix_of(pair.object.pose.pose), pose_of(0.0), atol=1e-6)
    assert h.received["object_pose"][-1].header == message.header
    assert h.received["object_pose"][-1].pose == pair.object.pose
    transform = h.received["/tf"][-1].transforms[0]
    assert (transform.header, transform.child_frame_id) == (message.header, "mug")
    translation, position = transform.transform.translation, pair.object.pose.pose.position
    assert (translation.x, translation.y, translation.z) == (position.x, position.y, position.z)
    assert transform.transform.rotation == pair.object.pose.pose.orientation
    assert all(marker.header == message.header for marker in h.received["markers"][-1].markers)
    assert h.received["debug_image"][-1].header == message.header
    assert np.any(np.frombuffer(h.received["debug_image"][-1].data, np.uint8))


def test_hand_contacts_and_topology_are_those_of_the_estimate(harness):
    h = harness().connect()
    pair = h.expect_good().estimates[0]
    weights = h.estimators[0].backend.weights
    topology = h.until(lambda: h.received["hand_topology"], "hand_topology")[0]
    vertices = np.array(pair.hand.vertices).reshape(-1, 3)
    np.testing.assert_allclose(vertices, weights.hand.v_template + HAND_OFFSET, atol=1e-6)
    assert (pair.hand.model_hash, topology.model_hash) == (weights.hand.hash,) * 2
    faces = np.array([triangle.vertex_indices for triangle in topology.triangles])
    np.testing.assert_array_equal(faces, weights.hand.faces)
    np.testing.assert_array_equal(topology.finger_labels, weights.hand.finger_labels)
    assert [(c.hand_vertex, c.finger) for c in pair.contacts] == [(745, 0), (3, 2)]
    assert [c.signed_distance for c in pair.contacts] == pytest.approx([-0.001, 0.002])
    penetration = (pair.min_distance, pair.penetration_mean, pair.penetration_max)
    assert penetration == pytest.approx((-0.001, 0.0001, 0.001))
    assert (list(pair.finger_contacts), pair.palm_contact) == ([True, False, True, False, False], False)
    assert pair.grasp_state == HandObjectEstimate.GRASP_HELD
    assert not pair.object.covariance_valid
    assert (pair.confidence, pair.hand.confidence, pair.object.confidence) == (pytest.approx(0.9),) * 3
    info = h.until(lambda: h.received["object_info"], "object_info")[0]
    assert (info.object_id, info.mesh_hash) == ("mug", weights.objects["mug"].hash)
    assert list(info.known_objects) == ["carton", "mug"]


def test_topology_follows_the_side_of_the_hand(harness):
    h = harness().connect()
    hand = h.estimators[0].backend.weights.hand
    first = h.until(lambda: h.received["hand_topology"], "hand_topology")[-1]
    assert first.side == HandEstimate.SIDE_RIGHT
    assert h.node.set_parameters([Parameter("hand_side", value="left")])[0].successful
    left = h.until(lambda: h.received["hand_topology"][1:], "another hand_topology")[-1]
    assert left.side == HandEstimate.SIDE_LEFT
    faces = np.array([triangle.vertex_indices for triangle in left.triangles])
    np.testing.assert_array_equal(faces, hand.faces[:, ::-1])


def with_encoding(image):
    image.encoding = "jpeg2000"


def with_truncated_data(image):
    image.data = image.data[:100]


def with_zero_size(image):
    image.width = image.height = 0


BAD_IMAGES = {
    "encoding": (with_encoding, "jpeg2000"),
    "truncated": (with_truncated_data, "truncated"),
    "zero size": (with_zero_size, "0x0"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_a_bad_image_is_named_and_the_next_good_one_estimated(harness, case):
    spoil, word = BAD_IMAGES[case]
    h = harness().connect()
    h.expect_good()
    stamp = h.stamp()
    image = good_image(stamp)
    spoil(image)
    h.send(image, good_info(stamp))
    status = h.status_with(word)
    assert status.topic == "/image"
    assert status.state == Status.WAITING
    h.expect_good()
    assert h.received["status"][-1].reason == ""


def test_bad_camera_infos_are_named(harness):
    h = harness().connect()
    h.send(good_image(h.stamp()))
    assert h.status_with("no camera_info").topic == "/camera_info"
    stamp = h.stamp()
    uncalibrated = good_info(stamp)
    uncalibrated.k = [0.0] * 9
    h.send(good_image(stamp), uncalibrated)
    assert h.status_with("not calibrated").topic == "/camera_info"
    stamp = h.stamp()
    h.send(good_image(stamp), good_info(stamp, 320, 240))
    status = h.status_with("320x240", "64x48")
    assert status.topic == "/camera_info"
    h.expect_good()
    final = h.until(lambda: h.received["status"][-1].estimated == 1 and h.received["status"][-1], "the counts")
    assert final.refused == 3
    assert counts_add_up(final)


def test_a_depth_image_of_nan_is_named(harness):
    h = harness({"root_depth.mode": "depth_image"}).connect()
    h.expect_good()
    stamp = h.stamp()
    h.send(good_image(stamp), good_info(stamp), good_depth(stamp, np.nan))
    status = h.status_with("NaN")
    assert status.topic == "/depth/image"
    message = h.until(lambda: h.estimates_of(stamp), "an invalid estimate")[0]
    assert not message.estimates[0].valid
    assert message.estimates[0].reason
    h.expect_good()


def test_an_unknown_object_is_refused_and_another_may_be_chosen(harness):
    h = harness({"object_id": "teapot"}).connect()
    h.send_good()
    status = h.status_with("teapot", "carton, mug")
    assert "object_id" in status.reason
    refused = h.node.set_parameters([Parameter("object_id", value="kettle")])[0]
    assert not refused.successful
    assert "carton, mug" in refused.reason
    assert h.node.set_parameters([Parameter("object_id", value="carton")])[0].successful
    assert h.expect_good().estimates[0].object.object_id == "carton"
    assert h.until(lambda: h.received["object_info"], "object_info")[-1].object_id == "carton"


def test_the_object_comes_from_the_detections_and_an_unknown_class_is_named(harness):
    h = harness({"object_id": "", "lost_after": 0.0}).connect()
    h.until(h.detections.get_subscription_count, "the detections' subscriber")

    def detect(class_id):
        stamp = h.stamp()
        hypothesis = ObjectHypothesisWithPose()
        hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = class_id, 0.9
        detection = Detection2D(results=[hypothesis])
        detection.bbox.center.position.x, detection.bbox.size_x, detection.bbox.size_y = 20.0, 10.0, 8.0
        h.detections.publish(Detection2DArray(header=Header(stamp=stamp, frame_id=FRAME_ID), detections=[detection]))
        h.until(lambda: h.node._pipeline.intake.detections._newest is not None, "the detections")
        stamp = h.stamp()
        h.send(good_image(stamp), good_info(stamp))
        return h.until(lambda: h.estimates_of(stamp), "an estimate")[0].estimates[0]

    assert not detect("teapot").valid
    assert h.status_with("teapot", "carton, mug").topic == "/detections"
    assert detect("carton").object.object_id == "carton"


def test_nothing_seen_is_a_message_with_deleted_markers_and_no_transform(harness):
    h = harness({"object_id": "", "lost_after": 0.0}).connect()
    h.until(lambda: h.node._outputs.markers.get_subscription_count(), "the markers' subscriber")
    stamp = h.send_good()
    message = h.until(lambda: h.estimates_of(stamp), "an estimate")[0]
    assert [pair.valid for pair in message.estimates] == [False]
    markers = h.until(lambda: h.received["markers"], "markers")[0].markers
    assert {marker.action for marker in markers} == {Marker.DELETE}
    assert {marker.ns for marker in markers} == {"hand", "object", "contacts"}
    assert not h.received["/tf"]
    assert not h.received["object_pose"]


def test_the_latest_image_wins_and_every_drop_is_counted(harness):
    h = harness({"watchdog_timeout": 60.0}).connect()
    h.behave = lambda frame: time.sleep(0.15)
    sent = 0
    for _ in range(20):
        h.send_good()
        sent += 1
        h.until(lambda: h.node._counters.snapshot().received == sent, "the image's arrival")  # noqa: B023
    h.until(lambda: h.node._counters.snapshot().pending == 0, "the end of the work")
    status = h.until(
        lambda: next((s for s in h.received["status"] if s.images_received == sent and not s.pending), None), "counts"
    )
    assert status.replaced > 0
    assert status.estimated + status.replaced == sent
    h.until(lambda: len(h.received["estimate"]) == status.estimated, "all estimates")
    stamps = [message.header.stamp.sec * 10**9 + message.header.stamp.nanosec for message in h.received["estimate"]]
    assert stamps == sorted(stamps)
    assert h.received["estimate"][-1].sequence == sent


def test_old_images_are_dropped_named_and_counted(harness):
    h = harness({"max_frame_age": 0.5}).connect()
    stamp = h.stamp()
    stamp.sec -= 100
    h.send(good_image(stamp), good_info(stamp))
    status = h.status_with("100.", "use_sim_time")
    assert (status.topic, status.too_old) == ("/image", 1)
    h.node.set_parameters([Parameter("max_frame_age", value=5.0)])
    h.expect_good()


def test_images_of_the_future_mean_clocks_that_are_not_synchronised(harness):
    h = harness({"max_frame_age": 0.5}).connect()
    stamp = h.stamp()
    stamp.sec += 100
    h.send(good_image(stamp), good_info(stamp))
    status = h.status_with("in the future", "not synchronised")
    assert (status.topic, status.too_old) == ("/image", 1)


@pytest.mark.parametrize("late", [3, 8])
def test_images_find_their_own_infos_after_a_delay(harness, late):
    h = harness({"sync_wait": 1.0}).connect()
    h.expect_good()
    stamps = []
    for _ in range(late):
        stamps.append(h.stamp())
        # As a camera driver: the image first.
        h.image.publish(good_image(stamps[-1]))
        h.info.publish(good_info(stamps[-1]))
        time.sleep(0.02)
    h.until(lambda: h.estimates_of(stamps[-1]), "an estimate of the last image")
    assert h.node._counters.snapshot().unsynchronised == 0


def test_stamps_that_jump_backwards_reset_the_track(harness):
    h = harness().connect()
    h.expect_good()
    before = h.estimators[0].resets
    stamp = h.stamp()
    stamp.sec -= 2
    h.send(good_image(stamp), good_info(stamp))
    h.until(lambda: h.estimates_of(stamp), "an estimate of the earlier stamp")
    assert h.estimators[0].resets == before + 1
    h.until(lambda: h.node._counters.snapshot().clock_jumps == 1, "the count")


def test_what_images_are_worked_on_with_is_listed(harness, tmp_path):
    """An image with an older camera_info, a depth image a little later and detections; then time jumps back."""
    file = tmp_path / "inputs.csv"
    patient = {"sync_wait": 0.5, "detection_max_age": 60.0, "max_frame_age": 60.0}
    h = harness({"root_depth.mode": "depth_image", "input_list": str(file), **patient}).connect()
    h.until(h.detections.get_subscription_count, "the detections' subscriber")
    first = h.send_good()
    h.until(lambda: h.estimates_of(first), "the first estimate")
    h.detections.publish(Detection2DArray(header=Header(stamp=first, frame_id=FRAME_ID)))
    h.until(lambda: h.node._pipeline.intake.detections._newest is not None, "the detections")
    second = h.stamp()
    nanoseconds = second.sec * 10**9 + second.nanosec + 3_000_000
    later = type(second)(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
    h.send(good_image(second), None, good_depth(later))
    h.until(lambda: h.estimates_of(second), "the second estimate")
    third = type(second)(sec=second.sec - 2, nanosec=second.nanosec)
    h.send(good_image(third), good_info(third), good_depth(third))
    h.until(lambda: h.estimates_of(third), "the third estimate")

    one, two, three = (stamp.sec * 10**9 + stamp.nanosec for stamp in (first, second, third))
    assert read_inputs(file) == (
        InputStamps(one, one, one, None, anew=True),
        InputStamps(two, one, two + 3_000_000, one, anew=False),
        InputStamps(three, three, three, None, anew=True),
    )


def test_a_list_of_inputs_that_cannot_be_written_is_named(harness, tmp_path):
    h = harness({"input_list": str(tmp_path / "nowhere" / "inputs.csv")})
    h.node.autostart()
    status = h.until(lambda: next((s for s in h.received["status"] if s.state == Status.ERROR), None), "ERROR")
    assert "nowhere/inputs.csv: the list of inputs cannot be written" in status.reason


def test_an_exception_is_reported_and_the_next_image_estimated(harness):
    h = harness().connect()

    def explode(frame):
        raise RuntimeError("out of beans")

    h.behave = explode
    stamp = h.send_good()
    message = h.until(lambda: h.estimates_of(stamp), "an invalid estimate")[0]
    assert "out of beans" in message.estimates[0].reason
    h.status_with("out of beans")
    h.behave = lambda frame: None
    h.expect_good()
    h.until(lambda: h.node._counters.snapshot().worker_restarts == 1, "the count")


def test_a_hang_is_abandoned_three_times_at_most(harness):
    h = harness({"watchdog_timeout": 0.3}).connect()
    h.behave = lambda frame: time.sleep(20)
    for _ in range(3):
        stamp = h.send_good()
        message = h.until(lambda: h.estimates_of(stamp), "an invalid estimate")[0]  # noqa: B023
        assert "abandoned" in message.estimates[0].reason
    h.until(lambda: h.received["status"][-1].state == Status.ERROR, "ERROR")
    assert h.node.exit_code == 1
    assert len(h.estimators) == 3


def test_a_best_effort_publisher_is_followed(harness):
    h = harness()
    h.client.destroy_publisher(h.image)
    h.node.autostart()
    h.image = h.client.create_publisher(Image, "image", best_effort())
    h.until(h.image.get_subscription_count, "a fitting subscription")
    h.until(h.info.get_subscription_count, "the subscription of camera_info")
    h.expect_good()


def test_an_image_of_another_type_and_a_missing_publisher_are_named(harness):
    h = harness()
    h.client.destroy_publisher(h.image)
    h.node.autostart()
    status = h.status_with("nobody publishes /image", "sensor_msgs/msg/Image")
    assert status.topic == "/image"
    # A process cannot use one topic with two types; another context is another participant.
    context = rclpy.Context()
    rclpy.init(context=context)
    other = rclpy.create_node("other", context=context)
    other.create_publisher(CompressedImage, "image", 10)
    status = h.status_with("sensor_msgs/msg/CompressedImage", "expected sensor_msgs/msg/Image")
    assert status.state == Status.WAITING
    other.destroy_node()
    context.shutdown()


def test_stale_when_images_stop(harness):
    h = harness({"stale_after": 0.2}).connect()
    stamp = h.send_good()
    h.until(lambda: h.estimates_of(stamp), "an estimate")
    h.until(lambda: h.received["status"][-1].state == Status.STALE, "STALE")


def test_lifecycle_goes_round_and_counts_on(harness):
    h = harness().connect()
    h.expect_good()
    h.node.trigger_deactivate()
    h.until(lambda: h.image.get_subscription_count() == 0, "the subscription's end")
    h.status_with("not active")
    h.node.trigger_cleanup()
    assert h.node._pipeline is None
    h.node.trigger_configure()
    h.node.trigger_activate()
    h.until(lambda: h.image.get_subscription_count() and h.info.get_subscription_count(), "new subscriptions")
    h.until(lambda: h.node._outputs.estimate.get_subscription_count(), "the estimate's subscriber")
    h.expect_good()
    assert len(h.estimators) == 2
    h.until(lambda: h.node._counters.snapshot().estimated == 2, "the count to go on")


def test_a_transition_that_fails_says_why(harness):
    h = harness({"roi.mode": "fixed"})
    h.node.autostart()
    status = h.until(lambda: next((s for s in h.received["status"] if s.state == Status.ERROR), None), "ERROR")
    assert "roi_box" in status.reason


def test_a_precision_that_the_backend_lacks_is_refused_at_configure(harness, monkeypatch):
    monkeypatch.setattr(Harness, "make_estimator", lambda self, settings: load_estimator(settings))
    h = harness({"backend": "onnx", "precision": "bfloat16"})
    h.node.autostart()
    status = h.until(lambda: next((s for s in h.received["status"] if s.state == Status.ERROR), None), "ERROR")
    assert "precision: expected 'float32'" in status.reason
    assert "found 'bfloat16'; choose the backend 'torch'" in status.reason
    assert h.node._pipeline is None


def test_an_activation_that_fails_leaves_nothing_running(harness, monkeypatch):
    h = harness()

    def refuse(*arguments):
        raise ValueError("no such topic")

    monkeypatch.setattr("hand_object_pose.ros.node.Subscriptions", refuse)
    h.node.autostart()
    thread = h.node._pipeline.worker._thread
    thread.join(5)
    assert not thread.is_alive()
    h.status_with("no such topic")
    monkeypatch.undo()
    h.node.trigger_activate()
    h.connect_topics()
    h.expect_good()


def test_parameters_are_refused_with_a_reason_over_the_service(harness):
    h = harness().connect()
    service = h.client.create_client(SetParameters, f"/{h.node.get_name()}/set_parameters")
    h.until(service.service_is_ready, "the service")
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="middle")
    request = SetParameters.Request(parameters=[ParameterMessage(name="hand_side", value=value)])
    future = service.call_async(request)
    h.until(future.done, "an answer")
    answer = future.result().results[0]
    assert not answer.successful
    assert "right, left" in answer.reason
    refused = h.node.set_parameters([Parameter("watchdog_timeout", value=1.0)])[0]
    assert not refused.successful
    assert "configured" in refused.reason


def test_16_bit_and_missing_depth(harness):
    h = harness({"root_depth.mode": "depth_image"}).connect()
    stamp = h.stamp()
    depth = good_depth(stamp)
    depth.encoding, depth.step = "16UC1", depth.width * 2
    depth.data = array("B", np.full((depth.height, depth.width), 600, np.uint16).tobytes())
    seen = []
    h.behave = seen.append
    h.send(good_image(stamp), good_info(stamp), depth)
    h.until(lambda: h.estimates_of(stamp), "an estimate")
    np.testing.assert_allclose(seen[0].depth, 0.6, rtol=1e-6)


def test_the_root_depth_may_come_from_the_truth(harness):
    h = harness({"root_depth.mode": "ground_truth"})
    truth = h.client.create_publisher(HandObjectEstimates, "ground_truth", 10)
    h.node.autostart()
    h.until(lambda: h.image.get_subscription_count() and h.info.get_subscription_count(), "the node's subscriptions")
    h.until(
        lambda: truth.get_subscription_count() and h.client.count_publishers("estimate"), "the truth's subscription"
    )
    seen = []
    h.behave = seen.append
    stamp = h.stamp()
    message = HandObjectEstimates(header=good_image(stamp).header, estimates=[HandObjectEstimate(root_depth=0.625)])
    truth.publish(message)
    h.send(good_image(stamp), good_info(stamp))
    h.until(lambda: seen, "the frame")
    assert seen[0].true_root_depth == 0.625
