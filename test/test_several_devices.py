"""Training on several devices: who takes which samples, and a run of two processes."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import CATALOGUE, random_scene

from hand_object_pose_training.sampler import ResumableSampler
from hand_object_pose_training.shards import write_shard


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


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    """One state of one network, written once, from which a run of two processes goes on."""
    rng, names = np.random.default_rng(0), sorted(CATALOGUE)
    scenes = [random_scene(rng, names[index % len(names)]) for index in range(8)]
    write_shard(tmp_path / "shards" / "shard_0.safetensors", scenes, names, {})
    command = [sys.executable, "-m", "hand_object_pose_training.main", "train", "--shards", str(tmp_path / "shards")]
    command += ["--validation-shards", str(tmp_path / "shards"), "--out", str(tmp_path / "run"), "--steps", "3"]
    command += ["--first-stage-steps", "1", "--batch-size", "2", "--devices", "2", "--workers", "0"]
    command += ["--device", "cpu", "--save-every", "2", "--validate-every", "100"]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=500, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.count("first batch") == 1
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["step"] == 3
    assert state["settings"]["devices"] == "2"
    assert all(torch.isfinite(value).all() for value in state["network"].values())
