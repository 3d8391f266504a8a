"""Batches mixed from several datasets in fixed shares, as a function of seed and step only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from torch.utils.data import Dataset, Sampler

from hand_object_pose.errors import UserError
from hand_object_pose_training.samples import Batch

Key = tuple[int, int, int]
"""Which dataset, epoch of that dataset, index in it."""


@dataclass(frozen=True)
class MixtureShares:
    """Shares of a batch's images; the defaults are the paper's for HO3D (section 4.1).

    Attributes:
        real: stored samples.
        views: their hands and objects, rendered from other directions.
        grasps: rendered grasps.
    """

    real: float = 0.45
    views: float = 0.45
    grasps: float = 0.1

    def __post_init__(self) -> None:
        if min(self.values) < 0 or not np.isclose(sum(self.values), 1.0):
            raise UserError(f"mixture: expected shares of at least 0 that sum to 1, found {self.values}")

    @property
    def is_mixed(self) -> bool:
        """Whether there is anything but real images."""
        return self.real < 1.0

    @property
    def values(self) -> tuple[float, ...]:
        """In the order of the fields."""
        return tuple(getattr(self, entry.name) for entry in fields(self))


REAL_ONLY = MixtureShares(1.0, 0.0, 0.0)


class MixtureSampler(Sampler[list[Key]]):
    """Endless batches of (dataset, epoch, index); starts at any step without going through those before.

    Shares are kept exactly in the long run: after every step, what was drawn from each of K datasets differs from its
    share s of all by at most 1/2 + s K / 2 samples. Every dataset is gone through in permutations of its own, and none
    is cut short. With several devices, each step takes ``batch_size`` samples for each of them, and ``rank`` its part.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        shares: Sequence[float],
        batch_size: int,
        seed: int,
        first_step: int = 0,
        rank: int = 0,
        devices: int = 1,
    ) -> None:
        """Mix.

        Args:
            sizes: of the datasets; shares: of each of them, summing to 1. A dataset with a share of 0 may be empty.
            batch_size: of one device; seed: decides all orders; first_step: to begin with.
            rank, devices: of how many processes, which one this is.

        Raises:
            UserError: a dataset with a share is empty.
        """
        empty = [number for number, (size, share) in enumerate(zip(sizes, shares, strict=True)) if share and not size]
        if empty:
            raise UserError(f"mixture: dataset {empty[0]} has a share of {shares[empty[0]]:g} and no samples")
        self.sizes, self.shares = list(sizes), np.asarray(shares, dtype=np.float64)
        self.batch_size, self.seed, self.first_step = batch_size, seed, first_step
        self.rank, self.devices = rank, devices
        self._orders: dict[int, tuple[int, np.ndarray]] = {}

    def __iter__(self) -> Iterator[list[Key]]:
        step = self.first_step
        while True:
            yield self.batch(step)[self.rank :: self.devices]
            step += 1

    def batch(self, step: int) -> list[Key]:
        """All keys of one step, for all devices together, in a random order."""
        before, after = self.drawn(step), self.drawn(step + 1)
        keys = [
            self._key(dataset, position)
            for dataset, (start, stop) in enumerate(zip(before, after, strict=True))
            for position in range(start, stop)
        ]
        order = np.random.default_rng([self.seed, len(self.sizes), step]).permutation(len(keys))
        return [keys[number] for number in order]

    def drawn(self, steps: int) -> list[int]:
        """How many samples of each dataset the first ``steps`` steps take.

        Sample j of a dataset of share s is due at (j + 1/2) / s samples of all; they are taken in that order.
        """
        total = steps * self.batch_size * self.devices
        # All that is due so early is among the first, whatever the order of the last few.
        counts = np.floor(self.shares * max(total - len(self.shares), 0) + 0.5).astype(np.int64)
        with np.errstate(divide="ignore"):
            while counts.sum() < total:
                counts[np.argmin((counts + 0.5) / self.shares)] += 1
        return [int(count) for count in counts]

    def _key(self, dataset: int, position: int) -> Key:
        epoch, place = divmod(position, self.sizes[dataset])
        if self._orders.get(dataset, (-1,))[0] != epoch:
            rng = np.random.default_rng([self.seed, dataset, epoch])
            self._orders[dataset] = epoch, rng.permutation(self.sizes[dataset])
        return dataset, epoch, int(self._orders[dataset][1][place])


class MixedDataset(Dataset):
    """Several datasets of keys (epoch, index) as one of keys (dataset, epoch, index)."""

    def __init__(self, parts: Sequence[Dataset]) -> None:
        self.parts = list(parts)

    def __getitem__(self, key: Key) -> Batch:
        """The sample of a key of ``MixtureSampler``."""
        dataset, epoch, index = key
        sample: Batch = self.parts[dataset][epoch, index]
        return sample
