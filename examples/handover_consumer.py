"""Where to take the object: waits until it is held, and publishes an approach pose in the robot's base frame.

    python handover_consumer.py --ros-args -p base_frame:=base_link

The gripper's z axis points at the object, against the surface's normal; `standoff` metres before the free point that is
farthest from the hand. Everything is transformed at the image's stamp, so that a camera on a moving arm is no problem.
"""

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import PointCloud2
from tf2_ros import Buffer, TransformException, TransformListener

from hand_object_pose_msgs.msg import HandObjectEstimate, HandObjectEstimates


class HandoverConsumer(Node):
    """Publishes `approach_pose` for each image in which an object is held and a part of it is free."""

    def __init__(self) -> None:
        super().__init__("handover_consumer")
        self.base = self.declare_parameter("base_frame", "base_link").value
        self.standoff = self.declare_parameter("standoff", 0.1).value
        self.buffer = Buffer()
        self.listener = TransformListener(self.buffer, self)
        self.held = self.cloud = None
        self.create_subscription(HandObjectEstimates, "estimate", self.on_estimate, 10)
        self.create_subscription(PointCloud2, "free_surface", self.on_free_surface, 10)
        self.approach = self.create_publisher(PoseStamped, "approach_pose", 10)

    def on_estimate(self, message: HandObjectEstimates) -> None:
        """Remember for which image the object is held."""
        held = any(pair.valid and pair.grasp_state == HandObjectEstimate.GRASP_HELD for pair in message.estimates)
        self.held = message.header.stamp if held else None
        self.decide()

    def on_free_surface(self, cloud: PointCloud2) -> None:
        """Remember what is free in an image; it comes a little later than the estimate, as a rule."""
        self.cloud = cloud
        self.decide()

    def decide(self) -> None:
        """Choose a point and publish the approach to it, once both messages of an image are there."""
        cloud = self.cloud
        if cloud is None or cloud.width == 0 or self.held != cloud.header.stamp:
            return
        self.cloud = None
        try:
            found = self.buffer.lookup_transform(self.base, cloud.header.frame_id, cloud.header.stamp)
        except TransformException as error:
            self.get_logger().warning(f"no transform to {self.base} at the image's stamp: {error}")
            return
        names, offsets = [field.name for field in cloud.fields], [field.offset for field in cloud.fields]
        layout = {"names": names, "formats": ["<f4"] * len(names), "offsets": offsets, "itemsize": cloud.point_step}
        points = np.frombuffer(cloud.data, np.dtype(layout))
        best = points[np.argmax(points["hand_distance"])]
        normal = np.array([best["normal_x"], best["normal_y"], best["normal_z"]], float)
        place = np.array([best["x"], best["y"], best["z"]], float) + self.standoff * normal
        move, turn = found.transform.translation, found.transform.rotation
        rotation = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w])
        pose = PoseStamped()
        pose.header.stamp, pose.header.frame_id = cloud.header.stamp, self.base
        position = rotation.apply(place) + np.array([move.x, move.y, move.z])
        pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = map(float, position)
        # The smallest turn that brings the gripper's z axis against the normal.
        facing, _ = Rotation.align_vectors([-rotation.apply(normal)], [[0.0, 0.0, 1.0]])
        to = pose.pose.orientation
        to.x, to.y, to.z, to.w = map(float, facing.as_quat())
        self.approach.publish(pose)


def main() -> None:
    """Spin."""
    rclpy.init()
    rclpy.spin(HandoverConsumer())


if __name__ == "__main__":
    main()
