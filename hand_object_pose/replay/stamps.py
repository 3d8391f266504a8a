"""Finds the message of a topic that belongs to a time."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Stamps:
    """Stamps of a topic's messages in nanoseconds, sorted, with their positions in the bag."""

    stamps: Sequence[int]
    positions: Sequence[int]

    @classmethod
    def of(cls, stamps: Sequence[int]) -> "Stamps":
        """Of stamps in the order of the bag."""
        order = sorted(range(len(stamps)), key=lambda position: (stamps[position], position))
        return cls([stamps[position] for position in order], order)

    def nearest(self, stamp: int, tolerance: int) -> int | None:
        """Position of the message nearest in time, if it is near enough."""
        place = bisect_left(self.stamps, stamp)
        near = [index for index in (place - 1, place) if 0 <= index < len(self.stamps)]
        best = min(near, key=lambda index: abs(self.stamps[index] - stamp), default=None)
        return None if best is None or abs(self.stamps[best] - stamp) > tolerance else self.positions[best]

    def newest(self, stamp: int) -> int | None:
        """Position of the newest message that is not younger than ``stamp``."""
        place = bisect_right(self.stamps, stamp)
        return self.positions[place - 1] if place else None
