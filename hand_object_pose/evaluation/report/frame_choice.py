"""Which frames of an evaluation are worth looking at: the worst by several criteria, and some evenly over time."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from hand_object_pose.evaluation.frame_record import INVALID, OUT_OF_VIEW, FrameRecord

Entry = TypeVar("Entry")

# So many by each criterion, and so many evenly.
SHOWN = 3
NO_ESTIMATE = "no valid estimate"
CRITERIA = ("hand.mje_cm", "object.add_s_cm", "depth.residual_mm", "interaction.pd_max_mm", NO_ESTIMATE)


def badness(record: FrameRecord) -> dict[str, float]:
    """How bad a frame is by each of the ``CRITERIA`` by which it is bad at all: the larger, the worse.

    Frames without a valid estimate, unless they are known to be out of view, are ranked by how unsure it was. Images
    that could not be used have no picture and are not among them.
    """
    found = {name: record.values[name] for name in CRITERIA if record.values.get(name, 0.0) > 0.0}
    if record.outcome == INVALID and record.truth != OUT_OF_VIEW:
        found[NO_ESTIMATE] = -(record.confidence or 0.0)
    return found


def spread(entries: Sequence[Entry], most: int) -> list[Entry]:
    """At most so many of them at even distances, the first and the last among them."""
    numbers = np.linspace(0, len(entries) - 1, min(most, len(entries))).round().astype(int)
    return [entries[number] for number in numbers]


def evenly(count: int) -> list[int]:
    """Positions of ``SHOWN`` of so many frames, in the middle of equal parts of them."""
    return sorted({int(place) for place in (np.arange(SHOWN) + 0.5) * count / SHOWN}) if count else []
