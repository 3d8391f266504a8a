"""The detector's training loop: resumable, and the same images in the same order wherever it was cut off."""

import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.box_detector import network_input
from hand_object_pose_training.box_detector.augmentation import augmented
from hand_object_pose_training.box_detector.config import DetectorConfig
from hand_object_pose_training.box_detector.frames import LabelledFrames
from hand_object_pose_training.box_detector.losses import detection_loss
from hand_object_pose_training.box_detector.network import BoxNetwork
from hand_object_pose_training.resumption import check_resumable
from hand_object_pose_training.run_state import LAST, RunState, load_state, save_state

_SAVE_EVERY = 100
_SHOW_EVERY = 20
_AVERAGED = ("total", "score", "box")


class DetectorTrainer:
    """Trains one detector; a second one with the same directory goes on where the first was cut off."""

    def __init__(self, config: DetectorConfig, frames: LabelledFrames) -> None:
        """Build the network, and load the run's state where there is one.

        Raises:
            UserError: the state is of other settings, or that to begin with cannot be read.
        """
        self.config, self._frames = config, frames
        torch.manual_seed(config.seed)
        self.network = BoxNetwork()
        self._optimizer = torch.optim.AdamW(self.network.parameters(), lr=config.learning_rate, weight_decay=1e-3)
        self.step, self.seconds, self.steps_before = 0, 0.0, 0
        self._begin_with(config.start_from)
        self._resume()

    @property
    def state_path(self) -> Path:
        """File of the run's state."""
        return self.config.out / "run" / LAST

    def run(self) -> None:
        """Train to the end, saving on the way."""
        self.network.train()
        shown: dict[str, list[float]] = {name: [] for name in _AVERAGED}
        for _ in track(range(self.step, self.config.steps), description="training"):
            start = time.perf_counter()
            for name, loss in self._step().items():
                shown[name].append(float(loss.detach()))
            self.seconds += time.perf_counter() - start
            if self.step % _SHOW_EVERY == 0:
                means = ", ".join(f"{name} {np.mean(values):.4f}" for name, values in shown.items())
                print(f"step {self.step}: {means}; {self.seconds / 60:.1f} minutes", flush=True)
                shown = {name: [] for name in _AVERAGED}
            if self.step % _SAVE_EVERY == 0:
                self.save()
        self.save()

    def save(self) -> None:
        """Write the run's state."""
        device = f"cpu ({os.cpu_count()} cores)"
        states = self.network.state_dict(), self._optimizer.state_dict()
        save_state(
            self.state_path, RunState(self.step, self.config.steps, self.seconds, *states, self._settings(), device)
        )

    def _step(self) -> dict[str, Tensor]:
        config = self.config
        rng = np.random.default_rng([config.seed, self.steps_before + self.step])
        rows = rng.choice(len(self._frames), config.batch_size, replace=False)
        stored = LabelledFrames(self._frames.images[rows], self._frames.boxes[rows], self._frames.present[rows])
        batch = augmented(stored, rng)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate(config, self.step)
        logits, boxes = self.network(torch.from_numpy(network_input(batch.images)))
        truth = torch.from_numpy(batch.boxes), torch.from_numpy(batch.present).float()
        losses = detection_loss(logits, boxes, *truth)
        self._optimizer.zero_grad()
        losses["total"].backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self._optimizer.step()
        self.step += 1
        return losses

    def _settings(self) -> dict[str, str]:
        names = ("frames", "shard_size", "batch_size", "learning_rate", "warmup_steps", "seed")
        settings = {name: str(getattr(self.config, name)) for name in names}
        return {**settings, "steps_before": str(self.steps_before)}

    def _begin_with(self, path: Path | None) -> None:
        """Take over the network of another run, and count its steps and seconds."""
        if path is None:
            return
        if not path.is_file():
            raise UserError(f"{path}: no such state; --start-from takes the state.pt of another run")
        state = load_state(path)
        self.network.load_state_dict(state.network)
        self.steps_before = int(state.settings.get("steps_before", 0)) + state.step
        self.seconds = state.seconds

    def _resume(self) -> None:
        if not self.state_path.exists():
            return
        state = load_state(self.state_path)
        check_resumable(self.state_path, state, self._settings(), self.config.steps)
        self.network.load_state_dict(state.network)
        self._optimizer.load_state_dict(state.optimizer)
        self.step, self.seconds = state.step, state.seconds


def learning_rate(config: DetectorConfig, step: int) -> float:
    """Of one step: a linear rise, then half a cosine down to a hundredth."""
    rise = min(1.0, (step + 1) / (config.warmup_steps + 1))
    fall = 0.505 + 0.495 * math.cos(math.pi * min(step / config.steps, 1.0))
    return config.learning_rate * rise * fall
