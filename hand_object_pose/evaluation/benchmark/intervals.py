"""Means over frames with bootstrap confidence intervals.

Consecutive frames are alike: what is resampled are blocks of about a second, not frames, as in ``comparison``.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

BLOCK_FRAMES = 30
LEVEL = 0.95
_RESAMPLES = 2000
# With fewer blocks an interval would say more about them than about the method.
LEAST_BLOCKS = 6


@dataclass(frozen=True)
class Mean:
    """A mean over frames.

    Attributes:
        value: the mean; frames: over how many; blocks: of how many blocks.
        low, high: ends of the 95 % interval; None with too few blocks.
    """

    value: float
    frames: int
    blocks: int
    low: float | None = None
    high: float | None = None


def mean_with_interval(values: Sequence[float], blocks: Sequence[Hashable]) -> Mean:
    """The mean of values (N,) whose frames belong to blocks (N,), with a percentile interval over blocks.

    A block counts with as many frames as it has (a ratio of sums), so that the middle of the interval is the mean
    over frames. The same values give the same interval.

    Raises:
        ValueError: there is no value.
    """
    if not len(values):
        raise ValueError("mean_with_interval: expected at least one value")
    numbers: dict[Hashable, int] = {}
    rows = [numbers.setdefault(block, len(numbers)) for block in blocks]
    sums, counts = np.bincount(rows, weights=values), np.bincount(rows)
    mean = Mean(float(np.mean(values)), len(values), len(numbers))
    if len(numbers) < LEAST_BLOCKS:
        return mean
    found = bootstrap(
        (sums, counts),
        lambda total, count, axis: total.sum(axis=axis) / count.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=100,
        confidence_level=LEVEL,
        method="percentile",
        random_state=np.random.default_rng(0),
    ).confidence_interval
    return Mean(mean.value, mean.frames, mean.blocks, float(found.low), float(found.high))
