"""Which part of a mesh is seen where: soft, differentiable, without light.

Faces of one part blend into one layer, because what is seen of a part does not depend on which of its faces it is.
Layers then hide one another softly. Blending all faces at once by depth, as Soft Rasterizer does, would let a near part
hide a far one out to where its coverage is cut off, with an abrupt edge and no gradient there.
"""

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_pose.checks import check_shape
from hand_object_pose_training.rasteriser import Fragments, SoftRenderConfig, projected, rasterise


def render_parts(
    vertices: Tensor,
    faces: Tensor,
    parts: Tensor,
    camera_matrices: Tensor,
    image_size: int,
    config: SoftRenderConfig | None = None,
) -> Tensor:
    """How much of every pixel shows every part of a mesh: (B, C, size, size), each in [0, 1].

    Args:
        vertices: (B, V, 3) metres, camera frame.
        faces: (F, 3), seen from both sides; parts: (F,) part of each face, 0 to C - 1, every one of them used.
        camera_matrices: (B, 3, 3) K of square images; image_size: their side; both in pixels.
        config: resolution, softness and rasteriser.
    """
    config = config or SoftRenderConfig()
    check_shape("vertices", vertices, ("B", "V", 3))
    check_shape("parts", parts, (len(faces),))
    points = projected(vertices, camera_matrices, image_size, config.size)
    fragments = rasterise(points, faces, config)
    depth = points[:, faces][..., 2].mean(dim=2).flatten()[fragments.face]
    part = parts[fragments.face % len(faces)]
    shape = (len(points), int(parts.max()) + 1, config.size, config.size)
    coverage, depths = _layers(fragments, depth, _layer_index(fragments.pixel, part, shape), shape, config)
    return _composed(coverage, depths, config.depth_softness)


def _layer_index(pixel: Tensor, part: Tensor, shape: tuple[int, int, int, int]) -> Tensor:
    """Where in a flattened (B, C, S, S) a pixel's part lies."""
    area = shape[2] * shape[3]
    return (torch.div(pixel, area, rounding_mode="floor") * shape[1] + part) * area + pixel % area


def _layers(
    fragments: Fragments,
    depth: Tensor,
    index: Tensor,
    shape: tuple[int, int, int, int],
    config: SoftRenderConfig,
) -> tuple[Tensor, Tensor]:
    """Coverage and depth, each (B, C, S, S), of every part: of its front, where it has several surfaces."""
    logits = -fragments.distance / config.edge_softness**2
    count = torch.Size(shape).numel()
    # The logarithm of the share of light that passes all faces (Soft Rasterizer, equation 4).
    passing = depth.new_zeros(count).index_add(0, index, -functional.softplus(logits))
    nearest = depth.new_full((count,), torch.inf).scatter_reduce(0, index, depth.detach(), "amin")
    weights = torch.sigmoid(logits) * torch.exp((nearest[index] - depth) / config.depth_softness)
    total = depth.new_zeros(count).index_add(0, index, weights).clamp(min=1e-12)
    depths = depth.new_zeros(count).index_add(0, index, weights * depth) / total
    return -torch.expm1(passing).reshape(shape), depths.reshape(shape)


def _composed(coverage: Tensor, depths: Tensor, softness: float) -> Tensor:
    """Every layer times the share of it that no other one hides."""
    behind = torch.sigmoid((depths[:, :, None] - depths[:, None]) / softness)
    others = 1 - torch.eye(coverage.shape[1], device=coverage.device, dtype=coverage.dtype)[..., None, None]
    return coverage * (1 - others * coverage[:, None] * behind).prod(dim=2)
