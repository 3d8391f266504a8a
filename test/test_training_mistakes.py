"""What a user may get wrong on the command line of the training is said in words, before any work."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hand_object_pose.errors import UserError
from hand_object_pose_training.benchmark.command import EvaluateConfig, evaluate
from hand_object_pose_training.datasets.prepare_command import PrepareConfig, prepare
from hand_object_pose_training.grasps_command import GraspsConfig, make_grasps
from hand_object_pose_training.render import RenderConfig, render_shards
from hand_object_pose_training.sampler import ResumableSampler


def test_a_batch_that_is_larger_than_the_samples_is_refused() -> None:
    ResumableSampler(20, 10, seed=0, devices=2)
    with pytest.raises(UserError, match=r"--batch-size: .*, found 20 samples for 11 of each of 2"):
        ResumableSampler(20, 11, seed=0, devices=2)


def test_a_dataset_that_is_not_there_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with pytest.raises(UserError, match="nowhere: no such directory; expected ho3d as unpacked"):
        prepare(PrepareConfig("ho3d", missing))
    with pytest.raises(UserError, match="nowhere: no such directory; expected dexycb"):
        next(iter(evaluate(EvaluateConfig(missing, "dexycb"))))


def test_nothing_to_make_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--count: expected at least 1, found 0"):
        make_grasps(GraspsConfig(count=0, out=tmp_path / "grasps.npz"))
    with pytest.raises(UserError, match="--samples and --shard-size: expected at least 1, found 0 and 500"):
        render_shards(RenderConfig(tmp_path / "shards", samples=0))


def test_shards_of_another_seed_are_not_taken_for_what_was_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from training_support import CATALOGUE, random_scene, write_shard

    scene = random_scene(np.random.default_rng(0), "can")
    for number, seed in enumerate("77"):
        write_shard(tmp_path / f"shard_{number:05d}.safetensors", [scene], sorted(CATALOGUE), {"seed": seed})
    config = RenderConfig(tmp_path, samples=2, shard_size=1, seed=7)
    assert render_shards(config) == 0
    for other in (replace(config, seed=8), replace(config, seed=8, samples=3)):
        with pytest.raises(UserError, match=r"shard_00000\.safetensors: rendered with --seed 7, expected 8"):
            render_shards(other)
