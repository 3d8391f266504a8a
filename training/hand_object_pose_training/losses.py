"""The training losses, equations 18 to 23, each as one function, and their weighted sum, equation 25.

Equation 24, which needs a renderer, is in ``finger_loss``.

The paper leaves units and reductions open; the weights depend on them. Here: meshes and joints in lixel units, mean
over coordinates; edges and normals in millimetres, mean over edges; translation in metres; silhouette mean over pixels.
Every function returns one value a sample, (B,), so that symmetric objects can take the least of several.
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional

MILLIMETRES = 1000.0


@dataclass(frozen=True)
class LossWeights:
    """The lambdas of equation 25; defaults are the paper's, except for equation 24 (finger rendering).

    Equation 21 has one lambda for rotation and translation. In metres the translation's share is so small that it is
    hardly learned while rotations are still guesses; hence two, equal by default. ``wrist`` and ``depth`` are no terms
    of the paper's.

    Attributes:
        mesh: vertices of the rough hand, the refined hand and the rough object (equation 18), lixels.
        edge: edge lengths of the same meshes (19), millimetres.
        normal: edges that leave the true faces' planes (20), millimetres.
        rotation: unit quaternion (21).
        translation: relative to the wrist (21), metres.
        joint: joints of the hand meshes and of the joint head (22), lixels.
        silhouette: cross entropy of the object's mask (23).
        finger: finger rendering (24); the paper's weight is 100. Left out by default, because it costs 34 ms of a CPU
            core for each sample.
        wrist: equation 22's distance for the wrist alone, because its error enters every joint that is measured
            relative to it, lixels.
        depth: equation 18's along z alone, of the hand meshes: a lixel along z may be longer, in metres, than one along
            u and v, and is harder to judge.
    """

    mesh: float = 1.0
    edge: float = 1.0
    normal: float = 1.0
    rotation: float = 10.0
    translation: float = 10.0
    joint: float = 1.0
    silhouette: float = 100.0
    finger: float = 0.0
    wrist: float = 0.0
    depth: float = 0.0


def mesh_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """One term of equation 18: L1 of lixel coordinates (B, N, 3), mean over vertices and coordinates."""
    return (predicted - truth).abs().mean(dim=(-2, -1))


def edge_loss(predicted: Tensor, truth: Tensor, edges: Tensor) -> Tensor:
    """One term of equation 19: difference of edge lengths in millimetres.

    Args:
        predicted, truth: vertices (B, N, 3), metres; edges: (E, 2), or (B, E, 2) padded with edges (0, 0).
    """
    lengths = [edge_vectors(vertices, edges).norm(dim=-1) for vertices in (predicted, truth)]
    return _mean_over_real((lengths[0] - lengths[1]).abs() * MILLIMETRES, edges)


def normal_loss(predicted: Tensor, truth: Tensor, faces: Tensor) -> Tensor:
    """One term of equation 20: how far predicted edges leave the true face's plane, in millimetres.

    Args:
        predicted, truth: vertices (B, N, 3), metres; faces: (F, 3), or (B, F, 3) padded with faces (0, 0, 0).
    """
    first, second = (edge_vectors(truth, faces[..., [0, corner]]) for corner in (1, 2))
    normals = functional.normalize(torch.linalg.cross(first, second), dim=-1)
    terms = [
        (edge_vectors(predicted, faces[..., pair]) * normals).sum(dim=-1).abs() * MILLIMETRES
        for pair in ([0, 1], [1, 2], [0, 2])
    ]
    return _mean_over_real(torch.stack(terms).mean(dim=0), faces)


def rotation_loss(quaternion: Tensor, true_quaternion: Tensor) -> Tensor:
    """The first term of equation 21: L2 of the unit quaternion (..., 4) to the truth of whichever sign is nearer."""
    unit = functional.normalize(quaternion, dim=-1)
    distances = [(unit - sign * true_quaternion).square().sum(dim=-1) for sign in (1.0, -1.0)]
    # The square root's gradient is infinite at zero.
    return torch.sqrt(torch.minimum(*distances) + 1e-12)


def translation_loss(translation: Tensor, true_translation: Tensor) -> Tensor:
    """The second term of equation 21: L2 of the translation (..., 3) in metres."""
    return torch.sqrt((translation - true_translation).square().sum(dim=-1) + 1e-12)


def joint_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """One term of equation 22: L1 of lixel coordinates (B, 21, 3), mean over joints and coordinates."""
    return mesh_loss(predicted, truth)


def silhouette_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Equation 23: cross entropy of object and background, mean over pixels.

    Args:
        logits: (B, h, w) log odds of the object; truth: (B, H, W), 1 on the object, averaged down to the logits' size.
    """
    share = functional.interpolate(truth[:, None].float(), size=logits.shape[-2:], mode="area")[:, 0]
    return functional.binary_cross_entropy_with_logits(logits, share, reduction="none").mean(dim=(-2, -1))


def weighted_sum(terms: dict[str, Tensor], weights: LossWeights) -> tuple[Tensor, dict[str, Tensor]]:
    """Equation 25 over mean terms: the sum, and each weighted term by name."""
    factors = asdict(weights)
    weighted = {name: factors[name] * value.mean() for name, value in terms.items()}
    return torch.stack(list(weighted.values())).sum(), weighted


def edge_vectors(vertices: Tensor, edges: Tensor) -> Tensor:
    """Vectors (B, E, 3) from the first to the second vertex of edges (E, 2) or (B, E, 2)."""
    if edges.dim() == 2:
        return vertices[:, edges[:, 1]] - vertices[:, edges[:, 0]]
    start, end = (edges[..., side, None].expand(-1, -1, 3) for side in (0, 1))
    return vertices.gather(1, end) - vertices.gather(1, start)


def _mean_over_real(values: Tensor, indices: Tensor) -> Tensor:
    """Mean over the second axis without padding, whose first two indices coincide."""
    if indices.dim() == 2:
        return values.mean(dim=-1)
    real = (indices[..., 0] != indices[..., 1]).to(values.dtype)
    return (values * real).sum(dim=-1) / real.sum(dim=-1)
