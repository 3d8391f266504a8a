"""Whether transforms connect the camera's frame with the robot's: by their names alone, their values do not matter."""

from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from tf2_msgs.msg import TFMessage

_DEPTH = 100
# A listener that asks for no more than this is compatible with every publisher.
_MOVING = QoSProfile(depth=_DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT)
_STATIC = QoSProfile(depth=_DEPTH, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class FrameTree:
    """Which frames are connected, by the transforms that were ever heard of."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def add(self, parent: str, child: str) -> None:
        """There is a transform between these two; a newer parent replaces the older one."""
        self._parents[child] = parent

    def names(self, frame: str) -> bool:
        """Whether any transform begins or ends there."""
        return frame in self._parents or frame in self._parents.values()

    def connects(self, first: str, second: str) -> bool:
        """Whether transforms lead from one frame to the other, in whatever direction."""
        return self._root(first) == self._root(second)

    def _root(self, frame: str) -> str:
        passed = set()
        while frame in self._parents and frame not in passed:
            passed.add(frame)
            frame = self._parents[frame]
        return frame


class BaseFrame:
    """Listens to transforms until they connect the camera with the robot's base; ``look`` is to be called at intervals.

    Then it listens no more: a robot may publish hundreds of transforms a second.
    """

    def __init__(self, node: Node, base: str) -> None:
        self._node, self._base = node, base.lstrip("/")
        self._tree = FrameTree()
        self._listening: list[Subscription] = []
        self._listen()

    def look(self, camera: str) -> str:
        """What is wrong, in words, for images of the frame ``camera`` (empty: none has come yet); empty if nothing."""
        camera = camera.lstrip("/")
        if not camera:
            return ""
        if self._tree.connects(camera, self._base):
            self.rest()
            return ""
        if not self._listening:
            self._listen()
        unknown = "" if self._tree.names(self._base) else f" (no transform names '{self._base}')"
        return (
            f"no transform from the camera ('{camera}') to base_frame ('{self._base}'): is the hand-eye calibration "
            f"published?{unknown}"
        )

    def rest(self) -> None:
        """Unsubscribe."""
        for subscription in self._listening:
            self._node.destroy_subscription(subscription)
        self._listening = []

    def _listen(self) -> None:
        for topic, profile in (("/tf", _MOVING), ("/tf_static", _STATIC)):
            self._listening.append(self._node.create_subscription(TFMessage, topic, self._heard, profile))

    def _heard(self, message: Any) -> None:
        for transform in message.transforms:
            self._tree.add(transform.header.frame_id.lstrip("/"), transform.child_frame_id.lstrip("/"))
