"""The network, the batch and the optimizer of ``overfit``; their state is that of a training, and goes on as one."""

import os
import time
from dataclasses import asdict
from pathlib import Path

import torch
from lightning_fabric.utilities.seed import seed_everything

from hand_object_pose.errors import UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.network.imagenet import load_imagenet_weights
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.augmentation import NO_AUGMENTATION
from hand_object_pose_training.datasets.training_data import open_samples
from hand_object_pose_training.finger_loss import FingerRendering
from hand_object_pose_training.losses import weighted_sum
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.overfit_config import OverfitConfig
from hand_object_pose_training.reduced_network import reduced_config
from hand_object_pose_training.resumption import check_resumable
from hand_object_pose_training.run_state import LAST, RunState, load_state, save_state
from hand_object_pose_training.samples import Batch, CropDataset, collate
from hand_object_pose_training.supervised import SupervisedNetwork, TrainedPart

# What changes nothing in the weights.
_FREE_TO_CHANGE = frozenset({"out", "measure_every"})


class OverfitRun:
    """Learns one batch, step by step, from where the directory's state stands.

    Attributes:
        supervised: the network with its losses; stored: all samples; batch: those that are learned.
        step: steps done.
    """

    def __init__(self, config: OverfitConfig, hand: HandModel, catalogue: dict[str, ObjectModel]) -> None:
        """Build everything, and load the run's state where there is one.

        Raises:
            UserError: too few samples, settings that do not fit each other, or a state of other settings.
        """
        self.config = config
        seed_everything(config.seed, verbose=False)
        self.supervised = supervised_network(config, hand, catalogue)
        self.stored, self.batch = first_samples(config, self.supervised, hand, catalogue)
        rate = config.schedule.learning_rate
        self._optimizer = torch.optim.Adam(self.supervised.parameters(), lr=rate, fused=True)
        self.step, self._seconds = 0, 0.0
        self._settings = {name: str(value) for name, value in asdict(config).items() if name not in _FREE_TO_CHANGE}
        self._resume()

    @property
    def state_path(self) -> Path:
        """File of the run's state."""
        return self.config.out / LAST

    def train_step(self) -> float:
        """One step of the optimizer; returns the loss before it."""
        config, start = self.config, time.perf_counter()
        self.supervised.train()
        for group in self._optimizer.param_groups:
            group["lr"] = config.schedule.at(self.step, config.steps)
        part: TrainedPart = "first_stage" if self.step < config.first_stage_share * config.steps else "all"
        total, _ = weighted_sum(self.supervised(part=part, **vars(self.batch)), config.weights)
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.supervised.parameters(), config.gradient_clip)
        self._optimizer.step()
        self.step += 1
        self._seconds += time.perf_counter() - start
        return total.item()

    def save(self) -> None:
        """Write the run's state; raises as ``save_state``."""
        progress = self.step, self.config.steps, self._seconds
        weights = self.supervised.network.state_dict(), self._optimizer.state_dict()
        save_state(self.state_path, RunState(*progress, *weights, self._settings, f"cpu ({os.cpu_count()} cores)"))

    def _resume(self) -> None:
        if not self.state_path.exists():
            return
        state = load_state(self.state_path)
        check_resumable(self.state_path, state, self._settings, None)
        self.supervised.network.load_state_dict(state.network)
        self._optimizer.load_state_dict(state.optimizer)
        self.step, self._seconds = state.step, state.seconds


def supervised_network(config: OverfitConfig, hand: HandModel, catalogue: dict[str, ObjectModel]) -> SupervisedNetwork:
    """The network at its initial weights, with its losses."""
    network = HandObjectNetwork(
        reduced_config(config.preset, config.image_size, config.width), hand, training_heads=True
    )
    if config.imagenet_weights is not None:
        load_imagenet_weights(network, config.imagenet_weights)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    geometry = network.config.lixels
    finger = FingerRendering(hand, geometry.image_size) if config.weights.finger > 0 else None
    return SupervisedNetwork(network, Objective(geometry, hand, catalogue, finger), mixed_precision=False)


def first_samples(
    config: OverfitConfig, supervised: SupervisedNetwork, hand: HandModel, catalogue: dict[str, ObjectModel]
) -> tuple[CropDataset, Batch]:
    """All samples without augmentation, and the first of them as a batch.

    Raises:
        UserError: there are too few.
    """
    size = supervised.network.config.image_size
    stored = CropDataset(open_samples(config.shards, size, hand, catalogue), catalogue, size, NO_AUGMENTATION)
    if not 2 <= config.samples <= len(stored):
        raise UserError(f"--samples: expected 2 to {len(stored)}, which {config.shards} has; found {config.samples}")
    return stored, collate([stored[0, index] for index in range(config.samples)])
