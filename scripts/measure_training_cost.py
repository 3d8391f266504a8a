"""Count what one training step of a preset costs on any device: operations, and the memory that it needs.

    OMP_NUM_THREADS=1 python scripts/measure_training_cost.py --shards shards/held_out --preset paper

Operations are the multiply-adds of matrix products, convolutions and attention in the forward pass; the backward pass
takes about twice as many. (PyTorch's counter overstates the backward pass of convolutions in groups.) Memory is what
autograd keeps of a sample between forward and backward, and what weights, gradients and Adam's two averages take
whatever the batch. Both are of the network and its losses, finger rendering included if it has a weight; a device needs
some more for its libraries and for what lives within one operation only.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from run_script import run_script
from torch.utils.flop_counter import FlopCounterMode

from hand_object_pose_training.datasets.training_data import TrainingData
from hand_object_pose_training.losses import LossWeights, weighted_sum
from hand_object_pose_training.overfit_config import OverfitConfig
from hand_object_pose_training.overfit_run import first_samples, supervised_network
from hand_object_pose_training.supervised import TrainedPart

PARTS: tuple[TrainedPart, ...] = ("first_stage", "all")


@dataclass(frozen=True)
class MeasureConfig:
    """What is measured.

    Attributes:
        shards: rendered samples; the first ones are taken.
        preset: of the network.
        batch_size: samples.
        finger: weight of the finger rendering loss; 0 leaves it out.
    """

    shards: Path
    preset: str = "paper"
    batch_size: int = 2
    finger: float = 100.0


class KeptBytes(torch.autograd.graph.saved_tensors_hooks):
    """Counts the bytes of what autograd keeps, each storage once."""

    def __init__(self) -> None:
        self.storages: dict[int, int] = {}
        super().__init__(self._pack, lambda tensor: tensor)

    def _pack(self, tensor: torch.Tensor) -> Any:
        storage = tensor.untyped_storage()
        self.storages[storage.data_ptr()] = storage.nbytes()
        return tensor


def main(config: MeasureConfig) -> None:
    """Measure and print."""
    data = TrainingData.of(config.shards)
    settings = OverfitConfig(
        config.shards, Path(), config.preset, samples=config.batch_size, weights=LossWeights(finger=config.finger)
    )
    supervised = supervised_network(settings, data.hand, data.catalogue)
    batch = first_samples(settings, supervised, data.hand, data.catalogue)[1]
    parameters = list(supervised.parameters())
    own = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    fixed = 4 * sum(parameter.numel() * parameter.element_size() for parameter in parameters)
    print(f"{config.preset}: {sum(map(torch.Tensor.numel, parameters)) / 1e6:.1f} million parameters in training")
    print(f"weights, gradients, Adam: {fixed / 2**20:.0f} MiB")
    for part in PARTS:
        kept, counter = KeptBytes(), FlopCounterMode(display=False)
        start = time.process_time()
        with counter, kept:
            total, _ = weighted_sum(supervised(part=part, **vars(batch)), settings.weights)
        total.backward()
        seconds = (time.process_time() - start) / config.batch_size
        size = sum(count for address, count in kept.storages.items() if address not in own) / config.batch_size
        operations = counter.get_total_flops() / 2 / config.batch_size
        counted = f"{operations / 1e9:.2f} billion multiply-adds forward, {size / 2**20:.0f} MiB"
        print(f"{part}, a sample: {counted}, {seconds:.2f} s of a core for both passes")


if __name__ == "__main__":
    run_script(lambda: main(tyro.cli(MeasureConfig)))
