"""Plays a bag at wall-clock rate as a camera would: it waits for nobody.

``python -m hand_object_pose.ros.bag_player BAG [--rounds 3] [--record played.json] [--ros-args -r /image:=/camera]``

All stamps are moved by one constant, and by one more period with each round; both are written to ``--record``.
"""

import importlib
import json
import sys
import threading
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import rclpy
import tyro
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from hand_object_pose.errors import UserError
from hand_object_pose.exit_status import exit_status
from hand_object_pose.ros.bag_source import BagMessage, BagSource, begins_with_header, holds_inner_headers
from hand_object_pose.ros.processes import enlarge_shared_memory, init_ros, split_ros_arguments, stop_on_signals
from hand_object_pose.ros.stamps import first_stamp, shift_all_stamps, shift_first_stamp

_LATCHED_TOPICS = ("/tf_static",)
_GLOBAL_TOPICS = ("/tf", "/tf_static", "/clock")
_DEPTH = 10


@dataclass(frozen=True)
class PlayerConfig:
    """What to play.

    Attributes:
        bag: a rosbag2 (MCAP or SQLite), directory or file.
        rounds: how often; 0 until a signal comes.
        exclude: topics that are not played.
        best_effort: publish best effort, as most camera drivers do, instead of reliably.
        relative: publish in the node's namespace: `/image` as `image`. Topics of all, such as `/tf`, stay.
        wait_for: topics of the bag that must have a subscriber before the first message.
        wait_limit: seconds after which playing begins all the same.
        record: JSON file with shift, counts and times of what was published.
    """

    bag: tyro.conf.Positional[Path]
    rounds: int = 1
    exclude: tuple[str, ...] = ("/ground_truth",)
    best_effort: bool = False
    relative: bool = False
    wait_for: tuple[str, ...] = ()
    wait_limit: float = 60.0
    record: Path | None = None


@dataclass
class Played:
    """What was published.

    Attributes:
        shift_ns: added to the stamps of the first round; period_ns: added once more with each further round.
        published: messages by resolved topic.
        stamps_ns, sent_ns: moved stamp, and wall-clock time of publishing, of each message by topic (with headers).
        max_lateness: seconds by which the latest message was late.
        subscribed: whether all of ``wait_for`` had a subscriber.
    """

    shift_ns: int = 0
    period_ns: int = 0
    published: dict[str, int] = field(default_factory=dict)
    stamps_ns: dict[str, list[int]] = field(default_factory=dict)
    sent_ns: dict[str, list[int]] = field(default_factory=dict)
    max_lateness: float = 0.0
    subscribed: bool = True


class BagPlayer:
    """Publishes the messages of a bag from a node."""

    def __init__(self, node: Node, source: BagSource, config: PlayerConfig) -> None:
        self._node = node
        self._source = source
        self._config = config
        self._publishers = {topic: self._publisher(topic, kind) for topic, kind in source.types.items()}
        self._stamped = {kind: begins_with_header(source.store, kind) for kind in source.types.values()}
        self._nested = {kind: holds_inner_headers(source.store, kind) for kind in source.types.values()}
        self.played = Played(period_ns=source.period)

    def wait_for_subscribers(self, stop: threading.Event) -> None:
        """Wait until everybody is there who must be, for the sake of a fair count from the first message on."""
        end = time.monotonic() + self._config.wait_limit
        wanted = [self._publishers[topic] for topic in self._config.wait_for if topic in self._publishers]
        while not all(publisher.get_subscription_count() for publisher in wanted):
            if stop.wait(0.02) or time.monotonic() > end:
                self.played.subscribed = False
                return

    def play(self, stop: threading.Event) -> None:
        """Publish everything in time."""
        steady_start = time.monotonic_ns()
        self.played.shift_ns = time.time_ns() - self._source.start
        for message in self._source.messages(self._config.rounds):
            remaining = (steady_start + message.time - time.monotonic_ns()) / 1e9
            if remaining > 0 and stop.wait(remaining):
                return
            if stop.is_set():
                return
            self.played.max_lateness = max(self.played.max_lateness, -remaining)
            self._publish(message)

    def _publish(self, message: BagMessage) -> None:
        publisher, kind = self._publishers[message.topic], message.message_type
        shift = self.played.shift_ns + message.shift
        data: object = message.data
        if self._nested[kind]:
            data = deserialize_message(message.data, message_class(kind))
            shift_all_stamps(data, shift)
        elif self._stamped[kind]:
            data = shift_first_stamp(message.data, shift)
        sent = time.time_ns()
        publisher.publish(data)
        stamp = first_stamp(message.data) + shift if self._stamped[kind] else None
        self._count(publisher.topic_name, stamp, sent)

    def _count(self, topic: str, stamp: int | None, sent: int) -> None:
        played = self.played
        played.published[topic] = played.published.get(topic, 0) + 1
        played.sent_ns.setdefault(topic, []).append(sent)
        if stamp is not None:
            played.stamps_ns.setdefault(topic, []).append(stamp)

    def _publisher(self, topic: str, kind: str) -> Publisher:
        latched = topic in _LATCHED_TOPICS
        profile = QoSProfile(
            depth=_DEPTH,
            reliability=ReliabilityPolicy.BEST_EFFORT if self._config.best_effort else ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        return self._node.create_publisher(message_class(kind), self._name(topic), profile)

    def _name(self, topic: str) -> str:
        return topic.lstrip("/") if self._config.relative and topic not in _GLOBAL_TOPICS else topic


def message_class(kind: str) -> type:
    """The class of a message type such as ``sensor_msgs/msg/Image``.

    Raises:
        UserError: its package is not installed.
    """
    package, _, name = kind.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError):
        raise UserError(
            f"messages of type {kind} cannot be published: install {package}, or exclude the topic"
        ) from None


def main(arguments: list[str] | None = None) -> int:
    """Play; returns the exit status."""
    own, for_ros = split_ros_arguments(sys.argv[1:] if arguments is None else arguments)
    config = tyro.cli(PlayerConfig, prog="python -m hand_object_pose.ros.bag_player", args=own, description=__doc__)
    return exit_status("bag_player", lambda: _play(config, for_ros))


def _play(config: PlayerConfig, for_ros: list[str]) -> None:
    if config.rounds < 0:
        raise UserError(f"--rounds: expected at least 0, found {config.rounds}")
    stop = stop_on_signals()
    enlarge_shared_memory()
    init_ros(for_ros)
    node = Node("bag_player")
    try:
        with closing(BagSource(config.bag, config.exclude)) as source:
            player = BagPlayer(node, source, config)
            player.wait_for_subscribers(stop)
            player.play(stop)
            for words in source.left_out:
                print(f"bag_player: not played: {words}", file=sys.stderr)
        if config.record is not None:
            config.record.write_text(json.dumps(asdict(player.played)))
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
