"""Whether an estimate continues the last one."""

from collections.abc import Hashable


class Continuity:
    """Remembers the last estimate's stamp and what it was of."""

    def __init__(self, longest_gap: float) -> None:
        """``longest_gap`` in seconds."""
        self._longest_gap = longest_gap
        self._last: tuple[float, Hashable] | None = None

    def elapsed(self, stamp: float, key: Hashable) -> float | None:
        """Seconds since the last estimate, 0 or more; None if this one begins something new.

        It does if its ``key`` (track, object) is another, if time jumped backwards, or if the gap is too long.
        """
        last, self._last = self._last, (stamp, key)
        if last is None or last[1] != key or not 0 <= stamp - last[0] <= self._longest_gap:
            return None
        return stamp - last[0]

    def reset(self) -> None:
        """Forget the last estimate."""
        self._last = None
