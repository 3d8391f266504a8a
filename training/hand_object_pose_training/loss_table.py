"""``losses.csv``: the losses of every step, in full precision."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from torch import Tensor

from hand_object_pose_training.losses import LossWeights

COLUMNS = ("step", "total", *(field.name for field in fields(LossWeights)))


class LossTable:
    """One row a step: its number from 1, the loss, and its weighted terms, empty where a step has none.

    Rows reach the file with each step, so that a killed run loses none. Those of steps that a resumed run repeats are
    taken away first, so that every step is there once.
    """

    def __init__(self, path: Path, steps_done: int) -> None:
        """Open, keeping the rows of the first ``steps_done`` steps."""
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [",".join(COLUMNS), *(line for line in lines[1:] if _is_row_until(steps_done, line))]
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text("".join(f"{line}\n" for line in kept))
        temporary.replace(path)
        self._file = path.open("a", buffering=1)

    def add(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Write the losses of one step."""
        values = [repr(losses[name].item()) if name in losses else "" for name in COLUMNS[1:]]
        self._file.write(",".join([str(step), *values]) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_losses(path: Path) -> dict[int, float]:
    """The loss of each step; a row that was cut off is left out."""
    rows = (line.split(",") for line in path.read_text().splitlines()[1:])
    return {int(row[0]): float(row[1]) for row in rows if len(row) == len(COLUMNS)}


def _is_row_until(step: int, line: str) -> bool:
    number, *values = line.split(",")
    return len(values) == len(COLUMNS) - 1 and number.isdigit() and int(number) <= step
