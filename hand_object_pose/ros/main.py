"""Runs the node: ``python -m hand_object_pose.ros.main --ros-args -p object_id:=mug``."""

import signal
import sys
import threading
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from hand_object_pose.ros.estimator_factory import EstimatorFactory, load_estimator
from hand_object_pose.ros.node import EstimatorNode

_WAKE_PERIOD = 0.2


def main(arguments: list[str] | None = None, estimator_factory: EstimatorFactory = load_estimator) -> int:
    """Spin until a signal or until the node gives up; returns the exit status."""
    stop = threading.Event()
    # Our own handlers: rclpy's shut the context down at once, and nothing could be ended in order any more. A second
    # signal during the shutdown changes nothing.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    node = EstimatorNode(estimator_factory)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        node.autostart()
        while not stop.is_set() and node.exit_code is None:
            executor.spin_once(timeout_sec=_WAKE_PERIOD)
    finally:
        _shut_down(node, executor)
    return node.exit_code or 0


def _shut_down(node: EstimatorNode, executor: Any) -> None:
    node.trigger_shutdown()
    executor.shutdown()
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
