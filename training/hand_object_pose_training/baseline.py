"""The baseline that knows no image: means over the training set."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose_training.shards import ShardedSamples


@dataclass(frozen=True)
class BaselineConfig:
    """Which samples to average.

    Attributes:
        shards: directory of the training samples; out: the file to write (.npz).
    """

    shards: Path
    out: Path


def write_baseline(config: BaselineConfig) -> int:
    """Average all samples and write the baseline; returns how many there were."""
    samples = ShardedSamples(config.shards)
    Baseline.from_truths(_truths(samples)).save(config.out)
    return len(samples)


def _truths(samples: ShardedSamples) -> Iterator[SceneTruth]:
    for sample in samples:
        yield SceneTruth(
            sample.hand_vertices.astype(float),
            sample.joints.astype(float),
            sample.object_name,
            sample.object_pose.astype(float),
        )
