"""What a run writes while it trains: TensorBoard's events, ``losses.csv``, and how fast it goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from hand_object_pose_training.loss_table import LossTable


class RunLog:
    """TensorBoard's events and ``losses.csv``; of several processes only the first writes them."""

    def __init__(self, out: Path, steps_done: int, writing: bool) -> None:
        """Go on after ``steps_done`` steps; what was logged of later ones is replaced."""
        self._events = SummaryWriter(str(out / "log"), purge_step=steps_done) if writing else None
        self._table = LossTable(out / "losses.csv", steps_done) if writing else None

    def losses(self, step: int, losses: Mapping[str, Tensor]) -> None:
        """A row of the table."""
        if self._table is not None:
            self._table.add_losses(step, losses)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Events, each under its name."""
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, step)

    def picture(self, step: int, name: str, image: NDArray[np.uint8]) -> None:
        """A picture (H, W, 3), RGB, under its name."""
        if self._events is not None:
            self._events.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        if self._events is not None:
            self._events.close()
        if self._table is not None:
            self._table.close()


@dataclass
class Throughput:
    """How fast steps go, and which share of their time they wait for data, since the last ``restart``.

    Attributes:
        samples_a_step: of all devices.
    """

    samples_a_step: int
    steps: int = 0
    seconds: float = 0.0
    waited: float = 0.0

    def add(self, seconds: float, waited: float) -> None:
        """One step, and how long of it no data was there."""
        self.steps, self.seconds, self.waited = self.steps + 1, self.seconds + seconds, self.waited + waited

    def restart(self) -> None:
        """Begin anew."""
        self.steps, self.seconds, self.waited = 0, 0.0, 0.0

    def __str__(self) -> str:
        values = self.scalars()
        share = values["data_wait_fraction"]
        return f"{values['samples_per_second']:.1f} samples/s, {share:.0%} of the time waiting for data"

    def scalars(self) -> dict[str, float]:
        """By the names under which they are logged; there is a step."""
        rate = self.samples_a_step * self.steps / self.seconds
        return {"samples_per_second": rate, "data_wait_fraction": self.waited / self.seconds}
