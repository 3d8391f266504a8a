"""Measure how fast a CPU core loads and renders training samples, and how long a training waits for them.

    OMP_NUM_THREADS=1 python scripts/measure_training_data.py --shards shards/train --samples 60 --steps 8

Loading and rendering are counted in the core's own time, which other work on the machine hardly changes; the share of
time that the training waits is measured in real time.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import tyro
from run_script import run_script

from hand_object_pose_training.datasets.training_data import TrainingData
from hand_object_pose_training.mixture import MixtureShares
from hand_object_pose_training.train_config import TrainConfig
from hand_object_pose_training.trainer import Trainer
from hand_object_pose_training.training_batches import TrainingBatches

KINDS = ("loading stored samples", "rendering views", "rendering grasps")


@dataclass(frozen=True)
class MeasureConfig:
    """What is measured.

    Attributes:
        shards: samples to train on.
        preset: of the network.
        batch_size: samples a step of the training.
        steps: of the training, after one that is not counted.
        samples: loaded of each kind.
        workers: loader processes of the training.
    """

    shards: Path
    preset: str = "compact"
    batch_size: int = 24
    steps: int = 10
    samples: int = 100
    workers: int = 1


def measure_loading(config: TrainConfig, data: TrainingData, image_size: int, samples: int) -> None:
    """Print the samples that a core loads or renders each second, for each kind of a mixed batch."""
    batches = TrainingBatches(config, data.hand, data.catalogue, image_size, 0, 1)
    for kind, name in enumerate(KINDS):
        batches.dataset[kind, 0, 0]
        start = time.process_time()
        for index in range(1, samples + 1):
            batches.dataset[kind, 0, index]
        print(f"{name}: {samples / (time.process_time() - start):.0f} samples a second of one core")


def main(config: MeasureConfig) -> None:
    """Measure and print."""
    data = TrainingData.of(config.shards)
    with tempfile.TemporaryDirectory() as directory:
        run = TrainConfig(
            config.shards,
            config.shards,
            Path(directory),
            preset=config.preset,
            steps=config.steps + 1,
            batch_size=config.batch_size,
            workers=config.workers,
            mixture=MixtureShares(),
        )
        trainer = Trainer(run, data.hand, data.catalogue)
        measure_loading(run, data, trainer.geometry.image_size, config.samples)
    with tempfile.TemporaryDirectory() as directory:
        plain = TrainConfig(**{**vars(run), "out": Path(directory), "mixture": MixtureShares(1.0, 0.0, 0.0)})
        trainer = Trainer(plain, data.hand, data.catalogue)
        batches = iter(trainer._loader())
        trainer._timed_step(batches)
        trainer.throughput.restart()
        for _ in range(config.steps):
            trainer._timed_step(batches)
        print(f"training in batches of {config.batch_size} with {config.workers} workers: {trainer.throughput}")


if __name__ == "__main__":
    run_script(lambda: main(tyro.cli(MeasureConfig)))
