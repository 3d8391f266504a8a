"""Rotations of many: the mean of votes, and the rotation between two sets of points."""

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
        return _leading_eigenvector(unit.transpose(1, 2) @ unit / unit.shape[1])


def aligning_quaternion(source: Tensor, target: Tensor) -> Tensor:
    """The rotation of the rigid motion that best takes points to others (Horn, 1987).

    Args:
        source, target: (B, V, 3), in any units, one for each of the two.

    Returns:
        (B, 4) unit quaternions (w, x, y, z).
    """
    with torch.autocast(source.device.type, enabled=False):
        centred = [at_least_float32(points) - points.mean(dim=1, keepdim=True) for points in (source, target)]
        products = centred[0].transpose(1, 2) @ centred[1]
        xx, xy, xz, yx, yy, yz, zx, zy, zz = products.flatten(1).unbind(dim=1)
        rows = (
            (xx + yy + zz, yz - zy, zx - xz, xy - yx),
            (yz - zy, xx - yy - zz, xy + yx, zx + xz),
            (zx - xz, xy + yx, yy - xx - zz, yz + zy),
            (xy - yx, zx + xz, yz + zy, zz - xx - yy),
        )
        matrix = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
        scaled = matrix / matrix.square().sum(dim=(1, 2), keepdim=True).clamp(min=1e-20).sqrt()
        # Adding the identity makes the largest eigenvalue also the one of largest magnitude.
        return _leading_eigenvector(scaled + torch.eye(4, device=scaled.device, dtype=scaled.dtype))


def quaternion_product(first: Tensor, second: Tensor) -> Tensor:
    """Hamilton's product of (..., 4), (w, x, y, z): the rotation ``second`` and then ``first``."""
    a, b, c, d = first.unbind(dim=-1)
    e, f, g, h = second.unbind(dim=-1)
    return torch.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ],
        dim=-1,
    )


def rotated(quaternion: Tensor, points: Tensor) -> Tensor:
    """Points (B, V, 3) turned by unit quaternions (B, 4), (w, x, y, z)."""
    scalar, vector = quaternion[:, None, :1], quaternion[:, None, 1:].expand_as(points)
    crossed = torch.linalg.cross(vector, points)
    return points + 2 * (scalar * crossed + torch.linalg.cross(vector, crossed))


def _leading_eigenvector(matrix: Tensor) -> Tensor:
    """Unit eigenvector (B, 4) of the largest eigenvalue of symmetric, positive matrices (B, 4, 4)."""
    power = matrix
    for _ in range(_SQUARINGS):
        power = power @ power
        power = power / power.abs().amax(dim=(1, 2), keepdim=True)
    largest = torch.diagonal(power, dim1=1, dim2=2).argmax(dim=1)
    column = power.gather(2, largest.view(-1, 1, 1).expand(-1, 4, 1)).squeeze(2)
    return torch.nn.functional.normalize(column, dim=-1)


def componentwise_mean(quaternions: Tensor) -> Tensor:
    """Plain mean of (B, V, 4), not normalised, signs as they come (the released network)."""
    return quaternions.mean(dim=1)
