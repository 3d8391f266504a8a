"""A node with an estimator that answers at once, and a client that talks to it over DDS."""

import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Pose, PoseWithCovarianceStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2DArray, Detection3DArray
from visualization_msgs.msg import MarkerArray

from hand_object_pose.errors import UnknownObjectError
from hand_object_pose.estimation.backend import LixelGeometry, WeightsInfo
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.grasp_state import GraspState
from hand_object_pose.estimation.result import Box, Contacts, FrameResult, HandEstimate, HandObjectEstimate
from hand_object_pose.estimation.result import ObjectEstimate as ObjectPose
from hand_object_pose.estimation.wrist_pose import wrist_pose
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.reachable_surface import reachable_surface
from hand_object_pose.ros.estimator_factory import estimator_config
from hand_object_pose.ros.node import EstimatorNode
from hand_object_pose.ros.parameters import Settings
from hand_object_pose_msgs.msg import HandObjectEstimates, HandTopology, ObjectInfo, Status

WIDTH, HEIGHT = 64, 48
BALL_RADIUS = 0.02
HAND_OFFSET = np.array([0.0, 0.0, 0.5])
FRAME_ID = "camera_optical_frame"
# Seconds; on a machine that does many other things at once a step may take that long.
LIMIT = 30.0
# Patient where a busy machine might be slow.
DEFAULTS = {
    "object_id": "mug",
    "root_depth.mode": "fixed",
    "sync_wait": 0.02,
    "max_frame_age": 5.0,
    "stale_after": 60.0,
}
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
RECEIVED = {
    "estimate": (HandObjectEstimates, 50),
    "object_pose": (PoseWithCovarianceStamped, 50),
    "/tf": (TFMessage, 50),
    "markers": (MarkerArray, 50),
    "debug_image": (Image, 50),
    "/diagnostics": (DiagnosticArray, 50),
    "status": (Status, LATCHED),
    "hand_topology": (HandTopology, LATCHED),
    "object_info": (ObjectInfo, LATCHED),
    "objects": (Detection3DArray, 50),
    "hand_points": (PointCloud2, 50),
    "free_surface": (PointCloud2, 50),
}

# Without what takes time to make.
EVERYDAY = tuple(topic for topic in RECEIVED if topic != "free_surface")


def ball_model(name: str) -> ObjectModel:
    """A small ball, whose distances are soon known: a thousand points and their convex hull."""
    points = np.random.default_rng(len(name)).normal(size=(1000, 3))
    points *= BALL_RADIUS / np.linalg.norm(points, axis=1, keepdims=True)
    faces = ConvexHull(points).simplices
    inward = np.linalg.det(points[faces]) < 0
    return ObjectModel(name, points, np.where(inward[:, None], faces[:, ::-1], faces))


def fake_weights() -> WeightsInfo:
    """Weights that know two objects."""
    objects = {name: ball_model(name) for name in ("mug", "carton")}
    return WeightsInfo("fake", "0" * 64, "compact", LixelGeometry(128, 64, 0.4), default_hand(), objects, {})


@dataclass
class FakeBackend:
    weights: WeightsInfo
    device: str = "test"


@dataclass
class FakeEstimator:
    """Answers with a pose that follows from the stamp; ``behave`` may raise or block first."""

    config: EstimatorConfig
    behave: Callable[[Frame], None] = lambda frame: None
    backend: Any = field(default_factory=lambda: FakeBackend(fake_weights()))
    resets: int = 0
    grasp: GraspState = GraspState.HELD
    configs: list[EstimatorConfig] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.smoother = self.config.make_smoother()

    def set_config(self, config: EstimatorConfig) -> None:
        if not config.same_smoothing(self.config):
            self.smoother = config.make_smoother()
        self.config = config

    def reset(self) -> None:
        self.resets += 1
        self.smoother.reset()

    def process(self, frame: Frame) -> FrameResult:
        alone, objects = self.process_alone(frame, self.config), self.backend.weights.objects
        return replace(alone, pairs=[self.smoother.refine(frame.stamp, pair, objects) for pair in alone.pairs])

    def process_alone(self, frame: Frame, config: EstimatorConfig) -> FrameResult:
        self.behave(frame)
        self.configs.append(config)
        object_id = config.object_id or frame.object_id
        depth = frame.depth
        if config.root_depth_mode == "depth_image" and (depth is None or not np.isfinite(depth).any()):
            return _nothing("the depth image measures only 0 visible vertices", "depth_image")
        if not object_id:
            return _nothing("no object chosen", "")
        return FrameResult([self._pair(frame, object_id)], {"network": 0.001, "total": 0.002})

    def _pair(self, frame: Frame, object_id: str) -> HandObjectEstimate:
        hand = self.backend.weights.hand
        vertices = hand.v_template + HAND_OFFSET
        joints = hand.joint_regressor21 @ vertices
        wrist = wrist_pose(hand, "right", vertices, joints)
        estimate = HandEstimate(vertices, joints, np.full(778, 0.002), np.full(21, 0.003), wrist=wrist)
        pose = pose_of(frame.stamp)
        contacts = Contacts(
            np.array([745, 3]), np.array([0, 2]), pose[None, :3, 3] + np.zeros((2, 1)), np.eye(3)[:2],
            np.array([-0.001, 0.002]), 0.0001, 0.001, np.array([0.01, -0.001, 0.01, 0.002, 0.01, 0.01]),
        )  # fmt: skip
        return HandObjectEstimate(
            1, True, "", 0.9, estimate, ObjectPose(object_id, pose, np.eye(6)), contacts, self.grasp,
            Box(1, 2, 30, 40), True, "tracking", 0.5, 0.01, "depth_image",
        )  # fmt: skip


def pose_of(stamp: float) -> np.ndarray:
    """A pose (4, 4) that is different for every stamp."""
    rotation = Rotation.from_rotvec([stamp % 3.0, 0.2, -0.1]).as_matrix()
    return pose_matrix(rotation, np.array([0.1, -0.2 + (stamp % 1.0) / 10, 0.6]))


def pose_matrix_of(pose: Pose) -> np.ndarray:
    """(4, 4)."""
    q = pose.orientation
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
    matrix[:3, 3] = pose.position.x, pose.position.y, pose.position.z
    return matrix


def _nothing(reason: str, source: str) -> FrameResult:
    pair = HandObjectEstimate(1, False, reason, 0.0, box=Box(0, 0, 9, 9), root_depth_source=source)
    return FrameResult([pair], {"total": 0.001})


class Harness:
    """A node, a client, and one executor that spins both in the test's own thread."""

    def __init__(
        self, parameters: dict[str, Any] | None = None, topics: tuple[str, ...] = EVERYDAY, namespace: str = ""
    ) -> None:
        self.estimators: list[FakeEstimator] = []
        self.behave: Callable[[Frame], None] = lambda frame: None
        values = DEFAULTS | (parameters or {})
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        self.node = EstimatorNode(self.make_estimator, parameter_overrides=overrides, namespace=namespace)
        self.client = Node("client", namespace=namespace)
        self.received: dict[str, list] = {topic: [] for topic in topics}
        for topic in topics:
            kind, profile = RECEIVED[topic]
            self.client.create_subscription(kind, topic, self.received[topic].append, profile)  # type: ignore[arg-type]
        self.image = self.client.create_publisher(Image, "image", 10)
        self.info = self.client.create_publisher(CameraInfo, "camera_info", 10)
        self.depth = self.client.create_publisher(Image, "depth/image", 10)
        self.detections = self.client.create_publisher(Detection2DArray, "detections", 10)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.executor.add_node(self.client)

    def make_estimator(self, settings: Settings) -> FakeEstimator:
        """The node's factory."""
        config = estimator_config(settings)
        estimator = FakeEstimator(config, lambda frame: self.behave(frame))
        if config.object_id and config.object_id not in estimator.backend.weights.objects:
            raise UnknownObjectError(config.object_id, ["carton", "mug"], "the weights 'fake'")
        if "free_surface" in self.received:
            # As the real one does when it is loaded.
            for model in estimator.backend.weights.objects.values():
                reachable_surface(model)
        self.estimators.append(estimator)
        return estimator

    def close(self) -> None:
        """Everything away."""
        self.node.trigger_shutdown()
        self.executor.shutdown()
        self.node.destroy_node()
        self.client.destroy_node()

    def until(self, condition: Callable[[], Any], what: str, limit: float = LIMIT) -> Any:
        """Spin until the condition holds; returns its value."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)
            value = condition()
            if value:
                return value
        last = self.received["status"][-1] if self.received.get("status") else None
        raise AssertionError(f"waited {limit} s in vain for: {what}; newest status: {last}")

    def connect(self) -> "Harness":
        """Start the node and wait until everybody has found everybody."""
        self.node.autostart()
        return self.connect_topics()

    def connect_topics(self) -> "Harness":
        """Wait until everybody has found everybody."""
        self.until(
            lambda: self.image.get_subscription_count() and self.info.get_subscription_count(),
            "subscriptions of the node",
        )
        topics = ["estimate", "/tf", "object_pose", "status"]
        self.until(
            lambda: all(self.client.count_publishers(topic) for topic in topics if topic in self.received),
            "publishers of the node",
        )
        if self.node.get_parameter("root_depth.mode").value == "depth_image":
            self.until(self.depth.get_subscription_count, "the depth subscription")
        return self

    def stamp(self) -> Any:
        """Now, as a message."""
        return self.client.get_clock().now().to_msg()

    def send(self, image: Image, info: CameraInfo | None = None, depth: Image | None = None) -> None:
        """Publish what belongs to one image."""
        if info is not None:
            self.info.publish(info)
        if depth is not None:
            self.depth.publish(depth)
        self.image.publish(image)

    def send_good(self) -> Any:
        """Publish a good image; returns its stamp."""
        stamp = self.stamp()
        self.send(good_image(stamp), good_info(stamp), good_depth(stamp))
        return stamp

    def estimates_of(self, stamp: Any) -> list:
        """Estimates with that stamp."""
        return [message for message in self.received["estimate"] if message.header.stamp == stamp]

    def expect_good(self) -> HandObjectEstimates:
        """Send a good image and wait for its valid estimate and for RUNNING."""
        stamp = self.send_good()
        message = self.until(lambda: self.estimates_of(stamp), "an estimate of a good image")[0]
        assert message.estimates[0].valid, message.estimates[0].reason
        self.until(lambda: self.received["status"][-1].state == Status.RUNNING, "RUNNING")
        return message

    def status_with(self, *words: str) -> Status:
        """Wait for a status whose reason holds all these words."""

        def find() -> Status | None:
            return next((s for s in self.received["status"] if all(word in s.reason for word in words)), None)

        return self.until(find, f"a status that says {words}")


def good_image(stamp: Any, width: int = WIDTH, height: int = HEIGHT) -> Image:
    image = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    image.header.stamp, image.header.frame_id = stamp, FRAME_ID
    image.data = array("B", bytes(3 * width * height))
    return image


def good_info(stamp: Any, width: int = WIDTH, height: int = HEIGHT) -> CameraInfo:
    info = CameraInfo(height=height, width=width, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k = [60.0, 0.0, width / 2, 0.0, 60.0, height / 2, 0.0, 0.0, 1.0]
    info.header.stamp, info.header.frame_id = stamp, FRAME_ID
    return info


def good_depth(stamp: Any, value: float = 0.5) -> Image:
    depth = Image(height=HEIGHT, width=WIDTH, encoding="32FC1", step=4 * WIDTH)
    depth.header.stamp, depth.header.frame_id = stamp, FRAME_ID
    depth.data = array("B", np.full((HEIGHT, WIDTH), value, np.float32).tobytes())
    return depth


def best_effort(depth: int = 5) -> QoSProfile:
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy.BEST_EFFORT)
