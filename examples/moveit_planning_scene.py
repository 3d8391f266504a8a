"""Hand and object in MoveIt's planning scene. Not run here against MoveIt: ROS's wheels on PyPI lack moveit_msgs.

    python moveit_planning_scene.py --ros-args -p gripper_link:=panda_hand

The hand becomes twenty padded capsules, each a cylinder with a ball at either end; the object is the mesh of
`object_info`. Both follow the estimates. Once the gripper has the object, `~/attach` (SetBool) attaches it to the
gripper, and the estimates leave it alone until it is called with false. What is not seen any more leaves the scene.
"""

import numpy as np
import rclpy
from geometry_msgs.msg import Point, Pose, Quaternion
from moveit_msgs.msg import AttachedCollisionObject, CollisionObject, PlanningScene
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from scipy.spatial.transform import Rotation
from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Header
from std_srvs.srv import SetBool

from hand_object_pose.estimation.hand_capsules import Capsules, hand_capsules
from hand_object_pose_msgs.msg import HandObjectEstimate, HandObjectEstimates, ObjectInfo

HAND, OBJECT = "human_hand", "held_object"


class PlanningSceneUpdater(Node):
    """Publishes differences on `planning_scene`."""

    def __init__(self) -> None:
        super().__init__("hand_object_planning_scene")
        self.padding = self.declare_parameter("padding", 0.01).value
        self.gripper_link = self.declare_parameter("gripper_link", "panda_hand").value
        self.mesh, self.attached = None, False
        self.scene = self.create_publisher(PlanningScene, "planning_scene", 1)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(ObjectInfo, "object_info", self.on_info, latched)
        self.create_subscription(HandObjectEstimates, "estimate", self.on_estimate, 1)
        self.create_service(SetBool, "~/attach", self.on_attach)

    def on_info(self, message: ObjectInfo) -> None:
        """The object's shape."""
        self.mesh = message.mesh

    def on_estimate(self, message: HandObjectEstimates) -> None:
        """Hand and object where they are now."""
        scene = PlanningScene(is_diff=True)
        pair = next((pair for pair in message.estimates if pair.valid), HandObjectEstimate())
        scene.world.collision_objects.append(self.hand(message.header, pair))
        if not self.attached:
            scene.world.collision_objects.append(self.object(message.header, pair))
        scene.robot_state.is_diff = True
        self.scene.publish(scene)

    def on_attach(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Attach the object to the gripper, or put it back into the world."""
        self.attached = request.data
        operation = CollisionObject.ADD if request.data else CollisionObject.REMOVE
        attached = AttachedCollisionObject(link_name=self.gripper_link, object=CollisionObject(id=OBJECT))
        attached.object.operation = operation
        attached.touch_links = [self.gripper_link]
        scene = PlanningScene(is_diff=True)
        scene.robot_state.is_diff = True
        scene.robot_state.attached_collision_objects.append(attached)
        self.scene.publish(scene)
        response.success = True
        return response

    def hand(self, header: Header, pair: HandObjectEstimate) -> CollisionObject:
        """The hand as capsules; removed where there is none."""
        found = CollisionObject(header=header, id=HAND, operation=CollisionObject.REMOVE)
        if pair.valid and pair.hand.valid:
            joints = np.array([[joint.x, joint.y, joint.z] for joint in pair.hand.joints])
            capsules = hand_capsules(np.reshape(pair.hand.vertices, (-1, 3)).astype(float), joints, self.padding)
            found.primitives, found.primitive_poses = primitives_of(capsules)
            found.operation = CollisionObject.ADD
        return found

    def object(self, header: Header, pair: HandObjectEstimate) -> CollisionObject:
        """The object's mesh; removed where there is none."""
        found = CollisionObject(header=header, id=OBJECT, operation=CollisionObject.REMOVE)
        if pair.valid and pair.object.valid and self.mesh is not None:
            found.meshes, found.mesh_poses = [self.mesh], [pair.object.pose.pose]
            found.operation = CollisionObject.ADD
        return found


def primitives_of(capsules: Capsules) -> tuple[list[SolidPrimitive], list[Pose]]:
    """A ball at either end of each capsule and a cylinder between them, with their poses."""
    shapes, poses = [], []
    for start, end, radius in zip(capsules.starts, capsules.ends, capsules.radii.tolist(), strict=True):
        length = float(np.linalg.norm(end - start))
        for place in (start, end):
            shapes.append(SolidPrimitive(type=SolidPrimitive.SPHERE, dimensions=[radius]))
            poses.append(pose_at(place, Rotation.identity()))
        if length > 0:
            # A cylinder's axis is z.
            along, _ = Rotation.align_vectors([(end - start) / length], [[0.0, 0.0, 1.0]])
            shapes.append(SolidPrimitive(type=SolidPrimitive.CYLINDER, dimensions=[length, radius]))
            poses.append(pose_at((start + end) / 2, along))
    return shapes, poses


def pose_at(place: np.ndarray, turn: Rotation) -> Pose:
    """A pose."""
    x, y, z, w = map(float, turn.as_quat())
    position = Point(x=float(place[0]), y=float(place[1]), z=float(place[2]))
    return Pose(position=position, orientation=Quaternion(x=x, y=y, z=z, w=w))


def main() -> None:
    """Spin."""
    rclpy.init()
    rclpy.spin(PlanningSceneUpdater())


if __name__ == "__main__":
    main()
