"""Where mixed precision has to end."""

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision widened to float32; float32 and float64 as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
