"""A camera, a detector and, if asked for, a simulated clock, which publish at a steady rate from a thread."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from hand_object_pose.ros.bag_player import message_class
from hand_object_pose.ros.stamps import shift_first_stamp
from hand_object_pose.synthetic.sample import SceneTruth
from situations.footage import TYPES, Shot, to_and_fro

RATE = 12.0
"""Pictures a second: fewer than the node can work on, also on a busy machine."""
_DETECTION_EVERY = 12


class ToyClock:
    """The time of a simulation or a bag, in nanoseconds; it runs while it is not held."""

    def __init__(self, start: int) -> None:
        self._start, self._since, self._held = start, time.monotonic_ns(), 0

    def now(self) -> int:
        """The time."""
        return self._held or self._start + time.monotonic_ns() - self._since

    def begin_again(self) -> None:
        """Jump back to the start."""
        self._since, self._held = time.monotonic_ns(), 0

    def hold(self) -> None:
        """Stand still."""
        self._held = self.now()

    def go_on(self) -> None:
        """Run on from where it was held."""
        self._start, self._since, self._held = self._held, time.monotonic_ns(), 0


@dataclass(frozen=True)
class Shown:
    """A published picture: its truth, None where nobody is in view, and the steady time in seconds."""

    truth: SceneTruth | None
    time: float


class Camera:
    """Publishes shots, to and fro, with the stamps of its clock.

    Attributes:
        shown: each picture by its stamp (ns).
        clock: None: the wall clock.
        offset: added to the stamps, nanoseconds.
        clock_published: whether `/clock` is published.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publishers: dict[str, Publisher] = {}
        self._clock_publisher = node.create_publisher(Clock, "/clock", 10)
        self._shots: Sequence[Shot] = ()
        self._number = 0
        self._stop = threading.Event()
        self.shown: dict[int, Shown] = {}
        self.clock: ToyClock | None = None
        self.offset = 0
        self.clock_published = False
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def offer(self, best_effort: bool) -> None:
        """Appear as a publisher of that reliability, in the place of an earlier one."""
        self.withdraw()
        reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        self._publishers = {
            topic: self._node.create_publisher(message_class(kind), topic, QoSProfile(depth=5, reliability=reliability))
            for topic, kind in TYPES.items()
        }

    def withdraw(self) -> None:
        """Disappear."""
        publishers, self._publishers = self._publishers, {}
        time.sleep(2 / RATE)
        for publisher in publishers.values():
            self._node.destroy_publisher(publisher)

    def show(self, shots: Sequence[Shot]) -> None:
        """Publish these from now on; an empty sequence: nothing."""
        self._shots, self._number = shots, 0

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._stop.wait(1 / RATE):
            now = self.clock.now() if self.clock else time.time_ns()
            if self.clock_published:
                self._clock_publisher.publish(Clock(clock=Time(sec=now // 10**9, nanosec=now % 10**9)))
            if self._shots and self._publishers:
                self._publish(now + self.offset, with_detections=count % _DETECTION_EVERY == 0)
                count += 1

    def _publish(self, stamp: int, with_detections: bool) -> None:
        shot, publishers = to_and_fro(self._shots, self._number), self._publishers
        self._number += 1
        self.shown[stamp] = Shown(shot.truth, time.monotonic())
        # Detections first: a track then begins with the picture that they belong to.
        for topic in ("detections", "camera_info", "depth/image", "image"):
            if topic != "detections" or with_detections:
                publishers[topic].publish(shift_first_stamp(shot.messages[topic], stamp))
