"""The baseline that knows no image: means over the training set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from hand_object_pose.evaluation.baseline import Baseline
from hand_object_pose.synthetic.sample import SceneTruth
from hand_object_pose_training.shards import ShardedSamples


@dataclass(frozen=True)
class BaselineConfig:
    """Which samples to average.

    Attributes:
        shards: directory of the training samples.
        out: the file to write (.npz).
    """

    shards: Path
    out: Path


def write_baseline(config: BaselineConfig) -> int:
    """Average all samples and write the baseline; returns how many there were."""
    return average((config.shards,), config.out)


def average(directories: Sequence[Path], out: Path) -> int:
    """Average the samples of several directories of shards; returns how many there were."""
    samples = [ShardedSamples(directory) for directory in directories]
    Baseline.from_truths(_truths(samples)).save(out)
    return sum(map(len, samples))


def _truths(samples: Sequence[ShardedSamples]) -> Iterator[SceneTruth]:
    for sample in chain.from_iterable(samples):
        yield SceneTruth(
            sample.hand_vertices.astype(float),
            sample.joints.astype(float),
            sample.object_name,
            sample.object_pose.astype(float),
        )
