"""Everything that is published for an image, and the latched topics."""

from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseWithCovarianceStamped, TransformStamped
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.ros.clouds import free_surface_message, free_surface_settings, hand_points_message
from hand_object_pose.ros.markers import markers_message
from hand_object_pose.ros.motion_publishers import MotionPublishers
from hand_object_pose.ros.objects import objects_message
from hand_object_pose.ros.overlay import debug_image_message
from hand_object_pose.ros.pairing import Bundle
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.ros.pipeline import Estimated
from hand_object_pose.ros.results import (
    estimate_message,
    frame_message,
    hand_topology_message,
    object_info_message,
    object_pose_message,
    time_message,
    transform_message,
)
from hand_object_pose_msgs.msg import HandObjectEstimates, HandTopology, ObjectInfo

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_DEPTH = 10


@dataclass(frozen=True)
class Moment:
    """What a message of an image says beside the estimate: times in nanoseconds of the node's clock."""

    published: int
    last_valid: int


class Publishers:
    """Created when the node is configured; silent until it is active."""

    def __init__(self, node: LifecycleNode, weights: WeightsInfo, mesh_uris: dict[str, str]) -> None:
        self._weights = weights
        self._mesh_uris = mesh_uris
        self._node = node
        self._topology_of = ""
        self._info_of: tuple[str, str] | None = None
        self._message = HandObjectEstimates()
        self._last_valid: dict[int, Time] = {}
        create = node.create_lifecycle_publisher
        self.estimate = create(HandObjectEstimates, "estimate", _DEPTH)
        self.object_pose = create(PoseWithCovarianceStamped, "object_pose", _DEPTH)
        self.transform = create(TFMessage, "/tf", QoSProfile(depth=100))
        self.markers = create(MarkerArray, "markers", 1)
        self.debug_image = create(Image, "debug_image", 1)
        self.objects = create(Detection3DArray, "objects", _DEPTH)
        self.hand_points = create(PointCloud2, "hand_points", _DEPTH)
        self.free_surface = create(PointCloud2, "free_surface", _DEPTH)
        self.motion = MotionPublishers(node)
        self.hand_topology = create(HandTopology, "hand_topology", LATCHED)
        self.object_info = create(ObjectInfo, "object_info", LATCHED)

    def destroy(self) -> None:
        """Remove all publishers."""
        self.motion.destroy()
        for publisher in (
            self.estimate,
            self.object_pose,
            self.transform,
            self.markers,
            self.debug_image,
            self.objects,
            self.hand_points,
            self.free_surface,
            self.hand_topology,
            self.object_info,
        ):
            self._node.destroy_lifecycle_publisher(publisher)

    def latched(self, settings: Settings, now: int) -> None:
        """Publish what rarely changes: the hand's part with its side, the object's with it or its frame's name."""
        side = settings.text("hand_side")
        if side != self._topology_of:
            self._topology_of = side
            self.hand_topology.publish(hand_topology_message(self._weights.hand, side, time_message(now)))
        self._publish_object_info(settings.text("object_id"), settings.text("tf_prefix"), now)

    def per_frame(self, bundle: Bundle, estimated: Estimated, moment: Moment, settings: Settings) -> None:
        """Publish what machines read of one image."""
        self._message = self._estimates(bundle, estimated, moment, settings)
        self.estimate.publish(self._message)
        self._publish_poses(self._message, settings)
        self._publish_geometry(self._message.header, estimated.result.pairs, settings)
        self.motion.publish(bundle.image.header, estimated.result.pairs, settings, moment.published)

    def for_people(self, estimated: Estimated, settings: Settings) -> None:
        """Publish what people look at, of the image that ``per_frame`` was given last."""
        message = self._message
        if settings.flag("publish.markers") and self.markers.get_subscription_count():
            self.markers.publish(markers_message(message, self._weights.hand, self._mesh_uris))
        wanted = settings.flag("publish.debug_image") and self.debug_image.get_subscription_count()
        if wanted and estimated.frame is not None:
            self.debug_image.publish(
                debug_image_message(message.header, estimated.frame, estimated.result, self._weights)
            )

    def _estimates(self, bundle: Bundle, estimated: Estimated, moment: Moment, settings: Settings) -> Any:
        pairs = [
            estimate_message(pair, self._weights, settings.number("contact.distance"), moment.last_valid)
            for pair in estimated.result.pairs
        ]
        message = frame_message(bundle.image.header, pairs, estimated.result.timing, self._weights)
        for pair in message.estimates:
            # A failure is of no track: there the newest valid estimate of all stands.
            if pair.valid:
                pair.last_valid = message.header.stamp
            elif pair.track_id:
                pair.last_valid = self._last_valid.get(pair.track_id, Time())
            if not pair.valid and estimated.problem is not None:
                pair.reason = pair.reason or estimated.problem.reason
        of_tracks = {pair.track_id: pair.last_valid for pair in message.estimates if pair.track_id}
        self._last_valid = of_tracks or self._last_valid
        message.received = time_message(bundle.received)
        message.sequence = bundle.sequence
        message.published = time_message(moment.published)
        return message

    def _publish_poses(self, message: HandObjectEstimates, settings: Settings) -> None:
        seen: set[str] = set()
        transforms = []
        for number, pair in enumerate(message.estimates):
            if not (pair.valid and pair.object.valid):
                continue
            object_id = pair.object.object_id
            child = settings.text("tf_prefix") + object_id + (f"_{pair.track_id}" if object_id in seen else "")
            seen.add(object_id)
            # Who reads a topic of single poses follows one object: several would look like one that jumps.
            if number == 0:
                self.object_pose.publish(object_pose_message(message.header, pair.object))
            if settings.text("tf_pose") == "raw":
                transforms.append(transform_message(message.header, pair.object.pose.pose, child))
            elif pair.object.filtered_valid:
                transforms.append(transform_message(message.header, pair.object.filtered_pose.pose, child))
            self._publish_object_info(object_id, settings.text("tf_prefix"), 0)
        if settings.flag("publish.wrist_tf"):
            transforms.extend(_wrist_transforms(message, settings.text("tf_prefix")))
        if transforms and settings.flag("publish.tf"):
            self.transform.publish(TFMessage(transforms=transforms))

    def _publish_geometry(self, header: Header, pairs: list[HandObjectEstimate], settings: Settings) -> None:
        """What planners read: also of an image without anything valid, then empty."""
        objects = self._weights.objects
        self.objects.publish(objects_message(header, pairs, objects))
        if settings.flag("publish.hand_points") and self.hand_points.get_subscription_count():
            self.hand_points.publish(hand_points_message(header, pairs))
        if settings.flag("publish.free_surface") and self.free_surface.get_subscription_count():
            self.free_surface.publish(free_surface_message(header, pairs, objects, free_surface_settings(settings)))

    def _publish_object_info(self, object_id: str, prefix: str, now: int) -> None:
        if self._info_of == (object_id, prefix) or object_id not in self._weights.objects:
            self._info_of = self._info_of or ("", prefix)
            return
        self._info_of = (object_id, prefix)
        stamp = time_message(now or self._node.get_clock().now().nanoseconds)
        model, known = self._weights.objects[object_id], sorted(self._weights.objects)
        uri = self._mesh_uris.get(object_id, "")
        self.object_info.publish(object_info_message(model, uri, prefix + object_id, known, stamp))


def _wrist_transforms(message: HandObjectEstimates, prefix: str) -> list[TransformStamped]:
    """From the second hand on, its track's number is in the name of its frame."""
    pairs = [pair for pair in message.estimates if pair.valid and pair.hand.wrist_pose_valid]
    names = [f"{prefix}wrist" + (f"_{pair.track_id}" if number else "") for number, pair in enumerate(pairs)]
    return [
        transform_message(message.header, pair.hand.wrist_pose, name) for pair, name in zip(pairs, names, strict=True)
    ]
