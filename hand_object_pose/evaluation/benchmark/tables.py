"""A protocol's table with our row in it, and its breakdowns, as Markdown and as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hand_object_pose.evaluation.benchmark.intervals import LEAST_BLOCKS, LEVEL, Mean
from hand_object_pose.evaluation.benchmark.protocol import Column, Protocol
from hand_object_pose.evaluation.benchmark.results import BenchmarkRecord, Group, breakdowns, table_means
from hand_object_pose.evaluation.report.markdown import markdown_table
from hand_object_pose.evaluation.report.tables import share

_FEW = f"no interval: fewer than {LEAST_BLOCKS} blocks of about a second"


def benchmark_text(
    protocol: Protocol,
    records: Sequence[BenchmarkRecord],
    ours: str,
    left_out: Counter[str],
    warnings: Sequence[str] = (),
) -> str:
    """Everything on a page or two.

    Args:
        protocol: that the records were measured by.
        records: of all frames that count; ours: what made the estimates.
        left_out: how many listed frames do not count, by reason.
        warnings: why our row and published ones cannot be compared, if so.
    """
    means = table_means(records, protocol.columns)
    parts = [
        f"# {protocol.title}\n\nProtocol `{protocol.name}`",
        _table(protocol, means, ours),
        *([_lines([f"**beware**: {line}" for line in warnings])] if warnings else []),
        _lines(_counts(records, left_out)),
        "## The protocol\n\n" + _lines(protocol.facts()),
        "## Intervals\n\n" + _intervals(protocol.columns, means),
    ]
    for name, groups in breakdowns(records).items():
        parts.append(f"## By {name}\n\n" + _breakdown(name, groups, protocol.columns))
    return "\n\n".join(parts) + "\n"


def benchmark_content(
    protocol: Protocol,
    records: Sequence[BenchmarkRecord],
    ours: str,
    left_out: Counter[str],
    warnings: Sequence[str] = (),
) -> dict[str, Any]:
    """The same for programs: the protocol, our means and intervals by column, and those of every group."""
    return {
        "protocol": asdict(protocol),
        "estimates": ours,
        "frames": len(records),
        "with_estimate": sum(bool(record.values) for record in records),
        "left_out": dict(left_out),
        "warnings": list(warnings),
        "means": _as_dicts(table_means(records, protocol.columns)),
        "breakdowns": {
            name: {group: _as_dicts(table_means(members, protocol.columns)) for group, members in groups}
            for name, groups in breakdowns(records).items()
        },
    }


def _table(protocol: Protocol, means: Mapping[str, Mean], ours: str) -> str:
    rows = [
        [row.method, *(_number(column, row.numbers.get(column.title)) for column in protocol.columns), row.source]
        for row in protocol.rows
    ]
    rows.append([f"**ours**: {ours}", *_mean_cells(protocol.columns, means), "measured"])
    return markdown_table(["", *(column.title for column in protocol.columns), "from"], rows)


def _counts(records: Sequence[BenchmarkRecord], left_out: Counter[str]) -> list[str]:
    """How much of the data the numbers are about."""
    available = sum(bool(record.values) for record in records)
    lines = [f"{len(records)} frames count, {available} ({share(available / max(len(records), 1))}) have an estimate"]
    without = Counter(record.reason for record in records if record.reason)
    lines += [f"without an estimate: {count}: {reason}" for reason, count in without.most_common()]
    return lines + [f"does not count: {count}: {reason}" for reason, count in left_out.most_common()]


def _intervals(columns: Sequence[Column], means: Mapping[str, Mean]) -> str:
    rows = []
    for column in columns:
        mean = means.get(column.title)
        if mean is not None:
            ends = (mean.low, mean.high)
            interval = _FEW if None in ends else " to ".join(_number(column, end) for end in ends)
            rows.append([column.title, _number(column, mean.value), interval, str(mean.frames), str(mean.blocks)])
    return markdown_table(["", "mean", f"{LEVEL:.0%} interval (bootstrap over blocks)", "frames", "blocks"], rows)


def _breakdown(name: str, groups: Sequence[Group], columns: Sequence[Column]) -> str:
    rows = []
    for group, members in groups:
        available = sum(bool(record.values) for record in members)
        cells = _mean_cells(columns, table_means(members, columns))
        rows.append([group, *cells, str(len(members)), share(available / len(members))])
    return markdown_table([name, *(column.title for column in columns), "frames", "available"], rows)


def _mean_cells(columns: Sequence[Column], means: Mapping[str, Mean]) -> list[str]:
    return [_number(column, means[column.title].value if column.title in means else None) for column in columns]


def _number(column: Column, value: float | None) -> str:
    return "-" if value is None else f"{value:.{column.digits}f}"


def _as_dicts(means: Mapping[str, Mean]) -> dict[str, dict[str, Any]]:
    return {title: asdict(mean) for title, mean in means.items()}


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)
