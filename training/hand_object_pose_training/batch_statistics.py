"""BatchNorm's statistics of given samples."""

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from hand_object_pose.network.precision import at_least_float32
from hand_object_pose_training.samples import Batch
from hand_object_pose_training.supervised import SupervisedNetwork


@torch.no_grad()
def settle_statistics(supervised: SupervisedNetwork, batch: Batch) -> None:
    """Make evaluation mode predict for a batch what training mode does at the present weights.

    BatchNorm's running statistics become those that training mode normalises this batch by. PyTorch's own lag behind,
    and hold the unbiased variance, n / (n - 1) of the one normalised by. With few numbers n of each channel (eight
    samples end in maps of 2x2: 32) this adds up over the layers. Layers that stay in evaluation mode while the network
    trains keep what they have. Leaves evaluation mode on.
    """
    supervised.train()
    norms = [module for module in supervised.modules() if isinstance(module, _BatchNorm) and module.training]
    hooks = [norm.register_forward_pre_hook(_take_statistics) for norm in norms]
    try:
        supervised.eval()
        supervised.predict(batch)
    finally:
        for hook in hooks:
            hook.remove()


def _take_statistics(norm: _BatchNorm, inputs: tuple[Tensor]) -> None:
    """Give a layer the mean and the biased variance of what it is about to normalise."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    values = at_least_float32(inputs[0])
    variance, mean = torch.var_mean(values, dim=[0, *range(2, values.dim())], correction=0)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
