"""Waits until the node is active and has a listener, or says why it is not.

``python -m hand_object_pose.ros.await_node [--limit 60] [--ros-args ...]``
"""

import sys
import time
from dataclasses import dataclass

import rclpy
import tyro
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from hand_object_pose.ros.processes import init_ros, split_ros_arguments, stop_on_signals
from hand_object_pose.ros.publishers import LATCHED
from hand_object_pose_msgs.msg import Status

# A status may be published between the steps of a transition; only what lasts is a reason to give up.
_PATIENCE = 3.0


@dataclass(frozen=True)
class AwaitConfig:
    """How long to wait.

    Attributes:
        limit: seconds.
        listeners: how many must listen to `estimate`.
    """

    limit: float = 60.0
    listeners: int = 1


class Readiness:
    """What is known of the node."""

    def __init__(self, node: Node, listeners: int) -> None:
        self._node = node
        self._listeners = listeners
        self.status: Status | None = None
        node.create_subscription(Status, "status", self._heard, LATCHED)

    def _heard(self, status: Status) -> None:
        self.status = status

    @property
    def ready(self) -> bool:
        """Whether images may come."""
        heard = self._node.count_subscribers("estimate") >= self._listeners
        return self.status is not None and self.status.enabled and not self.broken and heard

    @property
    def broken(self) -> bool:
        """Whether waiting is of no use. A reason that names a topic goes away when that topic comes."""
        status = self.status
        if status is None:
            return False
        without_topic = status.enabled and bool(status.reason) and not status.topic
        return status.state == Status.ERROR or without_topic

    @property
    def reason(self) -> str:
        """What it waits for, in words."""
        if self.status is None:
            return "no status was heard from the node"
        return self.status.reason or "nobody listens to the topic estimate"


def wait(readiness: Readiness, spin: SingleThreadedExecutor, limit: float, cancelled: object) -> bool:
    """Spin until the node is ready; False if it is broken for some seconds, or the limit has passed."""
    end, broken_since = time.monotonic() + limit, None
    while time.monotonic() < end and not cancelled.is_set():  # type: ignore[attr-defined]
        spin.spin_once(timeout_sec=0.1)
        if readiness.ready:
            return True
        broken_since = (broken_since or time.monotonic()) if readiness.broken else None
        if broken_since is not None and time.monotonic() - broken_since > _PATIENCE:
            return False
    return False


def main(arguments: list[str] | None = None) -> int:
    """Wait; returns the exit status: 0 ready, 1 not."""
    own, for_ros = split_ros_arguments(sys.argv[1:] if arguments is None else arguments)
    config = tyro.cli(AwaitConfig, args=own, description=__doc__)
    stop = stop_on_signals()
    init_ros(for_ros)
    node, executor = Node("await_estimator"), SingleThreadedExecutor()
    executor.add_node(node)
    readiness = Readiness(node, config.listeners)
    try:
        ready = wait(readiness, executor, config.limit, stop)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    print("the node is active" if ready else f"the node is not ready: {readiness.reason}", flush=True)
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main())
