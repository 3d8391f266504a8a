"""Estimates measured frame by frame."""

from rich.progress import Progress

from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame, frame_values
from hand_object_pose.evaluation.benchmark.protocol import Protocol
from hand_object_pose.evaluation.benchmark.results import BenchmarkRecord
from hand_object_pose_training.benchmark.estimates import Estimates
from hand_object_pose_training.benchmark.frames import BenchmarkFrame, FrameSource


def measure(
    protocol: Protocol, source: FrameSource, estimates: Estimates, every: int = 1
) -> tuple[list[BenchmarkRecord], dict[int, PosedFrame]]:
    """A record of each frame that counts, and the estimated hands by the frames' places in the dataset's list."""
    wanted = {column.value for column in protocol.columns}
    records, found = [], {}
    with Progress(refresh_per_second=1) as bar:
        task = bar.add_task(protocol.name, total=source.listed)
        for frame in source.frames():
            bar.update(task, completed=frame.place)
            if frame.place % every:
                continue
            estimated, reason = estimates.estimate(frame)
            values = frame_values(estimated, frame.truth, frame.model, wanted)
            records.append(_record(frame, values, reason))
            if estimated.hand_vertices is not None:
                found[frame.place] = PosedFrame(estimated.hand_vertices, estimated.joints)
    return records, found


def _record(frame: BenchmarkFrame, values: dict[str, float], reason: str) -> BenchmarkRecord:
    return BenchmarkRecord(
        frame.key, frame.sequence, frame.number, frame.model.name, frame.seen, values, "" if values else reason
    )
