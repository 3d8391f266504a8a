"""What was said and measured in each situation, as a Markdown table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from situations.stage import HeardStatus

_LONGEST_REASON = 170


@dataclass(frozen=True)
class Row:
    """One situation.

    Attributes:
        name: what befell the node, and when it ended.
        said: what ``status`` said from its beginning on.
        right_again: how soon estimates were right, in words.
    """

    name: str
    said: str
    right_again: str


def said_since(statuses: Sequence[HeardStatus], begin: float) -> str:
    """What changed in ``status`` since then (steady time in seconds), with the seconds that had passed."""
    before = [status for status in statuses if status.time < begin]
    last = _gist(before[-1]) if before else None
    parts = []
    for status in statuses:
        if status.time >= begin and _gist(status) != last:
            last = _gist(status)
            reason = f" “{_shortened(status.reason)}”" if status.reason else ""
            parts.append(f"{status.state.name}{reason} ({status.time - begin:.1f} s)")
    return "; ".join(parts) or (f"{before[-1].state.name} all along" if before else "nothing")


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| situation | `status` said, and after how long | right again after |", "|---|---|---|"]
    lines += [f"| {row.name} | {row.said} | {row.right_again} |" for row in rows]
    return "\n".join(lines)


def _gist(status: HeardStatus) -> tuple[object, str]:
    """Without ages and counts, which change all the time."""
    return status.state, re.sub(r"[\d.]+", "", status.reason)


def _shortened(reason: str) -> str:
    plain = reason.replace("|", "/")
    return plain if len(plain) <= _LONGEST_REASON else plain[:_LONGEST_REASON].rsplit(" ", 1)[0] + " …"
