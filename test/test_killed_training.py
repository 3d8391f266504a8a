"""A training that is killed at any moment goes on as if nothing had happened, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from training_support import write_shards

from hand_object_pose_training.loss_table import read_losses

STEPS = 16


def command(shards: Path, out: Path) -> list[str]:
    """All three parts of a training, each with an odd number of steps, saved every second step."""
    options = {"shards": shards, "validation-shards": shards, "out": out, "steps": STEPS, "batch-size": 2}
    options |= {"hand-steps": 5, "first-stage-steps": 8, "save-every": 2, "validate-every": 7, "workers": 1}
    pairs = [text for name, value in {**options, "device": "cpu"}.items() for text in (f"--{name}", str(value))]
    return [sys.executable, "-m", "hand_object_pose_training.main", "train", *pairs]


def start(shards: Path, out: Path) -> subprocess.Popen:
    out.mkdir(exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (out / "output.txt").open("a") as output:
        return subprocess.Popen(command(shards, out), stdout=output, stderr=subprocess.STDOUT, env=environment)


def finish(shards: Path, out: Path) -> dict[int, float]:
    assert start(shards, out).wait(timeout=900) == 0, (out / "output.txt").read_text()[-2000:]
    return read_losses(out / "losses.csv")


def kill_after(process: subprocess.Popen, table: Path, step: int, delay: float) -> dict[int, float]:
    """Kill once the losses of ``step`` are written and a moment has passed; returns the losses written."""
    deadline = time.monotonic() + 900
    while not table.exists() or max(read_losses(table), default=0) < step:
        assert process.poll() is None, "ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(delay)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    return read_losses(table)


def test_a_run_killed_three_times_repeats_the_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    """Losses of steps that were done twice are the same, too; moments fall within steps, saving and validation."""
    shards, run = tmp_path / "shards", tmp_path / "run"
    write_shards(shards, 12)
    uninterrupted = finish(shards, tmp_path / "whole")
    assert list(uninterrupted) == list(range(1, STEPS + 1))
    assert len(set(uninterrupted.values())) == STEPS

    rng = np.random.default_rng(7)
    losses: dict[int, float] = {}
    for _ in range(3):
        step, delay = max(losses, default=0) + int(rng.integers(1, 4)), float(rng.uniform(0, 0.1))
        losses = kill_after(start(shards, run), run / "losses.csv", step, delay)
        assert losses == {number: uninterrupted[number] for number in losses}
    assert finish(shards, run) == uninterrupted
    assert (run / "output.txt").read_text().count("resuming at step") >= 2
