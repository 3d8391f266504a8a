"""The examples against the real node, with stand-ins for the packages that ROS's wheels lack: tf2_ros and moveit_msgs.

The stand-in for tf2_ros answers with one known transform, at one known stamp. What the real ones do with clocks and
buffers, and what MoveIt does with a planning scene, is not tested here.
"""

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

from geometry_msgs.msg import PoseStamped, TransformStamped
from ros_support import FRAME_ID, RECEIVED, pose_matrix_of
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.grasp_state import GraspState

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TURN, SHIFT = Rotation.from_rotvec([0.3, 1.2, -0.5]), np.array([0.4, -0.1, 0.9])


class TransformException(Exception):  # noqa: N818 - tf2_ros calls it so
    pass


class Buffer:
    """Knows where the camera is, but not before ``since`` (ns)."""

    since = 0
    refused = 0

    def lookup_transform(self, target, source, stamp):
        if stamp.sec * 10**9 + stamp.nanosec < self.since:
            Buffer.refused += 1
            raise TransformException("too far in the past")
        assert (target, source) == ("base_link", FRAME_ID)
        found = TransformStamped()
        move, turn = found.transform.translation, found.transform.rotation
        move.x, move.y, move.z = SHIFT.tolist()
        turn.x, turn.y, turn.z, turn.w = TURN.as_quat().tolist()
        return found


class MoveItMessage(SimpleNamespace):
    """Holds whatever it is given."""

    ADD, REMOVE = b"\x00", b"\x01"


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    tf2_ros, moveit_msgs, messages = ModuleType("tf2_ros"), ModuleType("moveit_msgs"), ModuleType("moveit_msgs.msg")
    tf2_ros.Buffer, tf2_ros.TransformException = Buffer, TransformException
    tf2_ros.TransformListener = lambda buffer, node: None
    for name in ("AttachedCollisionObject", "CollisionObject", "PlanningScene"):
        setattr(messages, name, MoveItMessage)
    for module in (tf2_ros, moveit_msgs, messages):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Buffer, "since", 0)
    monkeypatch.setattr(Buffer, "refused", 0)


@pytest.fixture
def harness(harness):
    """The node to which examples listen."""
    return harness(topics=tuple(RECEIVED))


@pytest.fixture
def consumer(harness):
    """The example beside the node, and the poses that it publishes."""
    node = runpy.run_path(str(EXAMPLES / "handover_consumer.py"))["HandoverConsumer"]()
    harness.executor.add_node(node)
    poses = []
    harness.client.create_subscription(PoseStamped, "approach_pose", poses.append, 10)
    harness.connect()
    outputs = harness.node._outputs
    harness.until(
        lambda: (
            node.approach.get_subscription_count()
            and min(outputs.free_surface.get_subscription_count(), outputs.estimate.get_subscription_count()) == 2
        ),
        "the consumer's subscriptions",
    )
    yield poses
    harness.executor.remove_node(node)
    node.destroy_node()


def surface(cloud):
    return np.frombuffer(bytes(cloud.data), "<f4").reshape(cloud.width, -1).astype(float)


def test_the_consumer_approaches_the_free_point_farthest_from_the_hand(harness, consumer):
    message = harness.expect_good()
    pose = harness.until(lambda: consumer, "an approach pose")[0]
    assert (pose.header.stamp, pose.header.frame_id) == (message.header.stamp, "base_link")
    cloud = harness.until(lambda: harness.received["free_surface"], "the free surface")[0]
    rows = surface(cloud)
    best = rows[rows[:, 6].argmax()]
    point, normal = TURN.apply(best[:3]) + SHIFT, TURN.apply(best[3:6])
    approach = pose_matrix_of(pose.pose)
    np.testing.assert_allclose(approach[:3, 2], -normal, atol=1e-6)
    np.testing.assert_allclose(approach[:3, 3] + 0.1 * approach[:3, 2], point, atol=1e-6)


def test_the_consumer_is_silent_without_a_transform_and_while_nothing_is_held(harness, consumer, monkeypatch):
    monkeypatch.setattr(Buffer, "since", harness.client.get_clock().now().nanoseconds + 10**12)
    harness.expect_good()
    harness.until(lambda: Buffer.refused, "a transform that is not there")
    monkeypatch.setattr(Buffer, "since", 0)
    harness.estimators[0].grasp = GraspState.TOUCHING
    harness.expect_good()
    harness.until(lambda: len(harness.received["free_surface"]) == 2, "another free surface")
    harness.estimators[0].grasp = GraspState.HELD
    last = harness.expect_good()
    harness.until(lambda: consumer, "an approach pose")
    assert [pose.header.stamp for pose in consumer] == [last.header.stamp]


def test_the_planning_scene_holds_every_vertex_of_the_hand(harness):
    updater = runpy.run_path(str(EXAMPLES / "moveit_planning_scene.py"))["PlanningSceneUpdater"]
    message = harness.connect().expect_good()
    pair = message.estimates[0]
    found = updater.hand(SimpleNamespace(padding=0.01), message.header, pair)
    assert (found.id, found.operation, found.header) == ("human_hand", MoveItMessage.ADD, message.header)
    assert len(found.primitives) == len(found.primitive_poses) == 60
    vertices = np.array(pair.hand.vertices).reshape(-1, 3)
    inside = np.zeros(len(vertices), bool)
    for shape, pose in zip(found.primitives, found.primitive_poses, strict=True):
        placed = pose_matrix_of(pose)
        local = (vertices - placed[:3, 3]) @ placed[:3, :3]
        if shape.type == shape.SPHERE:
            inside |= np.linalg.norm(local, axis=1) < shape.dimensions[0]
        else:
            height, radius = shape.dimensions
            inside |= (np.abs(local[:, 2]) <= height / 2) & (np.linalg.norm(local[:, :2], axis=1) < radius)
    assert inside.all()
    pair.valid = False
    assert updater.hand(SimpleNamespace(padding=0.01), message.header, pair).operation == MoveItMessage.REMOVE
