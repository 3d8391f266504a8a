"""The order of samples, as a function of the seed alone, so that a run resumes at any step."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class ResumableSampler(Sampler[list[tuple[int, int]]]):
    """Endless batches of (epoch, index), each epoch a new permutation; starts at any step."""

    def __init__(self, num_samples: int, batch_size: int, seed: int, first_step: int = 0) -> None:
        if num_samples < batch_size:
            raise ValueError(f"a batch of {batch_size} needs as many samples, found {num_samples}")
        self.num_samples = num_samples
        self.batch_size = batch_size
        self.seed = seed
        self.first_step = first_step

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        batches = self.num_samples // self.batch_size
        epoch, batch = divmod(self.first_step, batches)
        while True:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.num_samples)
            for start in range(batch * self.batch_size, batches * self.batch_size, self.batch_size):
                yield [(epoch, int(index)) for index in order[start : start + self.batch_size]]
            epoch, batch = epoch + 1, 0
