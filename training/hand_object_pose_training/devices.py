"""The processes and devices of a run, and BatchNorm over the samples of all of them."""

import os

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import nn

from hand_object_pose.errors import UserError
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose_training.train_config import TrainConfig


def fabric_of(config: TrainConfig) -> Fabric:
    """One process, or one a device: those that ``torchrun`` started, otherwise started here, on this machine.

    Raises:
        UserError: there is no such device, ``torchrun`` started another number of processes than the settings say, or
            was not used although there are several machines.
    """
    _check_device(config.device)
    processes = config.devices * config.machines
    _check_launch(processes, config)
    if processes == 1:
        return Fabric(accelerator=config.device, devices=1)
    # A step of a part alone leaves parameters unused.
    strategy = DDPStrategy(find_unused_parameters=max(config.hand_steps, config.first_stage_steps) > 0)
    fabric = Fabric(accelerator=config.device, strategy=strategy, devices=config.devices, num_nodes=config.machines)
    fabric.launch()
    return fabric


def _check_device(device: str) -> None:
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device: expected auto, cpu or cuda, found '{device}'")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch finds no GPU here; take auto or cpu")


def _check_launch(processes: int, config: TrainConfig) -> None:
    wanted = f"--devices {config.devices} --machines {config.machines}"
    if torch.distributed.is_torchelastic_launched():
        started = int(os.environ["WORLD_SIZE"])
        if started != processes:
            raise UserError(f"torchrun started {started} processes, expected {processes} for {wanted}")
    elif config.machines > 1:
        raise UserError(
            f"{wanted}: start it on each machine with torchrun --nnodes {config.machines} "
            f"--nproc-per-node {config.devices} -m hand_object_pose_training.main"
        )


def with_synchronised_norms(network: HandObjectNetwork, device: torch.device, processes: int) -> HandObjectNetwork:
    """The network with SyncBatchNorm in place of BatchNorm, on GPUs in several processes; elsewhere as it is.

    One device's share of a batch may be a few samples, whose means say little. On the CPU, SyncBatchNorm does not run.
    Parameters, statistics and their names stay the same, so states and weights go from one to the other.
    """
    if device.type != "cuda" or processes == 1:
        return network
    converted: HandObjectNetwork = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return converted
