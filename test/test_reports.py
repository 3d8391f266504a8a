"""What `status` warns of, and what `/diagnostics` says, of things that happened."""

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("hand_object_pose_msgs.msg")

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from hand_object_pose.ros.counters import Counters, Fate
from hand_object_pose.ros.diagnostics import diagnostics_message
from hand_object_pose.ros.health import Health
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.ros.reporter import Reporter, Situation
from hand_object_pose.ros.status import Problem, State, TopicFacts, Verdict


class Node:
    """What the reporter needs of a node; what it publishes is kept."""

    def __init__(self) -> None:
        self.sent: dict[str, list[Any]] = {}

    def create_publisher(self, kind: type, topic: str, quality: object) -> SimpleNamespace:
        return SimpleNamespace(publish=self.sent.setdefault(topic, []).append)

    def get_clock(self) -> SimpleNamespace:
        return SimpleNamespace(now=lambda: SimpleNamespace(to_msg=lambda: Time(sec=7)))

    def get_logger(self) -> SimpleNamespace:
        return SimpleNamespace(info=lambda text: None)

    def get_fully_qualified_name(self) -> str:
        return "/left/estimator"


class Desk:
    """A reporter with everything that it looks at."""

    def __init__(self) -> None:
        self.node, self.counters, self.health = Node(), Counters(), Health()
        self.situation = Situation(Settings(), active=True)
        facts = [TopicFacts("/camera/image", "sensor_msgs/msg/Image", 1)]
        self.reporter = Reporter(
            self.node,  # type: ignore[arg-type]
            self.situation,
            self.counters,
            self.health,
            lambda: facts,
            lambda: 1.0,
        )
        self.reporter.look()

    @property
    def heard(self) -> list[Any]:
        return self.node.sent["status"]


def test_images_lost_before_they_arrive_are_a_warning_with_its_remedy() -> None:
    desk = Desk()
    desk.counters.add("lost_before_arrival", 4)
    desk.reporter.publish()
    assert not desk.heard[-1].warnings
    desk.counters.add("lost_before_arrival", 2)
    desk.reporter.publish()
    (warning,) = desk.heard[-1].warnings
    assert all(words in warning for words in ("/camera/image", "5 or more", "config/fastdds_publisher.xml"))
    # One more is no news; so many that the number reads another way are.
    before = len(desk.heard)
    desk.counters.add("lost_before_arrival")
    desk.reporter.publish()
    assert len(desk.heard) == before
    desk.counters.add("lost_before_arrival", 5)
    desk.reporter.publish()
    assert "10 or more" in desk.heard[-1].warnings[0]


def test_what_failed_and_what_is_missing_are_warnings() -> None:
    desk = Desk()
    desk.health.last_error = "publishing failed: ValueError: no room"
    desk.situation.missing_transform = "no transform from the camera"
    desk.reporter.publish()
    assert desk.heard[-1].warnings == ["no transform from the camera", "publishing failed: ValueError: no room"]


def test_diagnostics_say_rates_latencies_counts_device_and_the_last_error() -> None:
    desk = Desk()
    desk.situation.device = "one core"
    for number in range(10):
        desk.health.image_arrived(number, "camera")
        desk.counters.add("received")
    for number in range(1, 6):
        desk.health.estimate_published({"network": number / 100})
        desk.counters.settle(Fate.ESTIMATED)
    desk.counters.settle(Fate.TOO_OLD)
    desk.health.last_error = "no room"
    desk.reporter.periodic()
    (message,) = desk.node.sent["/diagnostics"]
    (status,) = message.status
    assert (message.header.stamp.sec, status.name) == (7, "/left/estimator: estimation")
    said = {value.key: value.value for value in status.values}
    assert said["device"] == "one core"
    # Over the last five seconds.
    assert (said["image rate (Hz)"], said["estimate rate (Hz)"]) == ("2.0", "1.0")
    assert (said["network p50 (ms)"], said["network p95 (ms)"]) == ("30.0", "48.0")
    counts = ("received", "estimated", "invalid", "replaced", "too_old", "refused", "lost_before_arrival")
    assert [said[name] for name in counts] == ["10", "5", "0", "0", "1", "0", "0"]
    assert said["last error"] == "no room"


@pytest.mark.parametrize(
    ("state", "level"),
    [
        (State.WAITING, DiagnosticStatus.WARN),
        (State.RUNNING, DiagnosticStatus.OK),
        (State.LOST, DiagnosticStatus.WARN),
        (State.STALE, DiagnosticStatus.STALE),
        (State.ERROR, DiagnosticStatus.ERROR),
    ],
)
def test_levels_are_what_an_aggregator_expects(state: State, level: bytes) -> None:
    verdict = Verdict(state, Problem("" if state is State.RUNNING else "because"))
    message = diagnostics_message(Node(), verdict, Counters().snapshot(), Health(), "")  # type: ignore[arg-type]
    assert message.status[0].level == level
    assert message.status[0].message == ("RUNNING" if state is State.RUNNING else "because")
