"""How quickly estimates come: latency by stage, rate, and whether estimates grow older and older."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.statistics import latency_statistics
from hand_object_pose.live.recording import HeardEstimate

CAMERA_RATE = 30.0
LEAST_SHARE_OF_RATE = 0.9
LARGEST_SLOPE_MS_PER_S = 1.0


@dataclass(frozen=True)
class Rate:
    """How often estimates are published.

    Attributes:
        published_hz: messages a second; required_hz: at least 0.9 * min(30, 1 / mean inference time).
        inference_ms: mean of the whole work on an image on which the network ran.
    """

    published_hz: float
    inference_ms: float
    required_hz: float

    @property
    def reached(self) -> bool:
        """Whether it is enough."""
        return self.published_hz >= self.required_hz

    def as_dict(self) -> dict[str, float | bool]:
        """For JSON."""
        return {**asdict(self), "reached": self.reached}


def latencies(estimates: Sequence[HeardEstimate]) -> dict[str, dict[str, float]]:
    """Milliseconds by stage and clock, see ``latency_statistics`` and ``HeardEstimate.times``."""
    return latency_statistics(heard.times for heard in estimates)


def publishing_rate(arrivals: Sequence[int], inference_seconds: Sequence[float]) -> Rate:
    """The rate of messages by their arrival times (nanoseconds), beside what it must reach.

    Args:
        arrivals: in order; at least two.
        inference_seconds: the whole work on each image on which the network ran.
    """
    duration = (arrivals[-1] - arrivals[0]) / 1e9
    mean = float(np.mean(inference_seconds))
    possible = 1.0 / mean if mean > 0 else CAMERA_RATE
    return Rate((len(arrivals) - 1) / duration, 1000.0 * mean, LEAST_SHARE_OF_RATE * min(CAMERA_RATE, possible))


def least_squares_slope(times: Sequence[float] | FloatArray, values: Sequence[float] | FloatArray) -> float:
    """Slope of the straight line nearest to values (N,) at times (N,), N at least two, times not all equal."""
    x = np.asarray(times, dtype=float)
    x = x - x.mean()
    return float(x @ np.asarray(values, dtype=float) / (x @ x))


def age_slope(estimates: Sequence[HeardEstimate]) -> float:
    """How much older estimates become, milliseconds a second: of the age on arrival over time."""
    times = np.array([heard.arrived for heard in estimates], dtype=np.int64)
    seconds = (times - times[0]) / 1e9
    return 1000.0 * least_squares_slope(seconds, [heard.clock_times["end_to_end"] for heard in estimates])


def inferred(estimates: Sequence[HeardEstimate]) -> list[HeardEstimate]:
    """Those for which the network ran: an image without a region to look at takes next to no time."""
    return [heard for heard in estimates if "network" in heard.timing]
