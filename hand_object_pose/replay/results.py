"""The files that the evaluation of bags writes, and what they say together."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hand_object_pose.evaluation.evaluation_file import (
    COMPLETE,
    FAILED,
    FORMAT,
    FRAMES_FILE,
    METRICS_FILE,
    PARTIAL,
    TIMINGS_FILE,
    write_evaluation,
)
from hand_object_pose.evaluation.frame_record import FrameRecord, read_records, write_records
from hand_object_pose.evaluation.report.shown_frames import SHOWN_FILE, write_shown_frames
from hand_object_pose.evaluation.statistics import (
    availability,
    coverage,
    frame_counts,
    latency_statistics,
    live_totals,
    metric_statistics,
)
from hand_object_pose.evaluation.trajectories import write_trajectory
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.replay.bag_result import BagResult


def write_bag_result(folder: Path, result: BagResult, entry: dict[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """Write everything about one bag, metrics.json last; returns the entry of the bag, completed.

    Args:
        folder: exists.
        result: of the bag.
        entry: the bag's name, folder and path.
        run: protocol, threads and environment.
    """
    write_records(folder / FRAMES_FILE, result.records)
    timings = [(frame.record.stamp_ns, frame.timing) for frame in result.frames if frame.timing]
    _write_timings(folder / TIMINGS_FILE, timings)
    _write_trajectories(folder, result)
    write_shown_frames(folder / SHOWN_FILE, result.shown)
    entry = {
        **entry,
        "status": PARTIAL if result.left_out else COMPLETE,
        "reason": "",
        "digest": result.digest,
        "images": result.images,
        "frames": {"processed": len(result.records), "digest": _stamps_digest(result.records)},
        "duration_s": result.duration_s,
        "truths": result.truths,
        "topics": {
            "image": result.topics.image.name,
            "camera_info": result.topics.camera_info,
            "depth": result.topics.depth.name if result.topics.depth else None,
            "detections": result.topics.detections,
            "ground_truth": result.truth_topic or None,
        },
        "left_out": result.left_out,
        "remarks": result.remarks,
        **({} if result.live is None else {"live": result.live}),
    }
    weights = {"name": result.weights.name, "sha256": result.weights.hash, "preset": result.weights.preset}
    made_with = {**run, "weights": weights, "device": result.device}
    alone = {**entry, "folder": "."}
    content = evaluation([alone], [result.records], [timing for _, timing in timings], made_with)
    write_evaluation(folder / METRICS_FILE, content)
    return {**entry, "made_with": made_with}


def read_bag_result(folder: Path) -> tuple[list[FrameRecord], list[dict[str, float]]]:
    """Rows and timings of a bag that was written."""
    return read_records(folder / FRAMES_FILE), _read_timings(folder / TIMINGS_FILE)


def evaluation(
    bags: Sequence[Mapping[str, Any]],
    records: Sequence[Sequence[FrameRecord]],
    timings: Sequence[dict[str, float]],
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of a metrics.json.

    Args:
        bags: an entry for each bag, also for those that failed.
        records: of each bag that did not.
        timings: seconds by stage of all frames.
        run: protocol, weights, device, threads, environment.
    """
    frames = [record for rows in records for record in rows]
    return {
        "format": FORMAT,
        "status": _status(bags),
        **run,
        "frames": frame_counts(frames),
        "availability": availability(frames),
        "coverage": coverage(records),
        "metrics": metric_statistics(frames),
        "latency": latency_statistics(timings),
        "live": live_totals([bag["live"]["counts"] for bag in bags if "live" in bag]),
        "bags": list(bags),
    }


def _stamps_digest(records: Sequence[FrameRecord]) -> str:
    """SHA-256 of the stamps: tells whether two evaluations are over the same frames."""
    return hashlib.sha256(repr([record.stamp_ns for record in records]).encode()).hexdigest()


def _status(bags: Sequence[Mapping[str, Any]]) -> str:
    kinds = {bag["status"] for bag in bags}
    return COMPLETE if kinds == {COMPLETE} else FAILED if kinds == {FAILED} else PARTIAL


def _write_timings(path: Path, timings: Sequence[tuple[int, Mapping[str, float]]]) -> None:
    """Apart from the frames, which are the same whenever they are evaluated; times never are."""
    stages = list(dict.fromkeys(stage for _, timing in timings for stage in timing))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["stamp_ns", *(f"{stage}_s" for stage in stages)])
        writer.writerows([stamp, *(timing.get(stage, "") for stage in stages)] for stamp, timing in timings)


def _read_timings(path: Path) -> list[dict[str, float]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name.removesuffix("_s"): float(text) for name, text in row.items() if text and name != "stamp_ns"}
            for row in csv.DictReader(file)
        ]


def _write_trajectories(folder: Path, result: BagResult) -> None:
    def write(name: str, poses: Sequence[tuple[int, Any]]) -> None:
        stamps, matrices = [stamp for stamp, _ in poses], [matrix for _, matrix in poses]
        write_trajectory(folder / name, stamps, np.array(matrices).reshape(-1, 4, 4))

    frames = [(frame.record.stamp_ns, frame) for frame in result.frames]
    write("object_estimate.tum", [(s, f.object_pose) for s, f in frames if f.object_pose is not None])
    write("object_truth.tum", [(s, f.truth.object_pose) for s, f in frames if f.truth])
    hands = [(s, f.pair.hand.joints[WRIST]) for s, f in frames if f.pair and f.pair.hand]
    # The estimate holds no orientation of the wrist; a trajectory cannot do without one.
    write("wrist_estimate.tum", [(s, pose_matrix(np.eye(3), wrist)) for s, wrist in hands])
    true = [(s, f.truth.joints[WRIST]) for s, f in frames if f.truth and f.truth.joints is not None]
    write("wrist_truth.tum", [(s, pose_matrix(np.eye(3), wrist)) for s, wrist in true])
