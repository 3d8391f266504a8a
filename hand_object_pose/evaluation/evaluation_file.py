"""The metrics.json of an evaluation: what it holds, reading it, and its numbers by name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.evaluation.frame_record import FrameRecord, read_records
from hand_object_pose.evaluation.metric_table import METRICS, STATISTICS
from hand_object_pose.evaluation.statistics import LIVE_COUNTS, frame_counts

FORMAT = "hand_object_pose evaluation 1"
# The status of a bag, and of all together.
COMPLETE, PARTIAL, FAILED = "complete", "partial", "failed"
METRICS_FILE, FRAMES_FILE, TIMINGS_FILE = "metrics.json", "frames.csv", "timings.csv"

_LATENCY = ("p50_ms", "p95_ms", "mean_ms")


def read_evaluation(path: Path) -> dict[str, Any]:
    """The content of a metrics.json, or of the one in a directory.

    Raises:
        UserError: it is not there, or something else.
    """
    file = path / METRICS_FILE if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: expected the {METRICS_FILE} of evaluate-bag, found: {in_one_line(error)}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{file}: expected the {METRICS_FILE} of evaluate-bag ('{FORMAT}'), found another file")
    return content


def read_frames(path: Path, key: Literal["name", "digest"] = "name") -> dict[str, list[FrameRecord]]:
    """The frames that belong to a metrics.json, of all bags that were evaluated, by the bags' names or digests.

    Raises:
        UserError: they are not beside it.
    """
    content = read_evaluation(path)
    folder = path if path.is_dir() else path.parent
    return {
        bag[key]: read_records(folder / bag["folder"] / FRAMES_FILE)
        for bag in content["bags"]
        if bag["status"] != FAILED
    }


def write_evaluation(path: Path, content: Mapping[str, Any]) -> None:
    """Write it whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, allow_nan=False, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def said_of(bag: Mapping[str, Any]) -> list[str]:
    """What readers must know of a bag by its entry, in words: why it failed, else what is missing and remarked."""
    return [bag["reason"]] if bag["status"] == FAILED else [*bag["left_out"], *bag["remarks"]]


def numbers(content: Mapping[str, Any]) -> dict[str, float]:
    """Every number of an evaluation by its dotted name, such as ``object.add_s_cm.p95`` and ``availability``."""
    found: dict[str, float] = {}
    for name, values in content["metrics"].items():
        found |= {f"{name}.{statistic}": value for statistic, value in values.items()}
    for section in ("frames", "coverage", "live"):
        found |= {f"{section}.{name}": value for name, value in content.get(section, {}).items()}
    for stage, values in content["latency"].items():
        found |= {f"latency.{stage}.{name}": value for name, value in values.items()}
    if content["availability"] is not None:
        found["availability"] = content["availability"]
    return {name: float(value) for name, value in found.items()}


def can_be_measured(name: str) -> bool:
    """Whether some evaluation has a number of this name."""
    if name.startswith("latency."):
        _, *stage, statistic = name.split(".")
        return len(stage) == 1 and statistic in _LATENCY
    return name in known_names()


def known_names() -> list[str]:
    """All names but those of latencies."""
    statistics = (*STATISTICS, "frames", "availability")
    return [
        "availability",
        *(f"coverage.{name}" for name in ("share", "longest_gap_s", "tracks")),
        *(f"frames.{name}" for name in frame_counts([])),
        *(f"live.{name}" for name in (*LIVE_COUNTS, "dropped_share")),
        *(f"{metric}.{statistic}" for metric in METRICS for statistic in statistics),
    ]
