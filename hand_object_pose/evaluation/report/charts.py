"""Curves and charts of an evaluation's report, from the rows of its bags."""

from collections.abc import Mapping, Sequence

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.evaluation.frame_record import IN_VIEW, FrameRecord
from hand_object_pose.evaluation.metric_table import METRICS
from hand_object_pose.evaluation.metrics.curves import THRESHOLDS, pck_curve
from hand_object_pose.evaluation.report.figures import Chart, Curve

Bags = Mapping[str, Sequence[FrameRecord]]

_OVER_TIME = (
    *("hand.mje_cm", "object.add_s_cm", "depth.residual_mm", "interaction.pd_max_mm"),
    *("stability.wrist_jump_cm", "stability.object_jump_cm"),
)
_HISTOGRAMS = (*_OVER_TIME[:3], "object.rotation_deg", "object.translation_cm", "hand.mje_camera_cm")
# Of a panel, over all bags: more than a screen can show, and few enough for a small file.
_LARGEST_POINTS = 6000
_BINS, _MOST = 40, 99.0
_CM = 100.0


def curves_over_time(bags: Bags) -> list[Curve]:
    """What was measured, and the confidence, over the seconds since the first image of each bag.

    Of long bags, each point is the worst of several successive frames.
    """
    kept = max(1, _LARGEST_POINTS // max(1, len(bags)))
    curves = []
    for name in _OVER_TIME:
        if any(name in record.values for records in bags.values() for record in records):
            curves += [_curve(name, bag, records, kept) for bag, records in bags.items()]
    for bag, records in bags.items():
        unsure = np.array([-np.nan if record.confidence is None else -record.confidence for record in records])
        time, values = worst_of_neighbours(_seconds(records), unsure, kept)
        curves.append(Curve("confidence", bag, time.tolist(), (-values).tolist()))
    return curves


def accuracy_charts(bags: Bags, joint_shares: FloatArray) -> list[Chart]:
    """Shares of joints, and of objects, within a distance of the truth; what has no valid estimate is not within it.

    Args:
        bags: rows by name.
        joint_shares: (T,) sum over all frames, see ``ShownFrames``.
    """
    in_view = [record for records in bags.values() for record in records if record.truth == IN_VIEW]
    if not in_view:
        return []
    distances = (_CM * THRESHOLDS).tolist()
    charts = []
    if any("hand.mje_cm" in record.values for record in in_view):
        lines = {"joints": (distances, (joint_shares / len(in_view)).tolist())}
        charts.append(
            Chart(
                "Joints within a distance, wrists aligned (PCK)", "cm", "share, of frames in view", lines, shares=True
            )
        )
    errors = np.array([record.values.get("object.add_s_cm", np.inf) for record in in_view])
    if np.isfinite(errors).any():
        lines = {"objects": (distances, pck_curve(errors[:, None] / _CM).tolist())}
        charts.append(Chart("Objects within a distance, ADD-S", "cm", "share, of frames in view", lines, shares=True))
    return charts


def histograms(bags: Bags) -> list[Chart]:
    """How often each error occurs; the last bar holds everything larger, too."""
    charts = []
    for name in _HISTOGRAMS:
        values = np.array([r.values[name] for records in bags.values() for r in records if name in r.values])
        if len(values):
            title = f"{name}: {METRICS[name].meaning}"
            charts.append(Chart(title, name.rpartition("_")[2], "frames", {"frames": _bars(values)}, bars=True))
    return charts


def worst_of_neighbours(time: FloatArray, values: FloatArray, kept: int) -> tuple[FloatArray, FloatArray]:
    """Of values (N,) over time (N,) at most about ``kept``, the largest of equally many neighbours; NaN if all are."""
    size = -(-len(values) // kept)
    if size <= 1:
        return time, values
    chosen = []
    for start in range(0, len(values), size):
        part = values[start : start + size]
        chosen.append(start + (0 if np.isnan(part).all() else int(np.nanargmax(part))))
    return time[chosen], values[chosen]


def _curve(name: str, bag: str, records: Sequence[FrameRecord], kept: int) -> Curve:
    values = np.array([record.values.get(name, np.nan) for record in records])
    time, values = worst_of_neighbours(_seconds(records), values, kept)
    return Curve(name, bag, time.tolist(), values.tolist())


def _seconds(records: Sequence[FrameRecord]) -> FloatArray:
    # Since the first: a number of seconds since 1970 has no room for nanoseconds.
    return np.array([(record.stamp_ns - records[0].stamp_ns) / 1e9 for record in records])


def _bars(values: FloatArray) -> tuple[list[float], list[float]]:
    """Middles and heights. A few large errors must not squeeze all others into one bar."""
    largest = float(np.percentile(values, _MOST)) or float(values.max()) or 1.0
    counts, edges = np.histogram(np.minimum(values, largest), bins=_BINS, range=(0.0, largest))
    return ((edges[:-1] + edges[1:]) / 2).tolist(), counts.tolist()
