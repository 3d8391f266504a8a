"""The mean of many rotation votes."""

import torch
from torch import Tensor

from hand_object_pose.network.precision import at_least_float32

_SQUARINGS = 12


def proper_mean(quaternions: Tensor) -> Tensor:
    """Mean rotation in the chordal sense: the leading eigenvector of the sum of q q^T (Markley et al., 2007).

    A quaternion and its negative are the same rotation, and q q^T does not tell them apart. The eigenvector is
    found by squaring the 4x4 matrix again and again, which has a gradient and exports to ONNX, unlike ``eigh``.

    Args:
        quaternions: (B, V, 4), (w, x, y, z), any non-zero length.

    Returns:
        (B, 4) unit quaternions; the largest component is positive.
    """
    with torch.autocast(quaternions.device.type, enabled=False):
        unit = torch.nn.functional.normalize(at_least_float32(quaternions), dim=-1)
        power = unit.transpose(1, 2) @ unit / unit.shape[1]
        for _ in range(_SQUARINGS):
            power = power @ power
            power = power / power.amax(dim=(1, 2), keepdim=True)
        largest = torch.diagonal(power, dim1=1, dim2=2).argmax(dim=1)
        column = power.gather(2, largest.view(-1, 1, 1).expand(-1, 4, 1)).squeeze(2)
        return torch.nn.functional.normalize(column, dim=-1)


def componentwise_mean(quaternions: Tensor) -> Tensor:
    """Plain mean of (B, V, 4), not normalised, signs as they come (the released network)."""
    return quaternions.mean(dim=1)
