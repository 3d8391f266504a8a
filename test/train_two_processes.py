"""A training for ``test_several_devices.py``, which Fabric runs again in every further process.

Arguments: directory of shards, directory of the run, steps, samples a process, processes, and whether gradients are
averaged (0 or 1).
"""

import sys
from pathlib import Path

import torch
from torch.distributed import GradBucket

from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose_training.schedule import ScheduleConfig
from hand_object_pose_training.trainer import TrainConfig, Trainer


def own_gradients(state: object, bucket: GradBucket) -> torch.futures.Future[torch.Tensor]:
    """In place of the averaging: every process keeps its own."""
    kept: torch.futures.Future[torch.Tensor] = torch.futures.Future()
    kept.set_result(bucket.buffer())
    return kept


def main() -> None:
    """Train."""
    shards, out = map(Path, sys.argv[1:3])
    steps, batch_size, devices, averaged = map(int, sys.argv[3:7])
    config = TrainConfig(
        shards,
        shards,
        out,
        start_from=DEFAULT_WEIGHTS,
        steps=20,
        first_stage_steps=10,
        batch_size=batch_size,
        devices=devices,
        freeze_batch_norm=True,
        schedule=ScheduleConfig(learning_rate=1e-5),
        device="cpu",
        workers=0,
        validate_every=1000,
        save_every=1000,
    )
    trainer = Trainer(config, default_hand(), dict(default_catalogue()))
    if not averaged:
        trainer.model._forward_module.register_comm_hook(None, own_gradients)
    batches = iter(trainer._loader())
    for _ in range(steps):
        trainer._timed_step(batches)


if __name__ == "__main__":
    main()
