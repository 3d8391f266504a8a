"""What goes wrong in a training: losses that are no numbers, full disks. The last good state stays as it is."""

import errno
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from training_support import CATALOGUE

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose_training.datasets.problems import missing
from hand_object_pose_training.run_state import RunState, load_state, save_state
from hand_object_pose_training.samples import collate
from hand_object_pose_training.trainer import Trainer


@pytest.fixture
def trainer(config):
    trainer = Trainer(config, default_hand(), CATALOGUE)
    trainer.save()
    return trainer


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_what_is_no_number_stops_the_run_and_leaves_its_batch(trainer, broken):
    batches = iter(trainer._loader())
    trainer._timed_step(batches)
    before, parameter = trainer.state_path.read_bytes(), next(trainer.supervised.network.hand_mesh.parameters())
    if broken == "loss":
        parameter.data.fill_(torch.nan)
    else:
        parameter.register_hook(lambda gradient: gradient * torch.inf)
    weights = {name: value.clone() for name, value in trainer.supervised.network.named_parameters()}

    with pytest.raises(UserError, match=rf"step 2: the {broken}.*mesh .*rejected_batch\.step_2\.rank_0") as caught:
        trainer._timed_step(batches)

    path = trainer.config.out / "rejected_batch.step_2.rank_0.safetensors"
    assert str(path) in str(caught.value)
    with safe_open(path, framework="pt") as file:
        saved, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    dataset = trainer.batches.dataset
    again = collate([dataset[tuple(key)] for key in json.loads(metadata["samples"])])
    assert saved.keys() == vars(again).keys()
    assert all(torch.equal(saved[name], value) for name, value in vars(again).items())
    assert ("nan" in json.loads(metadata["terms"])["mesh"]) == (broken == "loss")

    assert trainer.state_path.read_bytes() == before
    for name, value in trainer.supervised.network.named_parameters():
        assert torch.equal(value.nan_to_num(), weights[name].nan_to_num()), name


class OneMissing:
    """Stored samples of which the last is a file that has disappeared."""

    def __init__(self, samples):
        self._samples = samples

    def __len__(self):
        return len(self._samples)

    def __getitem__(self, number):
        if number == len(self) - 1:
            raise missing(Path("rgb/0007.png"))
        return self._samples[number]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_disappears_meanwhile_is_named_without_a_traceback(config, workers):
    trainer = Trainer(replace(config, workers=workers, hand_steps=100, steps=100), default_hand(), CATALOGUE)
    trainer.save()
    before = trainer.state_path.read_bytes()
    trainer.batches.dataset.samples = OneMissing(trainer.batches.dataset.samples)
    with pytest.raises(UserError, match=r"step \d: rgb/0007\.png: is missing\. .*state\.pt is as it was") as caught:
        trainer.run()
    assert "Traceback" not in str(caught.value)
    assert trainer.state_path.read_bytes() == before


@pytest.fixture
def small_disk(tmp_path):
    """Room for one state of ``state_of``, not for two."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not permitted")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def state_of(step):
    return RunState(step, 10, 1.0, {"weight": torch.full((100_000,), float(step))}, {}, {})


def refused_on_a_full_disk(path):
    save_state(path, state_of(1))
    with pytest.raises(UserError, match=r"step 2 could not be written .*No space left.* as it was\. Free some space"):
        save_state(path, state_of(2))
    state = load_state(path)
    assert state.step == 1
    assert (state.network["weight"] == 1).all()
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_previous_state(small_disk):
    refused_on_a_full_disk(small_disk / "state.pt")


def test_a_disk_that_is_found_full_at_the_end_leaves_the_previous_state(tmp_path, monkeypatch):
    calls = []

    def full_at_the_second(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_at_the_second)
    refused_on_a_full_disk(tmp_path / "state.pt")


def test_losses_that_cannot_be_logged_are_explained(trainer):
    trainer.log._table._file = open("/dev/full", "w", buffering=1)  # noqa: SIM115
    before = trainer.state_path.read_bytes()
    with pytest.raises(UserError, match=r"No space left.*state.*repeat the command"):
        trainer.run()
    assert trainer.state_path.read_bytes() == before
