"""What a run should reach, beside what it reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hand_object_pose.evaluation.summary import Summary
from hand_object_pose.live.recording import HeardEstimate
from hand_object_pose.live.timing import LARGEST_SLOPE_MS_PER_S, Rate

LEAST_AVAILABILITY = 0.95
LARGEST_ERRORS = {"hand.mje_cm": 1.5, "object.add_s_cm": 1.5}
LARGEST_SHARE_OF_BASELINE = 0.5
SHARE = " / baseline"
# The slope is meant over a minute of playing; estimates begin a little late and end a little early.
LEAST_SLOPE_SECONDS = 55.0


@dataclass(frozen=True)
class Requirement:
    """A number and its limit.

    Attributes:
        name: of the number, as in metrics.json where it stands there, too.
        measured, limit: in the unit that the name says.
        at_least: whether the limit is the smallest value that will do; else it is the largest.
        judged: whether enough was measured for a verdict.
    """

    name: str
    measured: float
    limit: float
    at_least: bool = False
    judged: bool = True

    @property
    def reached(self) -> bool | None:
        """Whether the limit is kept; None without a verdict."""
        if not self.judged:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def words(self) -> str:
        """The limit, such as "at most 1.500"."""
        return f"at {'least' if self.at_least else 'most'} {self.limit:.3f}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "measured": self.measured,
            "limit": self.limit,
            "at_least": self.at_least,
            "reached": self.reached,
        }


def requirements(
    summary: Summary | None, rate: Rate | None, slope: float | None, estimates: Sequence[HeardEstimate]
) -> list[Requirement]:
    """Of everything that was measured.

    Args:
        summary: errors; None where there are none.
        rate, slope: see ``timing``; None where too few estimates arrived.
        estimates: what the slope is over.
    """
    found = []
    if rate is not None:
        found.append(Requirement("rate.published_hz", rate.published_hz, rate.required_hz, at_least=True))
    if slope is not None:
        seconds = (estimates[-1].arrived - estimates[0].arrived) / 1e9
        judged = seconds >= LEAST_SLOPE_SECONDS
        found.append(Requirement("age_slope_ms_per_s", slope, LARGEST_SLOPE_MS_PER_S, judged=judged))
    return found + (_accuracy(summary) if summary is not None else [])


def _accuracy(summary: Summary) -> list[Requirement]:
    found = [Requirement("availability", summary.availability, LEAST_AVAILABILITY, at_least=True)]
    for name, largest in LARGEST_ERRORS.items():
        found.append(Requirement(name, summary.errors[name], largest))
        if summary.baseline[name] > 0:
            share = summary.errors[name] / summary.baseline[name]
            found.append(Requirement(name + SHARE, share, LARGEST_SHARE_OF_BASELINE))
    return found
