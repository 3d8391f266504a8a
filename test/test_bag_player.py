"""Player, node and recorder as three parties over DDS; and the player's parts without ROS."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer

from hand_object_pose.bags.bag_types import DETECTIONS, ESTIMATES, new_message, typestore
from hand_object_pose.errors import UserError
from hand_object_pose.ros.bag_source import BagSource, begins_with_header, holds_inner_headers
from hand_object_pose.ros.stamps import first_stamp, shift_first_stamp

FRAMES, PERIOD = 12, 40_000_000
START = 1_700_000_000_000_000_000
WIDTH, HEIGHT = 64, 48


def header(stamp):
    time_message = new_message("builtin_interfaces/msg/Time", sec=stamp // 10**9, nanosec=stamp % 10**9)
    return new_message("std_msgs/msg/Header", stamp=time_message, frame_id="camera")


def messages_of(stamp):
    image = new_message(
        "sensor_msgs/msg/Image", header=header(stamp), width=WIDTH, height=HEIGHT, encoding="rgb8", step=3 * WIDTH,
        data=np.zeros(3 * WIDTH * HEIGHT, np.uint8),
    )  # fmt: skip
    info = new_message(
        "sensor_msgs/msg/CameraInfo", header=header(stamp), width=WIDTH, height=HEIGHT, distortion_model="plumb_bob",
        d=np.zeros(5), k=np.array([60.0, 0, 32, 0, 60, 24, 0, 0, 1]),
    )  # fmt: skip
    detection = new_message("vision_msgs/msg/Detection2D", header=header(stamp))
    detections = new_message(DETECTIONS, header=header(stamp), detections=[detection])
    return {"/image": image, "/camera_info": info, "/detections": detections}


@pytest.fixture(params=[StoragePlugin.MCAP, StoragePlugin.SQLITE3], ids=["mcap", "sqlite"])
def bag(request, tmp_path):
    return write_bag(tmp_path / "bag", request.param)


def write_bag(path, plugin=StoragePlugin.MCAP):
    store = typestore()
    with Writer(path, version=8, storage_plugin=plugin) as writer:
        connections = {}
        for frame in range(FRAMES):
            stamp = START + frame * PERIOD
            for topic, message in messages_of(stamp).items():
                kind = message.__msgtype__
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=store)
                writer.write(connections[topic], stamp, bytes(store.serialize_cdr(message, kind)))
    return path


def test_rounds_follow_each_other_at_the_bags_own_rate(bag):
    source = BagSource(bag, exclude=("/detections",))
    assert set(source.types) == {"/image", "/camera_info"}
    images = [message for message in source.messages(rounds=3) if message.topic == "/image"]
    assert [message.time for message in images] == [number * PERIOD for number in range(3 * FRAMES)]
    store = typestore()
    for number, message in enumerate(images):
        moved = store.deserialize_cdr(shift_first_stamp(message.data, message.shift), message.message_type)
        stamp = moved.header.stamp
        assert stamp.sec * 10**9 + stamp.nanosec == START + number * PERIOD
        assert len(moved.data) == 3 * WIDTH * HEIGHT
    source.close()


def test_reading_may_be_broken_off(bag):
    source = BagSource(bag)
    endless = source.messages(rounds=0)
    assert len([next(endless) for _ in range(200)]) == 200
    endless.close()
    source.close()


def test_missing_and_empty_bags_are_refused_in_words(bag, tmp_path):
    with pytest.raises(UserError, match="no such bag"):
        BagSource(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no messages"):
        BagSource(bag, exclude=("/image", "/camera_info", "/detections"))


def test_damaged_bags_are_named(bag):
    file = next(path for path in bag.iterdir() if path.suffix in (".mcap", ".db3"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UserError, match=str(bag)):
        list(BagSource(bag).messages())


def test_stamps_are_read_as_rosbags_writes_them():
    store = typestore()
    kind = "sensor_msgs/msg/CameraInfo"
    for little in (True, False):
        data = bytes(store.serialize_cdr(messages_of(START + 7)["/camera_info"], kind, little_endian=little))
        assert first_stamp(data) == START + 7
        assert first_stamp(shift_first_stamp(data, -START)) == 7


def test_only_headers_have_stamps(ros, tmp_path):
    import threading

    import rclpy

    from hand_object_pose.ros.bag_player import BagPlayer, PlayerConfig

    store, path = typestore(), tmp_path / "bag"
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        kind = "std_msgs/msg/String"
        connection = writer.add_connection("/words", kind, typestore=store)
        writer.write(connection, START, bytes(store.serialize_cdr(new_message(kind, data="not a stamp"), kind)))
        detections = messages_of(START)["/detections"]
        connection = writer.add_connection("/detections", DETECTIONS, typestore=store)
        writer.write(connection, START, bytes(store.serialize_cdr(detections, DETECTIONS)))
    node = rclpy.create_node("player")
    with closing(BagSource(path)) as source:
        player = BagPlayer(node, source, PlayerConfig(path))
        player.play(threading.Event())
    node.destroy_node()
    assert player.played.published == {"/words": 1, "/detections": 1}
    assert player.played.stamps_ns == {"/detections": [START + player.played.shift_ns]}


def test_where_headers_lie():
    store = typestore()
    assert begins_with_header(store, "sensor_msgs/msg/Image")
    assert not begins_with_header(store, "tf2_msgs/msg/TFMessage")
    assert not holds_inner_headers(store, "sensor_msgs/msg/CameraInfo")
    assert holds_inner_headers(store, DETECTIONS)
    assert holds_inner_headers(store, "tf2_msgs/msg/TFMessage")


def start(module, *arguments):
    command = [sys.executable, "-m", f"hand_object_pose.ros.{module}", *map(str, arguments)]
    return subprocess.Popen(command, env=os.environ.copy(), stdout=subprocess.PIPE, text=True)


def end(process):
    """One SIGINT; the exit status."""
    process.send_signal(signal.SIGINT)
    return process.wait(20)


def read_bag(path):
    with AnyReader([path], default_typestore=typestore()) as reader:
        for connection, arrival, data in reader.messages():
            yield connection.topic, arrival, reader.deserialize(data, connection.msgtype)


def stamp_of(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def test_three_processes_agree_on_every_count_and_stamp(ros, tmp_path):
    from rclpy.duration import Duration
    from ros_support import Harness

    bag = write_bag(tmp_path / "bag")
    harness = Harness({"object_id": "mug"}, topics=("status",))
    recorder = start("recorder", tmp_path / "heard", "--record", tmp_path / "heard.json")
    player = None
    try:
        assert recorder.stdout.readline() == "recording\n"
        harness.node.autostart()
        publishers = harness.node._outputs
        for publisher in (publishers.estimate, publishers.transform, publishers.object_pose):
            harness.until(publisher.get_subscription_count, "the recorder")
        player = start(
            "bag_player", bag, "--rounds", 2, "--record", tmp_path / "played.json",
            "--wait-for", "/image", "/camera_info", "/detections",
        )  # fmt: skip
        harness.until(lambda: player.poll() is not None, "the end of the bag", limit=30)
        counters = harness.node._counters
        harness.until(lambda: counters.snapshot().received and not counters.snapshot().pending, "the end of the work")
        harness.until(lambda: harness.received["status"][-1].estimated == counters.snapshot().estimated, "the status")
        # Fast DDS may repeat a lost last message only after 3 s.
        for publisher in (publishers.estimate, publishers.transform, publishers.object_pose):
            assert publisher.wait_for_all_acked(Duration(seconds=10))
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            harness.executor.spin_once(timeout_sec=0.05)
        assert end(recorder) == 0
        assert player.returncode == 0
    finally:
        for process in (recorder, player):
            if process is not None and process.poll() is None:
                process.kill()
        harness.close()
    played = json.loads((tmp_path / "played.json").read_text())
    heard = json.loads((tmp_path / "heard.json").read_text())
    counts = counters.snapshot()
    assert played["published"] == dict.fromkeys(("/image", "/camera_info", "/detections"), 2 * FRAMES)
    assert counts.received <= 2 * FRAMES
    assert counts.received == counts.estimated + counts.invalid + counts.replaced + counts.too_old + counts.refused
    assert heard["received"]["/estimate"] == counts.estimated + counts.invalid > 0
    assert heard["received"]["/tf"] == heard["received"]["/object_pose"] == counts.estimated
    _check_recording(tmp_path / "heard", played)


def _check_recording(path, played):
    sent = dict(zip(played["stamps_ns"]["/image"], played["sent_ns"]["/image"], strict=True))
    shifts = [played["shift_ns"] + number * played["period_ns"] for number in range(2)]
    expected = [START + frame * PERIOD + shift for shift in shifts for frame in range(FRAMES)]
    assert sorted(sent) == expected
    recorded = list(read_bag(path))
    estimates = [(arrival, message) for topic, arrival, message in recorded if topic == "/estimate"]
    poses = {stamp_of(message): message.pose for topic, _, message in recorded if topic == "/object_pose"}
    assert {message.__msgtype__ for _, message in estimates} == {ESTIMATES}
    for arrival, message in estimates:
        stamp = stamp_of(message)
        assert sent[stamp] < arrival
        assert repr(message.estimates[0].object.pose) == repr(poses[stamp])
    statuses = [message for topic, _, message in recorded if topic == "/status"]
    assert statuses[-1].images_received >= len(estimates)


def test_a_single_interrupt_ends_the_real_node_in_order(ros, tmp_path):
    command = [sys.executable, "-m", "hand_object_pose.ros.main", "--ros-args", "-p", "weights:=/no/such.safetensors"]
    import rclpy
    from rclpy.node import Node
    from ros_support import LATCHED, Harness, Status  # noqa: F401 - Status is used below

    node, seen = Node("listener"), []
    node.create_subscription(Status, "status", seen.append, LATCHED)
    process = subprocess.Popen(command, env=os.environ.copy(), stderr=subprocess.PIPE, text=True)
    try:
        limit = time.monotonic() + 20
        while not any(status.state == Status.ERROR for status in seen) and time.monotonic() < limit:
            rclpy.spin_once(node, timeout_sec=0.1)
        assert "/no/such.safetensors" in seen[-1].reason
        assert end(process) == 0
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        node.destroy_node()
