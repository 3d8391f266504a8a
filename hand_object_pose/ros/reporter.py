"""Publishes `status` and `/diagnostics`."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from std_msgs.msg import Header

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.ros.counters import Counters, Counts
from hand_object_pose.ros.diagnostics import diagnostics_message
from hand_object_pose.ros.health import Health, Snapshot
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.ros.publishers import LATCHED
from hand_object_pose.ros.results import time_message
from hand_object_pose.ros.status import Observations, Problem, TopicFacts, Verdict, evaluate, explained
from hand_object_pose_msgs.msg import Status

_MANY_LOST = 5
_SHARED_MEMORY_HINT = (
    "images on {topic} are lost before they arrive ({lost} so far): give the camera driver's process more shared "
    "memory with FASTDDS_DEFAULT_PROFILES_FILE=config/fastdds_publisher.xml, or make it publish reliably"
)


def _gist(verdict: Verdict) -> tuple:
    """What is worth another line in the log: not that an age or a count has changed."""
    return verdict.state, verdict.problem.topic, re.sub(r"[\d.]+", "", verdict.problem.reason)


@dataclass
class Situation:
    """What the reporter cannot see by itself; the node keeps it up to date.

    ``active``: images are worked on; ``enabled``: the service `~/set_enabled` allows it; ``missing_transform``: between
    camera and robot, in words.
    """

    settings: Settings
    active: bool = False
    enabled: bool = True
    fatal: Problem | None = None
    setup: Problem | None = None
    weights: WeightsInfo | None = None
    device: str = ""
    missing_transform: str = ""


class Reporter:
    """Evaluates and publishes. Safe to call from any thread."""

    def __init__(
        self,
        node: Node,
        situation: Situation,
        counters: Counters,
        health: Health,
        topic_facts: Callable[[], list[TopicFacts]],
        steady: Callable[[], float],
    ) -> None:
        self._node = node
        self.situation = situation
        self._counters = counters
        self._health = health
        self._topic_facts = topic_facts
        self._steady = steady
        self._lock = threading.Lock()
        self._last: tuple | None = None
        self._facts: list[TopicFacts] = []
        self._status = node.create_publisher(Status, "status", LATCHED)
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def periodic(self) -> None:
        """Once a second: everything, with a fresh look at the graph."""
        self._facts = self._topic_facts()
        self.publish(always=True)
        verdict = self._verdict(self._health.snapshot())
        message = diagnostics_message(
            self._node, verdict, self._counters.snapshot(), self._health, self.situation.device
        )
        self._diagnostics.publish(message)

    def look(self) -> None:
        """Look at the graph again, and publish what has changed."""
        self._facts = self._topic_facts()
        self.publish()

    def publish(self, always: bool = False) -> None:
        """Publish the status if anything but a count has changed."""
        with self._lock:
            counts, seen = self._counters.snapshot(), self._health.snapshot()
            verdict = self._verdict(seen)
            warnings = self._warnings(counts, seen)
            key = (verdict, tuple(warnings), self.situation.settings.text("object_id"), self.situation.device)
            if key != self._last or always:
                if self._last is None or _gist(verdict) != _gist(self._last[0]):
                    self._log(verdict)
                self._last = key
                self._status.publish(self._message(verdict, warnings, counts, seen))

    @property
    def _image(self) -> TopicFacts:
        return self._facts[0] if self._facts else TopicFacts("")

    def _verdict(self, seen: Snapshot) -> Verdict:
        situation = self.situation
        verdict = evaluate(
            Observations(
                now=self._steady(),
                active=situation.active,
                enabled=situation.enabled,
                image=self._image,
                lost_after=situation.settings.number("lost_after"),
                stale_after=situation.settings.number("stale_after"),
                fatal=situation.fatal,
                setup=situation.setup,
                last_image=seen.last_image,
                last_valid=seen.last_valid,
                waiting_since=seen.waiting_since,
                outcome=seen.outcome,
                problem=seen.problem,
            )
        )
        # That images come at all is evaluated already, by what arrives; the graph is looked at once a second only.
        return explained(verdict, self._facts[1:])

    def _warnings(self, counts: Counts, seen: Snapshot) -> list[str]:
        warnings = []
        if seen.problem is not None:
            warnings.append(f"newest image: {seen.problem.reason}")
        if counts.lost_before_arrival >= _MANY_LOST:
            # Rounded, so that the warning does not count as new with every image.
            lost = counts.lost_before_arrival // _MANY_LOST * _MANY_LOST
            warnings.append(_SHARED_MEMORY_HINT.format(topic=self._image.name, lost=f"{lost} or more"))
        if self.situation.missing_transform:
            warnings.append(self.situation.missing_transform)
        if self._health.last_error:
            warnings.append(self._health.last_error)
        return warnings

    def _log(self, verdict: Verdict) -> None:
        text = f"{verdict.state.name}: {verdict.problem.reason}" if verdict.problem.reason else verdict.state.name
        self._node.get_logger().info(text)

    def _message(self, verdict: Verdict, warnings: list[str], counts: Counts, seen: Snapshot) -> Status:
        weights = self.situation.weights
        return Status(
            header=Header(stamp=self._node.get_clock().now().to_msg()),
            state=int(verdict.state),
            reason=verdict.problem.reason,
            topic=verdict.problem.topic,
            warnings=warnings,
            object_id=self.situation.settings.text("object_id"),
            weights_name=weights.name if weights else "",
            weights_hash=weights.hash if weights else "",
            hand_model=weights.hand.name if weights else "",
            device=self.situation.device,
            enabled=self.situation.active,
            images_received=counts.received,
            estimated=counts.estimated,
            invalid=counts.invalid,
            replaced=counts.replaced,
            too_old=counts.too_old,
            refused=counts.refused,
            pending=counts.pending,
            unsynchronised=counts.unsynchronised,
            lost_before_arrival=counts.lost_before_arrival,
            clock_jumps=counts.clock_jumps,
            worker_restarts=counts.worker_restarts,
            last_image=time_message(seen.last_image_stamp),
            last_valid=time_message(seen.last_valid_stamp),
            image_rate=seen.image_rate,
            estimate_rate=seen.estimate_rate,
        )
