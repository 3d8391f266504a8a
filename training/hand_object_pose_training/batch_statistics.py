"""BatchNorm's statistics of given samples."""

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from hand_object_pose_training.samples import Batch
from hand_object_pose_training.supervised import SupervisedNetwork


@torch.no_grad()
def settle_statistics(supervised: SupervisedNetwork, batch: Batch) -> None:
    """Make BatchNorm's running statistics those of a batch at the present weights; running ones lag behind."""
    norms = [module for module in supervised.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # The mean over all batches since the reset: of one.
    supervised.train()
    supervised.predict(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
