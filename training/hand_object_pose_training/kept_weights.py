"""Fine-tuned weights moved back towards those they began with."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


@torch.no_grad()
def move_back(network: nn.Module, begun: Mapping[str, Tensor], share: float) -> None:
    """Put a network's weights on the straight line to those it began with.

    A "weight-space ensemble": of what fine-tuning took away much returns, of what it taught less is lost (Wortsman et
    al., "Robust fine-tuning of zero-shot models", CVPR 2022).

    Args:
        network: as it was fine-tuned; changed in place.
        begun: the state dict it began with, of the same names and shapes.
        share: of the way back: 0 changes nothing, 1 gives ``begun``.
    """
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value.lerp_(begun[name].to(value), share)
