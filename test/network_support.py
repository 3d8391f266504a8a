"""Small inputs for tests of the network."""

import numpy as np
import torch
from scipy.spatial import ConvexHull
from torch import Tensor, nn

from hand_object_pose.geometry.neighbours import neighbour_table
from hand_object_pose.network.config import NetworkConfig
from hand_object_pose.network.refinement import NodeFeatures


def ball(vertices: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points on a sphere of 5 cm and the faces of their convex hull."""
    points = np.random.default_rng(seed).standard_normal((vertices, 3))
    points *= 0.05 / np.linalg.norm(points, axis=1, keepdims=True)
    return points, ConvexHull(points).simplices


def table(vertices: int) -> Tensor:
    """Neighbours (1, V, K) of a ball."""
    return torch.from_numpy(neighbour_table(ball(vertices)[1], vertices))[None]


def scramble(module: nn.Module) -> None:
    """Weights, statistics and eps far from their initial values, so that nothing cancels by accident."""
    torch.manual_seed(0)
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
        elif value.is_floating_point() and value.ndim == 1:
            value.add_(0.2 * torch.randn_like(value))


def node_features(config: NetworkConfig, batch: int = 1) -> NodeFeatures:
    torch.manual_seed(1)
    channels = config.local_channels
    hand, obj = torch.randn(batch, 778, channels), torch.randn(batch, 1000, channels)
    return NodeFeatures(hand, obj, torch.randn(batch, config.global_channels))
