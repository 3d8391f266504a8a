"""`hand-object-pose demo-summary`: mean and worst over several demo sequences."""

import json
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from hand_object_pose.demo.summary import read_metrics, run_names, summarise_runs, summary_table, target_table
from hand_object_pose.demo.tables import rich_table


def run(metrics: Annotated[tuple[Path, ...], tyro.conf.Positional], out: Path | None = None) -> int:
    """Mean and worst of each number over demo runs, beside the baseline's and the targets, as tables and as JSON.

    Exit status 1 if one of the runs failed; a target that is not reached is said, and no failure.

    Args:
        metrics: the metrics.json files.
        out: JSON file to write.
    """
    runs = [read_metrics(path) for path in metrics]
    summary = summarise_runs(dict(zip(run_names(metrics, runs), runs, strict=True)))
    for table in (summary_table(summary), target_table(summary)):
        Console(width=140).print(rich_table(table))
    for name, reasons in summary["failed"].items():
        print(f"{name} FAILED: {'; '.join(reasons)}")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        print(out)
    return 1 if summary["failed"] else 0
