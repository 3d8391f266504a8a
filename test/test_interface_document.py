"""The running node against the tables of docs/ros_interface.md: topics, types, quality of service, stamps, frames."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

import yaml
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_support import FRAME_ID, LIMIT, Harness, fake_weights

from hand_object_pose.objects.reachable_surface import reachable_surface

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "ros_interface.md"
RVIZ = DOCUMENT.parent.parent / "rviz" / "estimator.rviz"
# Message type -> RViz display. TF has a display without a topic.
DISPLAYS = {
    "geometry_msgs/PoseWithCovarianceStamped": "PoseWithCovariance",
    "sensor_msgs/Image": "Image",
    "sensor_msgs/PointCloud2": "PointCloud2",
    "vision_msgs/Detection3DArray": "Detection3DArray",
    "visualization_msgs/MarkerArray": "MarkerArray",
}
OBJECT_FRAME = "robot_mug"
# With which the node publishes everything.
PARAMETERS = {"tf_prefix": "robot_", "object_id": "mug", "prediction.mode": "twist", "lost_after": 60.0}
STATUS_ALONE = ("status",)
# Of every ROS node, and of every managed one.
NOT_OURS = ("/rosout", "/parameter_events", "/hand_object_pose_estimator/transition_event")
OUR_SERVICES = ("std_srvs/", "hand_object_pose_msgs/")
# With these together the node subscribes to everything.
WAYS_TO_SUBSCRIBE: tuple[dict[str, Any], ...] = (
    {"root_depth.mode": "depth_image"},
    {"root_depth.mode": "ground_truth", "base_frame": "base_link"},
    {"root_depth.mode": "depth_image", "image_transport": "compressed", "depth_transport": "compressed"},
    {"root_depth.mode": "depth_image", "depth_transport": "compressedDepth"},
)


@dataclass(frozen=True)
class PublishedTopic:
    """A row of the table."""

    name: str
    type_name: str
    quality: str
    stamp: str
    frame: str

    @property
    def resolved(self) -> str:
        return self.name if self.name.startswith("/") else f"/{self.name}"

    @property
    def profile(self) -> QoSProfile:
        *words, depth = self.quality.split(", ")
        reliability, *latched = words
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched == ["latched"] else DurabilityPolicy.VOLATILE
        return QoSProfile(depth=int(depth), reliability=ReliabilityPolicy[reliability.upper()], durability=durability)


def table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head; code marks are removed."""
    lines = DOCUMENT.read_text().split(f"## {heading}\n")[1].splitlines()
    rows = [line for line in lines[: next(i for i, line in enumerate(lines) if line.startswith("## "))] if "|" in line]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows[2:]]


PUBLISHED = [PublishedTopic(*row[:5]) for row in table("It publishes")]


def message_type(name: str) -> type:
    package, _, rest = name.partition("/")
    return getattr(import_module(f"{package}.msg"), rest)


def headers(message: Any) -> list[Any]:
    """Its own header, or those of what it holds."""
    if hasattr(message, "header"):
        return [message.header]
    (values,) = (getattr(message, name) for name in message.get_fields_and_field_types())
    return [value.header for value in values]


def nanoseconds(stamp: Any) -> int:
    return stamp.sec * 10**9 + stamp.nanosec


def test_every_published_topic_is_as_the_table_says(harness):
    h = harness(PARAMETERS, topics=STATUS_ALONE)
    heard = {topic.name: [] for topic in PUBLISHED}
    for topic in PUBLISHED:
        h.client.create_subscription(message_type(topic.type_name), topic.name, heard[topic.name].append, topic.profile)
    for model in fake_weights().objects.values():
        reachable_surface(model)
    begin = h.client.get_clock().now().nanoseconds
    h.connect()
    h.until(lambda: all(h.node.count_subscribers(topic.resolved) for topic in PUBLISHED), "all subscriptions")
    stamps = set()

    def sent_until_all_arrived() -> bool:
        counts = h.node._counters.snapshot()
        if counts.received == len(stamps) and not counts.pending:
            stamps.add(nanoseconds(h.send_good()))
        return all(heard.values())

    try:
        h.until(sent_until_all_arrived, "every topic")
    except AssertionError as error:
        silent = [name for name, messages in heard.items() if not messages]
        pytest.fail(f"nothing was heard on {', '.join(silent)}: {error}")
    end = h.client.get_clock().now().nanoseconds
    frames = {"image": FRAME_ID, "none": "", "object": OBJECT_FRAME}
    for topic in PUBLISHED:
        for header in headers(heard[topic.name][-1]):
            stamp = nanoseconds(header.stamp)
            assert_in_time(topic, stamp, stamps, begin, end)
            assert header.frame_id == frames[topic.frame], topic
        assert_offered(h, topic)


def assert_in_time(topic: PublishedTopic, stamp: int, images: set[int], begin: int, end: int) -> None:
    """The stamp is an image's, of the node's clock, or ("later") a little later than an image's."""
    later = 0 <= stamp - max((image for image in images if image <= stamp), default=stamp + 1) < LIMIT * 10**9
    assert {"image": stamp in images, "node": begin <= stamp <= end, "later": later}[topic.stamp], topic


def assert_offered(h: Harness, topic: PublishedTopic) -> None:
    """The one publisher has the type and quality of the row."""
    package, _, name = topic.type_name.partition("/")
    (offer,) = h.client.get_publishers_info_by_topic(topic.resolved)
    assert offer.topic_type == f"{package}/msg/{name}", topic
    assert offer.qos_profile.reliability == topic.profile.reliability, topic
    assert offer.qos_profile.durability == topic.profile.durability, topic
    (publisher,) = (found for found in h.node.publishers if found.topic_name == topic.resolved)
    assert publisher.qos_profile.depth == topic.profile.depth, topic


def test_the_table_names_everything_that_is_published(harness):
    h = harness(PARAMETERS, topics=STATUS_ALONE).connect()
    found = {publisher.topic_name for publisher in h.node.publishers} - set(NOT_OURS)
    assert found == {topic.resolved for topic in PUBLISHED}


def test_subscriptions_are_those_of_the_table(harness):
    """A row names a topic, and with "or" and "also" others, as full names or as what is added to the first."""
    rows = {}
    for topics, types, *_ in table("It subscribes to"):
        first, *others = topics.replace(", or ", ", ").replace("also ", "").split(", ")
        package = types.partition("/")[0]
        kinds = {kind if "/" in kind else f"{package}/{kind}" for kind in types.split(", ")}
        for name in (first, *(f"{first}{other}" if other.startswith("/") else other for other in others)):
            rows[name if name.startswith("/") else f"/{name}"] = kinds
    found = {}
    for parameters in WAYS_TO_SUBSCRIBE:
        h = harness(parameters, topics=STATUS_ALONE)
        h.node.autostart()
        for subscription in h.node.subscriptions:
            kind = subscription.msg_type
            found[subscription.topic_name] = f"{kind.__module__.partition('.')[0]}/{kind.__name__}"
        h.node.trigger_deactivate()
    assert set(found) == set(rows)
    assert all(found[name] in rows[name] for name in found)


def test_services_are_those_of_the_table(harness):
    h = harness(PARAMETERS, topics=STATUS_ALONE)
    name = h.node.get_name()
    expected = {row[0].replace("~", f"/{name}"): [row[1].replace("/", "/srv/")] for row in table("Services")}

    def offered() -> dict[str, list[str]]:
        found = {
            found: types for found, types in h.client.get_service_names_and_types() if found.startswith(f"/{name}/")
        }
        return {service: types for service, types in found.items() if types[0].startswith(OUR_SERVICES)}

    h.until(lambda: len(offered()) >= len(expected), "the services")
    assert offered() == expected


def test_rviz_has_a_display_for_whatever_it_can_show():
    displays = yaml.safe_load(RVIZ.read_text())["Visualization Manager"]["Displays"]
    shown = {(display["Class"].split("/")[1], display["Topic"]["Value"]) for display in displays if "Topic" in display}
    wanted = {(DISPLAYS[topic.type_name], topic.name) for topic in PUBLISHED if topic.type_name in DISPLAYS}
    assert wanted == shown
