"""The node's services: what they do, and what they answer when they cannot."""

import threading
import time

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

from ros_support import LIMIT, good_depth, good_image, good_info, pose_matrix_of, pose_of
from std_srvs.srv import SetBool, Trigger

from hand_object_pose_msgs.msg import Box2D, HandEstimate, Status
from hand_object_pose_msgs.srv import EstimateFrame, SetObject


def call(h, kind, name, request):
    """The answer of one of the node's services."""
    client = h.client.create_client(kind, f"/{h.node.get_name()}/{name}")
    h.until(client.service_is_ready, "the service")
    future = client.call_async(request)
    h.until(future.done, "an answer")
    return future.result()


def test_reset_begins_the_tracks_anew(harness):
    h = harness().connect()
    h.expect_good()
    before = h.estimators[0].resets
    answer = call(h, Trigger, "reset", Trigger.Request())
    assert (answer.success, answer.message) == (True, "")
    h.expect_good()
    assert h.estimators[0].resets == before + 1


def test_services_without_a_configured_node_say_so(harness):
    h = harness()
    for kind, name in ((Trigger, "reset"), (SetObject, "set_object"), (EstimateFrame, "estimate")):
        answer = call(h, kind, name, kind.Request())
        assert not answer.success
        assert "not configured" in answer.message


def test_switched_off_the_node_rests_until_it_is_switched_on(harness):
    h = harness().connect()
    h.expect_good()
    assert call(h, SetBool, "set_enabled", SetBool.Request(data=False)).success
    h.until(lambda: h.image.get_subscription_count() == 0, "the subscription's end")
    status = h.status_with("switched off", "set_enabled")
    assert (status.state, status.enabled) == (Status.WAITING, False)
    # It stays off through a round of the lifecycle.
    h.node.trigger_deactivate()
    h.node.trigger_activate()
    assert h.image.get_subscription_count() == 0
    assert call(h, SetBool, "set_enabled", SetBool.Request(data=True)).success
    h.connect_topics()
    h.expect_good()
    assert h.received["status"][-1].enabled


def test_switched_off_while_inactive_the_node_does_not_begin(harness):
    h = harness()
    assert call(h, SetBool, "set_enabled", SetBool.Request(data=False)).success
    h.node.autostart()
    h.status_with("switched off")
    assert h.node._inputs is None
    assert call(h, SetBool, "set_enabled", SetBool.Request(data=True)).success
    h.connect_topics().expect_good()


def test_set_object_chooses_among_those_the_weights_know(harness):
    h = harness().connect()
    assert h.expect_good().estimates[0].object.object_id == "mug"
    for refused in ("kettle", ""):
        answer = call(h, SetObject, "set_object", SetObject.Request(object_id=refused))
        assert not answer.success
        assert "carton, mug" in answer.message
        assert list(answer.known_objects) == ["carton", "mug"]
    assert call(h, SetObject, "set_object", SetObject.Request(object_id="carton")).success
    assert h.node.get_parameter("object_id").value == "carton"
    assert h.expect_good().estimates[0].object.object_id == "carton"


def single_frame(h, **fields):
    stamp = h.stamp()
    return EstimateFrame.Request(image=good_image(stamp), camera_info=good_info(stamp), **fields)


def test_one_image_by_service_is_estimated_apart_from_the_stream(harness):
    h = harness().connect()
    h.expect_good()
    published, before = len(h.received["estimate"]), h.node._counters.snapshot()
    request = single_frame(
        h,
        object_id="carton",
        root_depth=0.75,
        side=HandEstimate.SIDE_LEFT,
        box=Box2D(x_min=10.0, y_min=5.0, x_max=40.0, y_max=30.0),
    )
    seen = []
    h.behave = seen.append
    answer = call(h, EstimateFrame, "estimate", request)
    assert (answer.success, answer.message) == (True, "")
    (pair,) = answer.estimates.estimates
    assert answer.estimates.header == request.image.header
    assert (pair.valid, pair.object.object_id) == (True, "carton")
    # Frames count their seconds from the first of their stream, and this one has none.
    np.testing.assert_allclose(pose_matrix_of(pair.object.pose.pose), pose_of(0.0), atol=1e-6)
    config = h.estimators[0].configs[-1]
    assert (config.root_depth_mode, config.root_depth_value, config.hand_side) == ("fixed", 0.75, "left")
    assert config.roi_mode == "topic"
    np.testing.assert_array_equal(seen[0].hand_boxes, [[10, 5, 40, 30]])
    # Nothing of it reaches the stream.
    h.expect_good()
    assert h.estimators[0].configs[-1].object_id == "mug"
    assert len(h.received["estimate"]) == published + 1
    assert h.node._counters.snapshot().received == before.received + 1


def with_bad_encoding(request):
    request.image.encoding = "jpeg2000"


def without_info(request):
    request.camera_info.k = [0.0] * 9


def with_backward_box(request):
    request.box = Box2D(x_min=5.0, x_max=1.0, y_max=4.0)


def with_unknown_side(request):
    request.side = 7


BAD_REQUESTS = {
    "encoding": (lambda request: with_bad_encoding(request), ("image", "jpeg2000")),
    "uncalibrated": (without_info, ("camera_info", "not calibrated")),
    "box": (with_backward_box, ("box", "x_min < x_max")),
    "side": (with_unknown_side, ("side", "1 (right)")),
}


def test_requests_that_cannot_be_used_are_named(harness):
    h = harness().connect()
    for spoil, words in BAD_REQUESTS.values():
        request = single_frame(h)
        spoil(request)
        answer = call(h, EstimateFrame, "estimate", request)
        assert not answer.success
        assert all(word in answer.message for word in words), answer.message


def test_a_request_that_hangs_is_given_up(harness):
    h = harness({"watchdog_timeout": 2.0}).connect()
    h.behave = lambda frame: time.sleep(6)
    answer = call(h, EstimateFrame, "estimate", single_frame(h))
    assert not answer.success
    assert "watchdog_timeout" in answer.message
    h.behave = lambda frame: None
    h.expect_good()


def test_images_are_worked_on_while_a_request_is(harness):
    h = harness({"watchdog_timeout": 60.0}).connect()
    begun, free = threading.Event(), threading.Event()

    def behave(frame):
        if threading.current_thread().name != "inference":
            begun.set()
            free.wait(LIMIT)

    h.behave = behave
    client = h.client.create_client(EstimateFrame, f"/{h.node.get_name()}/estimate")
    h.until(client.service_is_ready, "the service")
    future = client.call_async(single_frame(h))
    h.until(begun.is_set, "the request's beginning")
    h.expect_good()
    assert call(h, Trigger, "reset", Trigger.Request()).success
    assert not future.done()
    free.set()
    h.until(future.done, "an answer")
    assert future.result().success


def test_a_request_in_which_nothing_is_seen_says_why(harness):
    h = harness({"object_id": ""}).connect()
    answer = call(h, EstimateFrame, "estimate", single_frame(h))
    assert (answer.success, answer.message) == (False, "no object chosen")
    assert [pair.valid for pair in answer.estimates.estimates] == [False]


def test_a_request_without_depth_says_what_to_give(harness):
    h = harness({"root_depth.mode": "depth_image"}).connect()
    answer = call(h, EstimateFrame, "estimate", single_frame(h))
    assert not answer.success
    assert "root_depth" in answer.message
    given = single_frame(h, depth=good_depth(h.stamp()))
    assert call(h, EstimateFrame, "estimate", given).success
