"""What the filters over time give, on topics of its own: raw and filtered are never mixed."""

from collections.abc import Sequence

from geometry_msgs.msg import PoseWithCovarianceStamped, TwistWithCovarianceStamped
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from hand_object_pose.bags.message_values import nanoseconds
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.estimation.smoothing.motion import Motion
from hand_object_pose.ros.clouds import cloud_message
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.ros.results import motion_pose_message, time_message, twist_message

_DEPTH = 10


class MotionPublishers:
    """Created when the node is configured; silent until it is active."""

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        create = node.create_lifecycle_publisher
        self.pose = create(PoseWithCovarianceStamped, "object_pose/filtered", _DEPTH)
        self.twist = create(TwistWithCovarianceStamped, "object_twist", _DEPTH)
        self.predicted = create(PoseWithCovarianceStamped, "object_pose/predicted", _DEPTH)
        self.joints = create(PointCloud2, "hand_joints/filtered", _DEPTH)

    def destroy(self) -> None:
        """Remove all publishers."""
        for publisher in (self.pose, self.twist, self.predicted, self.joints):
            self._node.destroy_lifecycle_publisher(publisher)

    def publish(self, header: Header, pairs: Sequence[HandObjectEstimate], settings: Settings, now: int) -> None:
        """Publish the first pair's filtered estimates, if it is valid: these topics are of one hand and one object.

        Args:
            header: of the image.
            pairs: estimated from it, that of the oldest track first.
            settings: say whether to predict.
            now: the node's clock, nanoseconds: the time to predict.
        """
        for pair in (pair for pair in pairs[:1] if pair.valid):
            if pair.hand is not None and pair.hand.filtered is not None:
                self.joints.publish(cloud_message(header, ("x", "y", "z"), pair.hand.filtered.joints))
            if pair.object is not None and pair.object.valid and pair.object.filtered is not None:
                self._publish_motion(header, pair.object.filtered, settings, now)

    def _publish_motion(self, header: Header, motion: Motion, settings: Settings, now: int) -> None:
        self.pose.publish(PoseWithCovarianceStamped(header=header, pose=motion_pose_message(motion)))
        self.twist.publish(TwistWithCovarianceStamped(header=header, twist=twist_message(motion)))
        if settings.text("prediction.mode") == "twist":
            self.predicted.publish(predicted_message(header, motion, now, settings.number("prediction.longest")))


def predicted_message(header: Header, motion: Motion, now: int, longest: float) -> PoseWithCovarianceStamped:
    """A pose of the future, stamped with the time that it is predicted for.

    Args:
        header: of the image; motion: at its stamp.
        now: nanoseconds; a time before the image's is taken for the image's.
        longest: seconds after the image beyond which nothing is predicted.
    """
    stamp = nanoseconds(header.stamp)
    ahead = min(max(now - stamp, 0), round(longest * 1e9))
    at = Header(stamp=time_message(stamp + ahead), frame_id=header.frame_id)
    return PoseWithCovarianceStamped(header=at, pose=motion_pose_message(motion.after(ahead / 1e9)))
