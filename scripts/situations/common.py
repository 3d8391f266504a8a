"""What situations share: the footage, and how the time until estimates are right again is taken."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hand_object_pose.ros.status import State
from situations.footage import Shot
from situations.report import Row, said_since
from situations.stage import Stage, show_progress

WATCHDOG = 2.0
"""Seconds."""


@dataclass(frozen=True)
class Footage:
    """Two handovers of different objects, the first one also in other ways, and a room without anybody."""

    first: Sequence[Shot]
    second: Sequence[Shot]
    halved: Sequence[Shot]
    uncalibrated: Sequence[Shot]
    empty: Sequence[Shot]
    first_object: str
    second_object: str


Act = Callable[[Stage, Footage], list[Row]]
"""Takes a stage on which a node runs and is right, leaves it so, and gives rows of the table."""


def play_all(acts: Sequence[Act], stage: Stage, footage: Footage) -> list[Row]:
    """The rows of all acts, one after the other."""
    rows: list[Row] = []
    for act in acts:
        show_progress(f"  {act.__name__.replace('_', ' ')}")
        rows += act(stage, footage)
    return rows


def row_of(stage: Stage, name: str, begin: float, restored: float | None = None, since: str = "") -> Row:
    """Waits until estimates are right. ``restored``: when what was wrong had ended, ``since`` in words."""
    seconds = stage.until_right(begin if restored is None else restored)
    # What follows from the estimate may be said a little later.
    stage.until(lambda: stage.statuses[-1].state == State.RUNNING, "RUNNING")
    return Row(name, said_since(stage.statuses, begin), in_words(seconds, since))


def restored_row(stage: Stage, footage: Footage, name: str, begin: float) -> Row:
    """What was wrong ends now: the first handover is shown again."""
    restored = time.monotonic()
    stage.camera.show(footage.first)
    return row_of(stage, name, begin, restored, f"the change at {restored - begin:.1f} s")


def in_words(seconds: float, since: str) -> str:
    """Seconds since an event that is named."""
    return f"{seconds:.1f} s" + (f" after {since}" if since else "")
