"""The node's subscriptions, whose quality of service follows the publishers."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from vision_msgs.msg import Detection2DArray

from hand_object_pose.estimation.root_depth_modes import USING_DEPTH_IMAGES
from hand_object_pose.ros.base_frame import BaseFrame
from hand_object_pose.ros.frames import TopicNames
from hand_object_pose.ros.intake import Intake
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.ros.qos_events import SubscriptionEventCallbacks
from hand_object_pose.ros.status import TopicFacts
from hand_object_pose_msgs.msg import HandObjectEstimates

_RELIABILITY = {"reliable": ReliabilityPolicy.RELIABLE, "best_effort": ReliabilityPolicy.BEST_EFFORT}
_DETECTIONS_DEPTH = 5


class AdaptiveSubscription:
    """A subscription that asks for what all its publishers offer; ``check`` is to be called at intervals."""

    def __init__(
        self, node: Node, message_type: type, topic: str, callback: Callable[[Any], None], depth: int, reliability: str
    ) -> None:
        self.topic = topic
        self._node = node
        self._type = message_type
        self._callback = callback
        self._depth = depth
        self._wanted = reliability
        self.incompatible = False
        self._current = ReliabilityPolicy.SYSTEM_DEFAULT
        self._subscription: Subscription | None = None
        self.check()

    def check(self) -> None:
        """Subscribe anew if the publishers offer something else now."""
        reliability = self._reliability()
        if reliability != self._current:
            self.destroy()
            self._current, self.incompatible = reliability, False
            self._subscription = self._create(reliability)

    def destroy(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def facts(self) -> TopicFacts:
        """What the graph knows about the topic."""
        name = _type_name(self._type)
        types = [info.topic_type for info in self._node.get_publishers_info_by_topic(self.topic)]
        others = tuple(sorted({other for other in types if other != name}))
        return TopicFacts(self.topic, name, types.count(name), others, self.incompatible)

    def _reliability(self) -> ReliabilityPolicy:
        if self._wanted != "auto":
            return _RELIABILITY[self._wanted]
        name = _type_name(self._type)
        offered = [
            info.qos_profile.reliability
            for info in self._node.get_publishers_info_by_topic(self.topic)
            if info.topic_type == name
        ]
        return _RELIABILITY["best_effort" if ReliabilityPolicy.BEST_EFFORT in offered else "reliable"]

    def _create(self, reliability: ReliabilityPolicy) -> Subscription:
        profile = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=self._depth, reliability=reliability)
        events = SubscriptionEventCallbacks(incompatible_qos=self._refused, use_default_callbacks=False)
        return self._node.create_subscription(self._type, self.topic, self._callback, profile, event_callbacks=events)

    def _refused(self, event: Any) -> None:
        self.incompatible = True


class Subscriptions:
    """All subscriptions of an active node."""

    def __init__(self, node: Node, settings: Settings, topics: TopicNames, intake: Intake) -> None:
        reliability, depth = settings.text("reliability"), int(settings.number("queue_depth"))
        image_type = Image if settings.text("image_transport") == "raw" else CompressedImage
        self.image = AdaptiveSubscription(node, image_type, topics.image, intake.image, depth, reliability)
        # As deep as the images: of a deeper queue older infos would be taken than of images, after a delay each image
        # would find the infos of earlier ones, and so it would go on until there is a pause.
        self.camera_info = AdaptiveSubscription(
            node, CameraInfo, topics.camera_info, intake.camera_info, depth, reliability
        )
        self._all = [self.image, self.camera_info]
        self.depth: AdaptiveSubscription | None = None
        if settings.text("root_depth.mode") in (*USING_DEPTH_IMAGES, "ground_truth"):
            kind = _depth_type(settings)
            self.depth = AdaptiveSubscription(node, kind, topics.depth, intake.depth, depth, reliability)
            self._all.append(self.depth)
        detections = AdaptiveSubscription(
            node, Detection2DArray, topics.detections, intake.detections.put, _DETECTIONS_DEPTH, "auto"
        )
        self._all.append(detections)
        base = settings.text("base_frame")
        self._base = BaseFrame(node, base) if base else None

    def facts(self) -> list[TopicFacts]:
        """What the graph knows about each topic, that of the image first."""
        return [subscription.facts() for subscription in self._all]

    def missing_transform(self, camera_frame: str) -> str:
        """Whether transforms connect images of that frame with ``base_frame``; empty if so, or if nobody asks."""
        return self._base.look(camera_frame) if self._base else ""

    def check(self, only_refused: bool = False) -> None:
        """Follow what the publishers offer; ``only_refused``: only where the middleware has refused one."""
        for subscription in self._all:
            if subscription.incompatible or not only_refused:
                subscription.check()

    def destroy(self) -> None:
        """Unsubscribe from everything."""
        for subscription in self._all:
            subscription.destroy()
        if self._base is not None:
            self._base.rest()


def _depth_type(settings: Settings) -> type:
    if settings.text("root_depth.mode") == "ground_truth":
        return HandObjectEstimates
    return Image if settings.text("depth_transport") == "raw" else CompressedImage


def _type_name(message_type: type) -> str:
    package, _, _ = message_type.__module__.partition(".")
    return f"{package}/msg/{message_type.__name__}"
