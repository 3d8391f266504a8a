"""Statistics over frames, accuracy always beside how often there was an estimate at all."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from hand_object_pose.evaluation.frame_record import IN_VIEW, INVALID, OUT_OF_VIEW, REFUSED, UNKNOWN, FrameRecord
from hand_object_pose.evaluation.metric_table import METRICS

# What is more than a stage of the work on one frame: their sum, and what clocks say of live nodes.
_WHOLE = ("total", "transport", "node", "end_to_end")
LIVE_COUNTS = ("published", "lost_in_transport", "received", "estimated", "invalid", "replaced", "too_old", "refused")


def metric_statistics(records: Sequence[FrameRecord]) -> dict[str, dict[str, float]]:
    """Mean, median, 95th percentile and maximum of each metric that was measured.

    ``frames``: over how many frames; ``availability``: their share of the frames that could have a value: of those in
    view for what needs ground truth, of all for the rest.
    """
    in_view = [record for record in records if record.truth == IN_VIEW]
    found = {}
    for name, metric in METRICS.items():
        population = in_view if metric.needs_truth else records
        values = np.array([record.values[name] for record in population if name in record.values])
        if len(values):
            found[name] = {
                "mean": float(values.mean()),
                "median": float(np.median(values)),
                "p95": float(np.percentile(values, 95)),
                "max": float(values.max()),
                "frames": len(values),
                "availability": len(values) / len(population),
            }
    return found


def frame_counts(records: Sequence[FrameRecord]) -> dict[str, int]:
    """How many frames there are of each kind."""
    return {
        "processed": len(records),
        "valid": sum(record.is_valid for record in records),
        "invalid": sum(record.outcome == INVALID for record in records),
        "refused": sum(record.outcome == REFUSED for record in records),
        "in_view": sum(record.truth == IN_VIEW for record in records),
        "in_view_valid": sum(record.truth == IN_VIEW and record.is_valid for record in records),
        "out_of_view": sum(record.truth == OUT_OF_VIEW for record in records),
        "out_of_view_valid": sum(record.truth == OUT_OF_VIEW and record.is_valid for record in records),
        "without_truth": sum(record.truth == UNKNOWN for record in records),
    }


def availability(records: Sequence[FrameRecord]) -> float | None:
    """Share of the frames in view with a valid estimate; None where no frame is known to be in view."""
    counts = frame_counts(records)
    return counts["in_view_valid"] / counts["in_view"] if counts["in_view"] else None


def coverage(sequences: Sequence[Sequence[FrameRecord]]) -> dict[str, Any]:
    """How continuous the estimates of bags are.

    ``share``: of all frames with a valid estimate; ``longest_gap_s``: the longest time from one valid estimate to the
    next, or from the first frame of a bag, or to its last; ``tracks``: how often a track began.
    """
    frames = [record for records in sequences for record in records]
    if not frames:
        return {"share": 0.0, "longest_gap_s": 0.0, "tracks": 0}
    return {
        "share": sum(record.is_valid for record in frames) / len(frames),
        "longest_gap_s": max(_longest_gap(records) for records in sequences if records),
        "tracks": sum(len({record.track_id for record in records if record.is_valid}) for records in sequences),
    }


def latency_statistics(frames: Iterable[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Milliseconds by stage, of seconds by stage; stages of one frame first, then their sum and what clocks say.

    Only of frames on which the network ran: an image without a region to look at takes next to no time.
    """
    stages: dict[str, list[float]] = {}
    for timing in frames:
        for stage, seconds in timing.items() if "network" in timing else ():
            stages.setdefault(stage, []).append(1000.0 * seconds)
    return {
        stage: {
            "p50_ms": float(np.percentile(values, 50)),
            "p95_ms": float(np.percentile(values, 95)),
            "mean_ms": float(np.mean(values)),
        }
        for stage, values in sorted(stages.items(), key=lambda entry: entry[0] in _WHOLE)
    }


def live_totals(counts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What became of the images that were played into live nodes, over all bags, and the share without an estimate."""
    if not counts:
        return {}
    totals = {name: sum(int(entry[name]) for entry in counts) for name in LIVE_COUNTS}
    answered, published = totals["estimated"] + totals["invalid"], totals["published"]
    return {**totals, "dropped_share": 1.0 - answered / published if published else 0.0}


def _longest_gap(records: Sequence[FrameRecord]) -> float:
    stamps = [record.stamp_ns for record in records]
    valid = [record.stamp_ns for record in records if record.is_valid]
    ends = [min(stamps), *valid, max(stamps)]
    return max(abs(later - earlier) for earlier, later in pairwise(ends)) / 1e9
