"""Which faces may cover which pixels, and how far each pixel is from each of them."""

import torch
from torch import Tensor

# Doubled area in square pixels below which a triangle has no inside.
_DEGENERATE = 1e-5


@torch.no_grad()
def candidates(corners: Tensor, size: int, radius: float, per_pixel: int, nearest: float) -> tuple[Tensor, Tensor]:
    """Pairs of a pixel and a face that lie within ``radius`` pixels of each other.

    Args:
        corners: (B, F, 3, 3): pixels and depth in metres of each face's corners.
        size: side of the square image, pixels.
        per_pixel: of more faces in one pixel, the nearest ones in depth.
        nearest: faces with a corner not beyond this depth, metres, are left out.

    Returns:
        (P,) pixels, counted through the batch: ((b * size) + row) * size + column; and (P,) faces: b * F + f.
    """
    found = [_candidates_of_one(mesh, size, radius, per_pixel, nearest) for mesh in corners]
    pixels = [pixel + row * size**2 for row, (pixel, _) in enumerate(found)]
    faces = [face + row * corners.shape[1] for row, (_, face) in enumerate(found)]
    return torch.cat(pixels), torch.cat(faces)


def _candidates_of_one(
    corners: Tensor, size: int, radius: float, per_pixel: int, nearest: float
) -> tuple[Tensor, Tensor]:
    """Pixels (P,) and faces (P,) of one mesh (F, 3, 3)."""
    drawn = (corners[..., 2] > nearest).all(dim=1) & (_doubled_area(corners[..., :2]).abs() > _DEGENERATE)
    face = drawn.nonzero()[:, 0]
    flat = corners[face, :, :2]
    low = (flat.amin(dim=1) - radius).ceil().clamp(0, size).long()
    high = (flat.amax(dim=1) + radius).floor().clamp(-1, size - 1).long()
    extent = (high - low + 1).clamp(min=0)
    counts = extent.prod(dim=1)
    pair = torch.repeat_interleave(torch.arange(len(face), device=face.device), counts)
    within = torch.arange(len(pair), device=face.device) - (counts.cumsum(0) - counts)[pair]
    column = low[pair, 0] + within % extent[pair, 0]
    row = low[pair, 1] + within // extent[pair, 0]
    place = torch.stack([column, row], dim=-1).to(corners.dtype)
    close = signed_squared_distance(place, flat[pair]) < radius**2
    pixel, face = (row * size + column)[close], face[pair[close]]
    kept = _rank_in_group(pixel, corners[..., 2].mean(dim=1)[face]) < per_pixel
    return pixel[kept], face[kept]


def _rank_in_group(group: Tensor, value: Tensor) -> Tensor:
    """(P,) how many members of the same group have a smaller value."""
    by_value = torch.argsort(value, stable=True)
    order = by_value[torch.argsort(group[by_value], stable=True)]
    position = torch.arange(len(group), device=group.device)
    rank = torch.empty_like(position)
    rank[order] = position - torch.searchsorted(group[order], group[order])
    return rank


def signed_squared_distance(place: Tensor, flat: Tensor) -> Tensor:
    """Squared distance (P,) of points (P, 2) to the nearest edge of triangles (P, 3, 2), negative inside."""
    edge, to_point = flat[:, [1, 2, 0]] - flat, place[:, None] - flat
    side = _cross(edge, to_point)
    inside = (side > 0).all(dim=1) | (side < 0).all(dim=1)
    along = (to_point * edge).sum(dim=-1) / edge.square().sum(dim=-1).clamp(min=1e-12)
    squared = (to_point - along.clamp(0, 1)[..., None] * edge).square().sum(dim=-1).amin(dim=1)
    return torch.where(inside, -squared, squared)


def _doubled_area(flat: Tensor) -> Tensor:
    """Signed, of triangles (..., 3, 2)."""
    return _cross(flat[..., 1, :] - flat[..., 0, :], flat[..., 2, :] - flat[..., 0, :])


def _cross(first: Tensor, second: Tensor) -> Tensor:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
