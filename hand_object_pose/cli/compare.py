"""`hand-object-pose compare`: evaluations of the same bags beside each other."""

import sys
from pathlib import Path
from typing import Annotated

import tyro

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.comparability import differences
from hand_object_pose.evaluation.comparison import Difference, compare
from hand_object_pose.evaluation.evaluation_file import read_evaluation, read_frames
from hand_object_pose.evaluation.report.markdown import markdown_table


def run(evaluations: Annotated[tuple[Path, ...], tyro.conf.Positional], out: Path | None = None) -> int:
    """Compare evaluations with the first of them, over the frames that both processed, with a paired test.

    Args:
        evaluations: two or more metrics.json of evaluate-bag, or the directories that hold them.
        out: write the tables to this file, too (Markdown).
    """
    if len(evaluations) < 2:
        raise UserError(f"expected at least two evaluations, found {len(evaluations)}")
    first, *others = evaluations
    contents = {path: read_evaluation(path) for path in evaluations}
    frames = read_frames(first, "digest")
    parts = []
    for other in others:
        found = compare(frames, read_frames(other, "digest"))
        if not found:
            raise UserError(f"{first} and {other}: no frame is in both: other bags, or other stamps")
        warnings = differences(contents[first], contents[other])
        for warning in warnings:
            print(f"BEWARE: {warning}", file=sys.stderr)
        parts.append(comparison_text(str(first), str(other), found, warnings))
    text = "\n\n".join(parts) + "\n"
    print(text)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    return 0


def comparison_text(first: str, second: str, found: list[Difference], warnings: list[str]) -> str:
    """Markdown: what to beware of, and a row for each metric."""
    rows = [
        [
            f"`{entry.name}`",
            f"{entry.first:.4g}",
            f"{entry.second:.4g}",
            f"{entry.change:+.4g}",
            f"{entry.change / entry.first:+.1%}" if entry.first else "",
            "" if entry.p_value is None else f"{entry.p_value:.3g}",
            entry.verdict,
            f"{entry.frames} in {entry.blocks} blocks",
        ]
        for entry in found
    ]
    columns = ["", "A", "B", "B - A", "of A", "p", "B is", "frames"]
    beware = "".join(f"* **beware**: {warning}\n" for warning in warnings)
    return f"# A: {first}, B: {second}\n\n{beware}\n{markdown_table(columns, rows)}"
