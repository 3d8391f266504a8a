"""The summary of an evaluation as Markdown, for people and for pages of pull requests."""

from collections.abc import Mapping, Sequence
from typing import Any

from hand_object_pose.evaluation.evaluation_file import said_of
from hand_object_pose.evaluation.gates import GateResult
from hand_object_pose.evaluation.metric_table import METRICS, STATISTICS


def summary(content: Mapping[str, Any], gates: Sequence[GateResult] = (), warnings: Sequence[str] = ()) -> str:
    """Everything on a page or two; ``warnings``: about the baseline that the gates compare with."""
    parts = [_head(content), _metrics(content), _frames(content), _latency(content)]
    if gates:
        rows = [["yes" if gate.passed else "**NO**", gate.name, gate.words] for gate in gates]
        parts.append("## Gates\n\n" + markdown_table(["passed", "gate", "measured"], rows))
    parts.append(_bags(content))
    if warnings:
        parts.append("## Beware when comparing with the baseline\n\n" + _list(warnings))
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and aligned to the left, as are all others in Markdown by default."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def share(value: float | None) -> str:
    """As a percentage."""
    return "unknown" if value is None else f"{value:.1%}"


def _head(content: Mapping[str, Any]) -> str:
    protocol, weights, environment = content["protocol"], content["weights"], content["environment"]
    facts = [
        f"weights `{weights['name']}` ({weights['sha256'][:12]}), {content['device']}, {content['threads']} threads",
        f"protocol `{protocol['name']}`, every {protocol['every']}. image"
        + ("" if protocol["chosen_stamps"] is None else f", {protocol['chosen_stamps']} chosen stamps"),
        f"{environment['processor']}, Python {environment['python']}",
    ]
    return "# Evaluation: " + content["status"] + "\n\n" + _list(facts)


def _metrics(content: Mapping[str, Any]) -> str:
    rows = [
        [f"`{name}`", METRICS[name].meaning]
        + [f"{values[statistic]:.3f}" for statistic in STATISTICS]
        + [str(values["frames"]), share(values["availability"])]
        for name, values in content["metrics"].items()
    ]
    if not rows:
        return "No frame has a valid estimate: nothing could be measured."
    return "## Errors, and how often there was an estimate\n\n" + markdown_table(
        ["", "of", *STATISTICS, "frames", "available"], rows
    )


def _frames(content: Mapping[str, Any]) -> str:
    frames, coverage = content["frames"], content["coverage"]
    rows = [[name.replace("_", " "), str(count)] for name, count in frames.items()]
    rows.append(["availability (valid, of those in view)", share(content["availability"])])
    rows.append(["coverage (valid, of all)", share(coverage["share"])])
    rows.append(["longest gap", f"{coverage['longest_gap_s']:.2f} s"])
    rows.append(["tracks", str(coverage["tracks"])])
    return "## Frames\n\n" + markdown_table(["", "count"], rows)


def _latency(content: Mapping[str, Any]) -> str:
    rows = [
        [stage.replace("_", " "), f"{values['p50_ms']:.1f}", f"{values['p95_ms']:.1f}"]
        for stage, values in content["latency"].items()
    ]
    return "## Latency, milliseconds\n\n" + markdown_table(["stage", "p50", "p95"], rows) if rows else ""


def _bags(content: Mapping[str, Any]) -> str:
    lines = ["; ".join([f"`{bag['name']}`: {bag['status']}", *said_of(bag)]) for bag in content["bags"]]
    return "## Bags\n\n" + _list(lines)


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"* {line}" for line in lines)
