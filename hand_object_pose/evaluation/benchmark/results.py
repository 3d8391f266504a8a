"""What was measured frame by frame, and its means: over all, by object, by sequence, by how much is hidden."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hand_object_pose.evaluation.benchmark.intervals import BLOCK_FRAMES, Mean, mean_with_interval
from hand_object_pose.evaluation.benchmark.protocol import Column, Protocol

# Lower edges of the bins of the share that is seen.
_SEEN_BINS = (0.75, 0.5, 0.25, 0.0)


@dataclass(frozen=True)
class BenchmarkRecord:
    """One frame that counts.

    Attributes:
        key: in the dataset; sequence: to which it belongs; number: within the sequence, in the order of time.
        object_name: of the true object.
        seen: share of the hand's vertices on the camera's side that the true object does not hide, and the same of the
            object and the hand; the smaller one. None where the true hand is not known.
        values: see ``frame_values``; empty without an estimate, and ``reason`` says why.
    """

    key: str
    sequence: str
    number: int
    object_name: str
    seen: float | None
    values: dict[str, float] = field(default_factory=dict)
    reason: str = ""


Group = tuple[str, list[BenchmarkRecord]]


def table_means(records: Sequence[BenchmarkRecord], columns: Iterable[Column]) -> dict[str, Mean]:
    """The mean of each column over the frames that have its value, by title; columns that none has are missing."""
    found = {}
    for column in columns:
        rows = [record for record in records if column.value in record.values]
        if rows:
            blocks = [(record.sequence, record.number // BLOCK_FRAMES) for record in rows]
            values = [column.factor * record.values[column.value] for record in rows]
            found[column.title] = mean_with_interval(values, blocks)
    return found


def breakdowns(records: Sequence[BenchmarkRecord]) -> dict[str, list[Group]]:
    """The records by object, by sequence, and by the share of hand and object that is seen."""
    found = {
        "object": _grouped(records, lambda record: record.object_name),
        "sequence": _grouped(records, lambda record: record.sequence),
    }
    known = [record for record in records if record.seen is not None]
    if known:
        found["share seen"] = _grouped(known, lambda record: _seen_bin(record.seen or 0.0))
    return {name: groups for name, groups in found.items() if groups}


def _grouped(records: Sequence[BenchmarkRecord], name_of: Callable[[BenchmarkRecord], str]) -> list[Group]:
    groups: dict[str, list[BenchmarkRecord]] = {}
    for record in records:
        groups.setdefault(name_of(record), []).append(record)
    return sorted(groups.items())


def _seen_bin(seen: float) -> str:
    low = next(edge for edge in _SEEN_BINS if seen >= edge)
    return f"{low:.0%} to {low + 0.25:.0%}"


def write_frames(path: Path, records: Sequence[BenchmarkRecord], protocol: Protocol) -> None:
    """A row for each frame that counts; empty cells were not measured."""
    names = [column.value for column in protocol.columns]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["key", "sequence", "object", "share_seen", "reason", *names])
        for record in records:
            seen = "" if record.seen is None else f"{record.seen:.3f}"
            values = [repr(record.values[name]) if name in record.values else "" for name in names]
            writer.writerow([record.key, record.sequence, record.object_name, seen, record.reason, *values])
