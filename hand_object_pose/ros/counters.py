"""What became of every image: ``received = estimated + invalid + replaced + too_old + refused + pending``."""

import threading
from dataclasses import dataclass, replace
from enum import Enum
from statistics import median


class Fate(Enum):
    """What can become of an image; the values are the names of the counts."""

    ESTIMATED = "estimated"
    INVALID = "invalid"
    REPLACED = "replaced"
    TOO_OLD = "too_old"
    REFUSED = "refused"


@dataclass(frozen=True)
class Counts:
    """A snapshot of the counts; ``Status.msg`` documents each."""

    received: int = 0
    estimated: int = 0
    invalid: int = 0
    replaced: int = 0
    too_old: int = 0
    refused: int = 0
    unsynchronised: int = 0
    lost_before_arrival: int = 0
    clock_jumps: int = 0
    worker_restarts: int = 0

    @property
    def pending(self) -> int:
        """Images that wait or are being worked on."""
        return self.received - self.estimated - self.invalid - self.replaced - self.too_old - self.refused


class Counters:
    """Counts from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()

    def add(self, name: str, number: int = 1) -> int:
        """Add to the count of that name; returns its new value."""
        with self._lock:
            value: int = getattr(self._counts, name) + number
            self._counts = replace(self._counts, **{name: value})
            return value

    def settle(self, fate: Fate) -> None:
        """Record what became of one image that was counted as received."""
        self.add(fate.value)

    def snapshot(self) -> Counts:
        """All counts at one instant."""
        with self._lock:
            return self._counts


class StampGaps:
    """Counts images that gaps between stamps show as lost before they arrived.

    The camera's period is the median of the last ``window`` differences, each divided by the whole number of periods
    that the smallest of them says it holds.
    """

    def __init__(self, window: int = 30) -> None:
        self._window = window
        self._differences: list[int] = []
        self._last: int | None = None

    def reset(self) -> None:
        """Forget all stamps, as after a jump of the clock."""
        self._differences, self._last = [], None

    def lost(self, stamp: int) -> int:
        """How many images are missing between the previous stamp and this one, both in nanoseconds."""
        previous, self._last = self._last, stamp
        if previous is None or stamp <= previous:
            return 0
        difference = stamp - previous
        self._differences = [*self._differences[-self._window + 1 :], difference]
        smallest = min(self._differences)
        period = median(value / round(value / smallest) for value in self._differences)
        return max(0, round(difference / period) - 1)
