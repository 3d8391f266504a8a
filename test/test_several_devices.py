"""Training on several devices: who takes which samples, and a run of two processes."""

import os
import socket
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from training_support import write_shards

from hand_object_pose_training.loss_table import read_losses
from hand_object_pose_training.sampler import ResumableSampler


@pytest.mark.parametrize("devices", [1, 2, 3])
def test_devices_share_each_step_without_overlap(devices: int) -> None:
    """Together they take what one device with the whole batch takes, in the same steps and epochs."""
    alone = list(islice(ResumableSampler(40, 12, seed=3), 7))
    shares = [list(islice(ResumableSampler(40, 12 // devices, 3, 0, rank, devices), 7)) for rank in range(devices)]
    for step, whole in enumerate(alone):
        taken = [key for share in shares for key in share[step]]
        assert len(set(taken)) == len(taken)
        assert sorted(taken) == sorted(whole)


def test_a_share_resumes_where_it_was(tmp_path: Path) -> None:
    from_start = list(islice(ResumableSampler(40, 4, 3, 0, 1, 2), 9))
    assert list(islice(ResumableSampler(40, 4, 3, 5, 1, 2), 4)) == from_start[5:]


def losses_of_processes(directory: Path, steps: int, batch_size: int, devices: int, averaged: bool) -> np.ndarray:
    """The loss of each step of ``train_two_processes.py``, the mean over the processes."""
    out = directory / f"run_{devices}_{averaged}"
    arguments = [directory / "shards", out, steps, batch_size, devices, int(averaged)]
    command = [sys.executable, str(Path(__file__).with_name("train_two_processes.py")), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    losses = read_losses(out / "losses.csv")
    assert list(losses) == list(range(1, steps + 1))
    return np.array(list(losses.values()))


def test_two_processes_follow_one_with_the_whole_batch(tmp_path: Path) -> None:
    """With BatchNorm's statistics frozen; not if each process keeps its own gradients.

    Rounding alone (float32) is behind what differs: Adam makes steps of equal length of the smallest gradients, whose
    sign is up to rounding. So it grows with their length: 2.1e-5 at a learning rate of 1e-4, whole network.
    """
    write_shards(tmp_path / "shards", 12)
    alone = losses_of_processes(tmp_path, 20, batch_size=4, devices=1, averaged=True)
    together = losses_of_processes(tmp_path, 20, batch_size=2, devices=2, averaged=True)
    apart = losses_of_processes(tmp_path, 4, batch_size=2, devices=2, averaged=False)

    deviation = np.abs(together / alone - 1).max()
    without_averaging = np.abs(apart / alone[:4] - 1).max()
    print(f"largest relative deviation of the loss: {deviation:.1e}, {without_averaging:.1e} without averaging")
    assert len(set(alone)) == 20
    assert deviation <= 1e-5
    assert without_averaging > 1e-5


def train_command(directory: Path, steps: int) -> list[str]:
    command = ["-m", "hand_object_pose_training.main", "train", "--shards", str(directory / "shards")]
    command += ["--validation-shards", str(directory / "shards"), "--out", str(directory / "run")]
    command += ["--steps", str(steps), "--batch-size", "2", "--workers", "0", "--device", "cpu"]
    return [*command, "--save-every", "2", "--validate-every", "100"]


def test_two_machines_train_one_network(tmp_path: Path) -> None:
    """Two calls of torchrun, of one process each, that stand for machines."""
    write_shards(tmp_path / "shards", 8)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        torchrun += ["--master-addr", "127.0.0.1", "--master-port", str(free.getsockname()[1])]
    ours = [*train_command(tmp_path, steps=2), "--hand-steps", "2", "--machines", "2"]
    machines = [
        subprocess.Popen(
            [*torchrun, "--node-rank", str(rank), *ours],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]
    outputs = [machine.communicate(timeout=500) for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], outputs[0][1][-2000:] + outputs[1][1][-2000:]
    assert ["first batch" in printed for printed, _ in outputs] == [True, False]
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert (state["step"], state["settings"]["machines"]) == (2, "2")
    assert list(read_losses(tmp_path / "run" / "losses.csv")) == [1, 2]


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    """One state of one network, written once, from which a run of two processes goes on."""
    write_shards(tmp_path / "shards", 8)
    command = [sys.executable, *train_command(tmp_path, steps=3), "--first-stage-steps", "1", "--devices", "2"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=500, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.count("first batch") == 1
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["step"] == 3
    assert state["settings"]["devices"] == "2"
    assert all(torch.isfinite(value).all() for value in state["network"].values())
