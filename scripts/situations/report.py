"""What was said and measured in each situation, as a Markdown table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from situations.stage import HeardStatus

_LONGEST_REASON = 170
_WORTH_SHORTENING = 40


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
    """The rows in Markdown; a long reason is written out where it is said for the first time."""
    lines = ["| situation | `status` said, and after how long | right again after |", "|---|---|---|"]
    lines += [f"| {row.name} | {row.said} | {row.right_again} |" for row in rows]
    return without_repetition("\n".join(lines))


def without_repetition(text: str) -> str:
    """Cut quoted reasons short, at their first comma or colon, which differ from an earlier one in numbers alone."""
    said: set[str] = set()

    def shown(match: re.Match[str]) -> str:
        gist, begin = _without_numbers(match[1]), re.split("[:,]", match[1])[0]
        if gist in said and len(match[1]) - len(begin) >= _WORTH_SHORTENING:
            return f"“{begin} …”"
        said.add(gist)
        return match[0]

    return re.sub("“([^”]*)”", shown, text)


def _gist(status: HeardStatus) -> tuple[object, str]:
    """Without ages and counts, which change all the time."""
    return status.state, _without_numbers(status.reason)


def _without_numbers(text: str) -> str:
    return re.sub(r"[\d.]+", "", text)


def _shortened(reason: str) -> str:
    plain = reason.replace("|", "/")
    return plain if len(plain) <= _LONGEST_REASON else plain[:_LONGEST_REASON].rsplit(" ", 1)[0] + " …"
