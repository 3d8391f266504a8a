"""Runs the node; ``hand_object_pose.ros.start`` is its executable, which decides about threads first."""

import sys

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor

from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.exit_status import exit_status
from hand_object_pose.ros.estimator_factory import EstimatorFactory, load_estimator
from hand_object_pose.ros.node import EstimatorNode
from hand_object_pose.ros.processes import init_ros, stop_on_signals

_WAKE_PERIOD = 0.2
_SWITCH_INTERVAL = 0.0005
"""Seconds that one thread may keep the interpreter while another waits. Python's 5 ms are a seventh of a frame."""


def main(arguments: list[str] | None = None, estimator_factory: EstimatorFactory = load_estimator) -> int:
    """Spin until a signal or until the node gives up; returns the exit status."""
    return exit_status("hand_object_pose_estimator", lambda: _run(arguments, estimator_factory))


def _run(arguments: list[str] | None, estimator_factory: EstimatorFactory) -> int:
    sys.setswitchinterval(_SWITCH_INTERVAL)
    stop = stop_on_signals()
    node = _started_node(arguments, estimator_factory)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        node.autostart()
        while not stop.is_set() and node.exit_code is None:
            executor.spin_once(timeout_sec=_WAKE_PERIOD)
    finally:
        node.trigger_shutdown()
        # A request may still be worked on; its thread ends with the process.
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown()
    return node.exit_code or 0


def _started_node(arguments: list[str] | None, estimator_factory: EstimatorFactory) -> EstimatorNode:
    """The node, with the parameters that it was given.

    Raises:
        UserError: ROS does not understand the arguments, or a parameter has another type or an impossible value.
    """
    try:
        init_ros(arguments)
        return EstimatorNode(estimator_factory)
    except ParameterException as error:
        rclpy.try_shutdown()
        hint = "; a double is written with a point, such as 1.0" if "type 'DOUBLE'" in str(error) else ""
        raise UserError(in_one_line(error) + hint) from error
    except RuntimeError as error:
        rclpy.try_shutdown()
        raise UserError(f"ROS does not accept the arguments: {in_one_line(error)}") from error


if __name__ == "__main__":
    sys.exit(main())
