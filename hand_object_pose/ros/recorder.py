"""Listens only: records what the node publishes, with arrival times, as a rosbag2 (MCAP).

``python -m hand_object_pose.ros.recorder OUT [--record heard.json] [--ros-args ...]``

The time of each message in the bag is the wall clock's when it arrived.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import rclpy
import tyro
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer

from hand_object_pose.bags.bag_types import ESTIMATES, typestore
from hand_object_pose.errors import UserError
from hand_object_pose.exit_status import exit_status
from hand_object_pose.ros.bag_player import message_class
from hand_object_pose.ros.processes import enlarge_shared_memory, init_ros, split_ros_arguments, stop_on_signals

# Topic -> message type.
TOPICS = {
    "estimate": ESTIMATES,
    "object_pose": "geometry_msgs/msg/PoseWithCovarianceStamped",
    "objects": "vision_msgs/msg/Detection3DArray",
    "/tf": "tf2_msgs/msg/TFMessage",
    "object_pose/filtered": "geometry_msgs/msg/PoseWithCovarianceStamped",
    "object_pose/predicted": "geometry_msgs/msg/PoseWithCovarianceStamped",
    "object_twist": "geometry_msgs/msg/TwistWithCovarianceStamped",
    "hand_joints/filtered": "sensor_msgs/msg/PointCloud2",
    "status": "hand_object_pose_msgs/msg/Status",
    "hand_topology": "hand_object_pose_msgs/msg/HandTopology",
    "object_info": "hand_object_pose_msgs/msg/ObjectInfo",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}
HEAVY_TOPICS = {
    "markers": "visualization_msgs/msg/MarkerArray",
    "debug_image": "sensor_msgs/msg/Image",
    "hand_points": "sensor_msgs/msg/PointCloud2",
    "free_surface": "sensor_msgs/msg/PointCloud2",
}
LATCHED = ("status", "hand_topology", "object_info")
_DEPTH = 200


@dataclass(frozen=True)
class RecorderConfig:
    """What to record.

    Attributes:
        out: the new bag's directory.
        heavy: record markers, debug_image, hand_points and free_surface too, which the node then has to make.
        record: JSON file with what was heard; written at the end.
    """

    out: tyro.conf.Positional[Path]
    heavy: bool = False
    record: Path | None = None


@dataclass
class Heard:
    """What arrived: messages by resolved topic, and the wall-clock times of the first and the last, nanoseconds."""

    received: dict[str, int] = field(default_factory=dict)
    first_ns: dict[str, int] = field(default_factory=dict)
    last_ns: dict[str, int] = field(default_factory=dict)


class Recorder:
    """Subscribes, and writes serialised messages as they come."""

    def __init__(self, node: Node, writer: Writer, heavy: bool = False) -> None:
        self._node = node
        self._writer = writer
        self.heard = Heard()
        for topic, kind in (TOPICS | HEAVY_TOPICS if heavy else TOPICS).items():
            self._subscribe(topic, kind)

    def _subscribe(self, topic: str, kind: str) -> None:
        latched = topic in LATCHED
        profile = QoSProfile(
            depth=_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        name = self._node.resolve_topic_name(topic)
        offered = [_offered(latched)]
        connection = self._writer.add_connection(name, kind, typestore=typestore(), offered_qos_profiles=offered)

        def write(data: bytes) -> None:
            now = time.time_ns()
            self._writer.write(connection, now, data)
            self.heard.received[name] = self.heard.received.get(name, 0) + 1
            self.heard.first_ns.setdefault(name, now)
            self.heard.last_ns[name] = now

        self._node.create_subscription(message_class(kind), topic, write, profile, raw=True)


def _offered(latched: bool) -> Any:
    """The publisher's quality of service, so that ``ros2 bag play`` latches what was latched."""
    unset = QosTime(sec=0, nsec=0)
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 10,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=unset,
        lifespan=unset,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=unset,
        avoid_ros_namespace_conventions=False,
    )


def main(arguments: list[str] | None = None) -> int:
    """Record until a signal comes; returns the exit status."""
    own, for_ros = split_ros_arguments(sys.argv[1:] if arguments is None else arguments)
    config = tyro.cli(RecorderConfig, prog="python -m hand_object_pose.ros.recorder", args=own, description=__doc__)
    return exit_status("recorder", lambda: _record(config, for_ros))


def _record(config: RecorderConfig, for_ros: list[str]) -> None:
    if config.out.exists():
        raise UserError(f"{config.out}: already exists; remove it or choose another directory")
    stop = stop_on_signals()
    enlarge_shared_memory()
    init_ros(for_ros)
    node, executor = Node("estimate_recorder"), SingleThreadedExecutor()
    executor.add_node(node)
    try:
        # Version 8 of the metadata is read by every supported distribution.
        with Writer(config.out, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
            recorder = Recorder(node, writer, config.heavy)
            print("recording", flush=True)
            while not stop.is_set():
                executor.spin_once(timeout_sec=0.2)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    if config.record is not None:
        config.record.write_text(json.dumps(asdict(recorder.heard)))


if __name__ == "__main__":
    sys.exit(main())
