"""What is known of each evaluated frame, as rows of a CSV file that gives the same numbers when it is read again."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.metric_table import METRICS

VALID, INVALID, REFUSED = "valid", "invalid", "refused"
IN_VIEW, OUT_OF_VIEW, UNKNOWN = "in_view", "out_of_view", "unknown"

_TEXTS = ("outcome", "truth", "reason", "object", "roi_source", "root_depth_source")
_INTEGERS = ("stamp_ns", "track_id")
_NUMBERS = ("confidence", "root_depth_m")
COLUMNS = (
    *("stamp_ns", "outcome", "truth", "reason", "confidence", "object", "track_id", "roi_source"),
    *("root_depth_m", "root_depth_source", *METRICS),
)


@dataclass(frozen=True)
class FrameRecord:
    """One frame.

    Attributes:
        stamp_ns: of the image.
        outcome: a valid or an invalid estimate, or refused: the image could not be used.
        truth: whether hand and object are in view by the ground truth, or unknown.
        reason: why there is no valid estimate, in words.
        confidence, object, track_id, roi_source, root_depth_m, root_depth_source: of the estimate; None and empty where
            it has none.
        values: by the names of ``METRICS``; what could not be measured is missing.
    """

    stamp_ns: int
    outcome: str
    truth: str = UNKNOWN
    reason: str = ""
    confidence: float | None = None
    object: str = ""
    track_id: int | None = None
    roi_source: str = ""
    root_depth_m: float | None = None
    root_depth_source: str = ""
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        """Whether there is a valid estimate."""
        return self.outcome == VALID


def write_records(path: Path, records: Sequence[FrameRecord]) -> None:
    """One row a frame; empty cells are values that there are none of."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for record in records:
            row = {**vars(record), **record.values}
            writer.writerow([_cell(row.get(column)) for column in COLUMNS])


def read_records(path: Path) -> list[FrameRecord]:
    """What ``write_records`` wrote.

    Raises:
        UserError: it is not there, or something else.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_record(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: expected the frames of an evaluation (CSV), found: {error!r}") from error


def _cell(value: Any) -> str:
    # repr gives the shortest text that is read as the same number.
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def _record(row: Mapping[str, str]) -> FrameRecord:
    fields: dict[str, Any] = {name: row[name] for name in _TEXTS}
    fields |= {name: int(row[name]) if row[name] else None for name in _INTEGERS}
    fields |= {name: float(row[name]) if row[name] else None for name in _NUMBERS}
    return FrameRecord(**fields, values={name: float(row[name]) for name in METRICS if row.get(name)})
