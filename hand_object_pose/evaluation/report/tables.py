"""The tables of an evaluation, for its report as for its summary."""

from collections.abc import Mapping, Sequence
from typing import Any

from hand_object_pose.evaluation.gates import GateResult
from hand_object_pose.evaluation.metric_table import METRICS, STATISTICS
from hand_object_pose.evaluation.report.html_report import Table


def share(value: float | None) -> str:
    """As a percentage."""
    return "unknown" if value is None else f"{value:.1%}"


def error_table(content: Mapping[str, Any]) -> Table:
    """A row for each metric that was measured: statistics, over how many frames, and how often there was a value."""
    rows = [
        [name, METRICS[name].meaning]
        + [f"{values[statistic]:.3f}" for statistic in STATISTICS]
        + [str(values["frames"]), share(values["availability"])]
        for name, values in content["metrics"].items()
    ]
    columns = ["", "of", *STATISTICS, "frames", "available"]
    return Table("Errors, and how often there was an estimate", columns, rows)


def frame_table(content: Mapping[str, Any]) -> Table:
    """How many frames there are of each kind, and how continuous the estimates are."""
    coverage = content["coverage"]
    rows = [[name.replace("_", " "), str(count)] for name, count in content["frames"].items()]
    rows += [
        ["availability (valid, of those in view)", share(content["availability"])],
        ["coverage (valid, of all)", share(coverage["share"])],
        ["longest gap", f"{coverage['longest_gap_s']:.2f} s"],
        ["tracks", str(coverage["tracks"])],
    ]
    return Table("Frames", ["", "count"], rows)


def gate_table(gates: Sequence[GateResult]) -> Table:
    """What became of each gate."""
    rows = [["yes" if gate.passed else "NO", gate.name, gate.words] for gate in gates]
    return Table("Gates", ["passed", "gate", "measured"], rows)
