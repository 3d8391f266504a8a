"""Arrays and numbers of common messages, as rosbags and rclpy give them. Needs no ROS."""

from typing import Any

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.se3 import pose_matrix, quaternion_xyzw_to_wxyz, rotation_from_wxyz

# Of HandEstimate.
SIDE_RIGHT, SIDE_LEFT = 1, 2


def object_pose(message: Any) -> FloatArray:
    """(4, 4) of a geometry_msgs/Pose."""
    return _pose(message.position, message.orientation)


def transform_pose(message: Any) -> FloatArray:
    """(4, 4) of a geometry_msgs/Transform."""
    return _pose(message.translation, message.rotation)


def _pose(position: Any, turn: Any) -> FloatArray:
    quaternion = quaternion_xyzw_to_wxyz(np.array([turn.x, turn.y, turn.z, turn.w]))
    return pose_matrix(rotation_from_wxyz(quaternion), np.array([position.x, position.y, position.z]))


def hand_side(message: Any) -> str:
    """Of a hand_object_pose_msgs/HandEstimate: "right" or "left"; where it is not known, "right"."""
    return "left" if message.side == SIDE_LEFT else "right"


def nanoseconds(time: Any) -> int:
    """Of a builtin_interfaces/Time."""
    return int(time.sec) * 10**9 + int(time.nanosec)


def points(messages: Any) -> FloatArray:
    """(N, 3) of a list of geometry_msgs/Point."""
    return np.array([[point.x, point.y, point.z] for point in messages], dtype=float).reshape(-1, 3)
