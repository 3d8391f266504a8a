"""What arrives: counted, checked for age and jumps of time, paired, and left in the mailbox."""

import time
from collections.abc import Callable
from typing import Any

from hand_object_pose.estimation.root_depth_modes import USING_DEPTH_IMAGES
from hand_object_pose.ros.counters import Counters, Fate, StampGaps
from hand_object_pose.ros.detections import DetectionSlot
from hand_object_pose.ros.frames import FrameBuilder, InputError
from hand_object_pose.ros.health import Health
from hand_object_pose.ros.mailbox import Mailbox
from hand_object_pose.ros.pairing import Bundle, Pairing, stamp_of
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.ros.status import Outcome, Problem

_ONE_JUMP = 1.0


class Intake:
    """Called by the subscriptions, all in one thread.

    Args:
        settings: parameters at configuration.
        frames: checks what can be refused at once.
        mailbox: where bundles go.
        counters, health: where everything is recorded.
        now: the node's clock, nanoseconds.
        on_jump: called when time has jumped backwards.
        on_problem: called when an image could not be used.
        on_held: called when an image begins to wait for its partners; ``expire`` is to be called ``sync_wait`` later.
    """

    def __init__(
        self,
        settings: Settings,
        frames: FrameBuilder,
        mailbox: Mailbox[Bundle],
        counters: Counters,
        health: Health,
        now: Callable[[], int],
        on_jump: Callable[[], None],
        on_problem: Callable[[], None],
        on_held: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.detections = DetectionSlot(settings.number("detection_max_age"))
        self._frames = frames
        self._mailbox = mailbox
        self._counters = counters
        self._health = health
        self._now = now
        self._on_jump = on_jump
        self._on_problem = on_problem
        self._on_held = on_held
        self._gaps = StampGaps()
        self._last_stamp: int | None = None
        self._last_jump = -_ONE_JUMP
        mode = settings.text("root_depth.mode")
        from_image = mode in USING_DEPTH_IMAGES
        wants_depth = from_image or mode == "ground_truth"
        tolerance = round(settings.number("depth_tolerance") * 1e9) if from_image else 0
        self._pairing = Pairing(wants_depth, tolerance, settings.number("sync_wait"))

    def image(self, message: Any) -> None:
        """An image arrived."""
        received, stamp = self._now(), stamp_of(message)
        sequence = self._counters.add("received")
        self._health.image_arrived(stamp, message.header.frame_id)
        if self._last_stamp is not None and stamp < self._last_stamp:
            self.jumped_back()
        self._last_stamp = stamp
        self._counters.add("lost_before_arrival", self._gaps.lost(stamp))
        problem = too_old(self.settings, received, stamp, self._frames.topics.image)
        if problem is not None:
            self._reject(Fate.TOO_OLD, problem)
            return
        self._forward(self._pairing.add_image(message, received, sequence, time.monotonic()))
        if self._pairing.holding:
            self._on_held()

    def camera_info(self, message: Any) -> None:
        """A CameraInfo arrived."""
        self._forward(self._pairing.add_info(message))

    def depth(self, message: Any) -> None:
        """A depth image arrived."""
        self._forward(self._pairing.add_depth(message))

    def expire(self) -> None:
        """Let an image go that has waited long enough for its partners."""
        self._forward(self._pairing.expire(time.monotonic()))

    def jumped_back(self) -> None:
        """Time jumped backwards: what is stored belongs to the past, or to the future."""
        now = time.monotonic()
        # Stamps and the node's clock jump together; that is one jump.
        if now - self._last_jump > _ONE_JUMP:
            self._counters.add("clock_jumps")
        self._last_jump = now
        self.clear()
        self._on_jump()

    def clear(self) -> None:
        """Drop whatever is waiting."""
        if self._pairing.clear():
            self._counters.settle(Fate.REPLACED)
        if self._mailbox.clear() is not None:
            self._counters.settle(Fate.REPLACED)
        self._gaps.reset()
        self._last_stamp = None
        self.detections.clear()

    def _forward(self, bundles: list[Bundle]) -> None:
        for bundle in bundles:
            try:
                self._frames.check(bundle)
            except InputError as error:
                self._reject(Fate.REFUSED, error.problem)
                continue
            if not bundle.info_exact:
                self._counters.add("unsynchronised")
            if self._mailbox.put(bundle) is not None:
                self._counters.settle(Fate.REPLACED)

    def _reject(self, fate: Fate, problem: Problem) -> None:
        self._counters.settle(fate)
        self._health.problem(Outcome.UNFIT, problem)
        self._on_problem()


def too_old(settings: Settings, now: int, stamp: int, topic: str) -> Problem | None:
    """The reason to drop an image for its age, or for a stamp as far in the future; None if it may be used.

    Times in nanoseconds.
    """
    age, limit = (now - stamp) / 1e9, settings.number("max_frame_age")
    if age < -limit:
        return Problem(
            f"images on {topic} are stamped {-age:.1f} s in the future, by more than max_frame_age ({limit:g} s): the "
            "clocks of the camera's machine and this one are not synchronised, or use_sim_time without a /clock",
            topic,
        )
    if age <= limit:
        return None
    return Problem(
        f"images on {topic} are {age:.1f} s old, older than max_frame_age ({limit:g} s): a bag played without "
        "use_sim_time, clocks that are not synchronised, or a machine that cannot keep up",
        topic,
    )
