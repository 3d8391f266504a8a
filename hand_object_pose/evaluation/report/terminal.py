"""The summary of an evaluation for the terminal: what matters most; summary.md has everything."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hand_object_pose.evaluation.evaluation_file import said_of
from hand_object_pose.evaluation.report.tables import share

_SHOWN = ("mean", "median", "p95")


def print_summary(content: Mapping[str, Any], console: Console | None = None) -> None:
    """Errors beside availability, the counts of frames, and what readers must know of each bag."""
    console = console or Console()
    if content["metrics"]:
        console.print(_metrics(content))
    frames, coverage = content["frames"], content["coverage"]
    kinds = ", ".join(f"{frames[kind]} {kind}" for kind in ("valid", "invalid", "refused"))
    lines = [
        f"{frames['processed']} frames: {kinds}",
        f"availability (valid, of {frames['in_view']} in view) {share(content['availability'])}; coverage (valid, of "
        f"all) {share(coverage['share'])}; longest gap {coverage['longest_gap_s']:.2f} s; {coverage['tracks']} tracks",
    ]
    if "total" in content["latency"]:
        total = content["latency"]["total"]
        lines.append(f"estimation takes {total['p50_ms']:.0f} ms (median), {total['p95_ms']:.0f} ms (95 %)")
    if "end_to_end" in content["latency"]:
        total = content["latency"]["end_to_end"]
        lines.append(
            f"live, from an image's stamp to its estimate: {total['p50_ms']:.0f} ms (median), "
            f"{total['p95_ms']:.0f} ms (95 %)"
        )
    for line in lines:
        console.print(Text(line))
    for bag in content["bags"]:
        for words in said_of(bag):
            console.print(Text(f"{bag['name']} ({bag['status']}): {words}", style="yellow"))


def _metrics(content: Mapping[str, Any]) -> Table:
    table = Table(title="Errors, and how often there was an estimate", title_justify="left", box=SIMPLE_HEAD)
    # Four numbers fit into the 80 columns that logs of builds have.
    table.add_column("", no_wrap=True)
    for column in (*_SHOWN, "available"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, values in content["metrics"].items():
        table.add_row(name, *(f"{values[entry]:.2f}" for entry in _SHOWN), share(values["availability"]))
    return table
