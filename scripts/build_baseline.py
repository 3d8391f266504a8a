"""Means of a training set for the mean-pose baseline.

    python scripts/build_baseline.py SHARDS hand_object_pose/assets/baseline/default.npz

SHARDS is the directory that ``hand-object-train render`` wrote, the one that the weights were trained on.
"""

from collections.abc import Iterator
from pathlib import Path

import tyro

from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose_training.shards import ShardedSamples


def truths(shards: Path) -> Iterator[SceneTruth]:
    """The ground truth of every sample."""
    for sample in ShardedSamples(shards):
        yield SceneTruth(sample.hand_vertices, sample.joints, sample.object_name, sample.object_pose)


def build(shards: tyro.conf.Positional[Path], out: tyro.conf.Positional[Path]) -> None:
    """Write the baseline of the samples in ``shards`` to ``out``."""
    baseline = Baseline.from_truths(truths(shards))
    baseline.save(out)
    print(f"{out}: means over {baseline.count} samples of {', '.join(baseline.object_poses)}")


if __name__ == "__main__":
    tyro.cli(build)
