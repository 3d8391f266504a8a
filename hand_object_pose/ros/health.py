"""What callbacks and the worker observe, kept for the status and the diagnostics. Safe to use from several threads."""

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from hand_object_pose.ros.status import Outcome, Problem

_WINDOW = 5.0
_LATENCIES = 300


@dataclass(frozen=True)
class Snapshot:
    """What was observed up to now.

    Attributes:
        last_image, last_valid: steady times in seconds; None: none since the node began to work.
        waiting_since: steady time of the first image that arrived after the newest outcome; None: none did.
        last_image_stamp, last_valid_stamp: nanoseconds; 0: none yet; last_image_frame: empty: none yet.
        outcome, problem: of the newest image.
        image_rate, estimate_rate: a second.
    """

    last_image: float | None
    last_valid: float | None
    waiting_since: float | None
    last_image_stamp: int
    last_image_frame: str
    last_valid_stamp: int
    outcome: Outcome
    problem: Problem | None
    image_rate: float
    estimate_rate: float


class Health:
    """The newest of everything, and rates and latencies over a window."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._images: deque[float] = deque(maxlen=1000)
        self._estimates: deque[float] = deque(maxlen=1000)
        self._latencies: dict[str, deque[float]] = {}
        self._last_image_stamp = 0
        self._last_image_frame = ""
        self._last_valid_stamp = 0
        self._last_valid: float | None = None
        self._waiting_since: float | None = None
        self._outcome = Outcome.NONE
        self._problem: Problem | None = None
        self.last_error = ""

    def begin(self) -> None:
        """The node begins to work on images: what it saw of earlier ones says nothing about its state any more."""
        with self._lock:
            self._images.clear()
            self._last_valid = self._waiting_since = None
            self._outcome, self._problem = Outcome.NONE, None

    def image_arrived(self, stamp: int, frame_id: str) -> None:
        """An image with that stamp (ns), of that frame, arrived."""
        with self._lock:
            now = time.monotonic()
            self._images.append(now)
            if self._waiting_since is None:
                self._waiting_since = now
            self._last_image_stamp, self._last_image_frame = stamp, frame_id

    def valid(self, stamp: int) -> None:
        """A valid estimate of the image with that stamp (ns) was published."""
        with self._lock:
            self._last_valid = time.monotonic()
            self._last_valid_stamp, self._waiting_since = stamp, None
            self._outcome, self._problem = Outcome.VALID, None

    def problem(self, outcome: Outcome, problem: Problem) -> None:
        """The newest image gave no valid estimate, for that reason."""
        with self._lock:
            self._outcome, self._problem, self._waiting_since = outcome, problem, None

    def estimate_published(self, timing: dict[str, float]) -> None:
        """An estimate, valid or not, was published after these seconds a stage."""
        with self._lock:
            self._estimates.append(time.monotonic())
            for stage, seconds in timing.items():
                self._latencies.setdefault(stage, deque(maxlen=_LATENCIES)).append(seconds)

    def snapshot(self) -> Snapshot:
        """Everything at one instant."""
        with self._lock:
            return Snapshot(
                self._images[-1] if self._images else None,
                self._last_valid,
                self._waiting_since,
                self._last_image_stamp,
                self._last_image_frame,
                self._last_valid_stamp,
                self._outcome,
                self._problem,
                _rate(self._images),
                _rate(self._estimates),
            )

    def latencies(self) -> dict[str, tuple[float, float]]:
        """Median and 95th percentile in seconds of each stage, over the newest estimates."""
        with self._lock:
            copies = {stage: list(values) for stage, values in self._latencies.items()}
        return {
            stage: (float(np.percentile(values, 50)), float(np.percentile(values, 95)))
            for stage, values in copies.items()
        }


def _rate(times: deque[float]) -> float:
    now = time.monotonic()
    return sum(now - moment <= _WINDOW for moment in times) / _WINDOW
