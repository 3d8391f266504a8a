"""The summary of an evaluation as Markdown, for people and for pages of pull requests."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hand_object_pose.evaluation.evaluation_file import said_of
from hand_object_pose.evaluation.gates import GateResult
from hand_object_pose.evaluation.report.html_report import Table
from hand_object_pose.evaluation.report.tables import error_table, frame_table, gate_table


def summary(content: Mapping[str, Any], gates: Sequence[GateResult] = (), warnings: Sequence[str] = ()) -> str:
    """Everything on a page or two; ``warnings``: about the baseline that the gates compare with."""
    parts = [_head(content), _errors(content), _section(frame_table(content)), _latency(content)]
    if gates:
        parts.append(_gates(gates))
    parts.append(_bags(content))
    if warnings:
        parts.append("## Beware when comparing with the baseline\n\n" + _list(warnings))
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and aligned to the left, as are all others in Markdown by default."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _head(content: Mapping[str, Any]) -> str:
    protocol, weights, environment = content["protocol"], content["weights"], content["environment"]
    facts = [
        f"weights `{weights['name']}` ({weights['sha256'][:12]}), {content['device']}, {content['threads']} threads",
        f"protocol `{protocol['name']}`, every {protocol['every']}. image"
        + ("" if protocol["chosen_stamps"] is None else f", {protocol['chosen_stamps']} chosen stamps"),
        f"{environment['processor']}, Python {environment['python']}",
    ]
    return "# Evaluation: " + content["status"] + "\n\n" + _list(facts)


def _section(table: Table) -> str:
    return f"## {table.title}\n\n{markdown_table(table.columns, table.rows)}"


def _errors(content: Mapping[str, Any]) -> str:
    table = error_table(content)
    if not table.rows:
        return "No frame has a valid estimate: nothing could be measured."
    return _section(replace(table, rows=[[f"`{name}`", *cells] for name, *cells in table.rows]))


def _gates(gates: Sequence[GateResult]) -> str:
    table = gate_table(gates)
    return _section(replace(table, rows=[["**NO**" if row[0] == "NO" else row[0], *row[1:]] for row in table.rows]))


def _latency(content: Mapping[str, Any]) -> str:
    rows = [
        [stage.replace("_", " "), f"{values['p50_ms']:.1f}", f"{values['p95_ms']:.1f}"]
        for stage, values in content["latency"].items()
    ]
    return _section(Table("Latency, milliseconds", ["stage", "p50", "p95"], rows)) if rows else ""


def _bags(content: Mapping[str, Any]) -> str:
    lines = ["; ".join([f"`{bag['name']}`: {bag['status']}", *said_of(bag)]) for bag in content["bags"]]
    return "## Bags\n\n" + _list(lines)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)
