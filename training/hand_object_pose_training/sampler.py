"""The order of samples, as a function of the seed alone, so that a run resumes at any step."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from hand_object_pose.errors import UserError


class ResumableSampler(Sampler[list[tuple[int, int]]]):
    """Endless batches of (epoch, index), each epoch a new permutation; starts at any step.

    With several devices, each step takes ``batch_size`` samples for each of them, and ``rank`` its own share.
    """

    def __init__(
        self, num_samples: int, batch_size: int, seed: int, first_step: int = 0, rank: int = 0, devices: int = 1
    ) -> None:
        """See there.

        Raises:
            UserError: there are fewer samples than one step takes.
        """
        if num_samples < batch_size * devices:
            found = f"{num_samples} samples for {batch_size} of each of {devices}"
            raise UserError(f"--batch-size: a step needs as many samples as all devices take, found {found}")
        self.num_samples = num_samples
        self.rank, self.devices = rank, devices
        self.batch_size = batch_size
        self.seed = seed
        self.first_step = first_step

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        step_size = self.batch_size * self.devices
        batches = self.num_samples // step_size
        epoch, batch = divmod(self.first_step, batches)
        while True:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.num_samples)
            for start in range(batch * step_size, batches * step_size, step_size):
                yield [(epoch, int(index)) for index in order[start : start + step_size][self.rank :: self.devices]]
            epoch, batch = epoch + 1, 0
