"""BatchNorm over the samples of all devices."""

import torch
from torch import nn

from hand_object_pose.network.model import HandObjectNetwork


def with_synchronised_norms(network: HandObjectNetwork, device: torch.device, processes: int) -> HandObjectNetwork:
    """The network with SyncBatchNorm in place of BatchNorm, on GPUs in several processes; elsewhere as it is.

    One device's share of a batch may be a few samples, whose means say little. On the CPU, SyncBatchNorm does not run.
    Parameters, statistics and their names stay the same, so states and weights go from one to the other.
    """
    if device.type != "cuda" or processes == 1:
        return network
    converted: HandObjectNetwork = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return converted
