"""The demo's numbers as tables, for the terminal and for the report."""

from rich.console import Console
from rich.table import Table as RichTable

from hand_object_pose.demo.results import DemoResults
from hand_object_pose.evaluation.frame_errors import HAND_ERRORS, OBJECT_ERRORS
from hand_object_pose.evaluation.report.html_report import Table
from hand_object_pose.live.counts import FATES

ERROR_NAMES = (*HAND_ERRORS, *OBJECT_ERRORS, "interaction.pd_mm", "interaction.cp_percent")


def tables(results: DemoResults) -> list[Table]:
    """Counts, latency, errors beside the baseline's, and what of all that is required."""
    found = [requirement_table(results), count_table(results), latency_table(results)]
    errors = error_table(results)
    return [errors, *found] if errors else found


def requirement_table(results: DemoResults) -> Table:
    """What should be reached."""
    rows = [
        [entry.name, f"{entry.measured:.3f}", entry.words, verdict(entry.reached)] for entry in results.requirements
    ]
    problems = len(results.consistency)
    rows.append(["stamps, frames, transforms that differ", str(problems), "0", verdict(not problems)])
    return Table("Required", ("", "measured", "required", "reached"), rows)


def verdict(reached: bool | None) -> str:
    """In a word."""
    return "too brief" if reached is None else "yes" if reached else "NO"


def count_table(results: DemoResults) -> Table:
    """What became of every image."""
    counts = results.counts
    rows = [["published", str(counts.published)], ["= lost in transport", str(counts.lost_in_transport)]]
    rows += [["+ received by the node", str(counts.received)]]
    for number, fate in enumerate(FATES):
        sign = "received =" if number == 0 else "+"
        rows.append([f"{sign} {fate.replace('_', ' ')}", str(getattr(counts, fate))])
    return Table("Images", ("", "count"), rows)


def latency_table(results: DemoResults) -> Table:
    """Latency by stage, rate and slope."""
    rows = [
        [stage.replace("_", " "), f"{values['p50_ms']:.1f}", f"{values['p95_ms']:.1f}"]
        for stage, values in results.latency.items()
    ]
    if results.rate is not None:
        rate = results.rate
        rows.append(["estimates a second (required)", f"{rate.published_hz:.1f}", f"({rate.required_hz:.1f})"])
    if results.age_slope is not None:
        rows.append(["slope of the age, ms/s", f"{results.age_slope:+.3f}", ""])
    return Table("Latency, milliseconds", ("stage", "p50", "p95"), rows)


def error_table(results: DemoResults) -> Table | None:
    """Errors beside the baseline's and the model card's."""
    summary = results.scores.summary
    if summary is None:
        return None
    rows = [
        [
            name,
            f"{summary.errors[name]:.2f}",
            f"{summary.baseline[name]:.2f}",
            f"{results.card[name]:.2f}" if name in results.card else "",
        ]
        for name in ERROR_NAMES
    ]
    rows.append(["availability", f"{summary.availability:.1%}", "", ""])
    return Table(f"Means over {summary.frames} frames in view", ("", "estimate", "baseline", "model card"), rows)


def print_results(results: DemoResults, console: Console | None = None) -> None:
    """To the terminal."""
    console = console or Console()
    console.print(f"\n{results.title}")
    for table in tables(results):
        console.print(rich_table(table))
    for remark in results.remarks:
        console.print(remark, style="yellow", markup=False)
    for reason in results.failures:
        console.print(f"FAILED: {reason}", style="bold red", markup=False)


def rich_table(table: Table) -> RichTable:
    """For the terminal."""
    shown = RichTable(title=table.title, title_justify="left")
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="left" if number == 0 else "right")
    for row in table.rows:
        shown.add_row(*map(_plain, row))
    return shown


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
