"""``losses.csv``: the losses of every step, in full precision."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from torch import Tensor

from hand_object_pose_training.losses import LossWeights
from hand_object_pose_training.step_table import StepTable

COLUMNS = ("step", "total", *(field.name for field in fields(LossWeights)))


class LossTable(StepTable):
    """The loss of each step, and its weighted terms."""

    def __init__(self, path: Path, steps_done: int) -> None:
        """Open, keeping the rows of the first ``steps_done`` steps."""
        super().__init__(path, COLUMNS, steps_done)

    def add_losses(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """Write the losses of one step."""
        self.add({"step": step, **{name: value.item() for name, value in losses.items()}})


def read_losses(path: Path) -> dict[int, float]:
    """The loss of each step; a row that was cut off is left out."""
    rows = (line.split(",") for line in path.read_text().splitlines()[1:])
    return {int(row[0]): float(row[1]) for row in rows if len(row) == len(COLUMNS)}
