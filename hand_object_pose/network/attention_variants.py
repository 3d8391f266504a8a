"""What takes the place of mutual attention in the variants of the paper's Table 3.

Every layer takes and returns the features of hand nodes (B, 778, F) and object nodes (B, 1000, F), and has ``maps``,
the share of each sender in what each receiver takes in. A node that receives nothing keeps its features.
"""

import torch
from torch import Tensor, nn

from hand_object_pose.network.attention import Maps, MutualAttention, NodeProjection, OneWayAttention
from hand_object_pose.network.config import NetworkConfig


def attention_layer(config: NetworkConfig) -> nn.Module:
    """The layer that ``NetworkConfig.attention`` names."""
    width, kernel = config.node_channels, config.attention_kernel
    if config.attention == "none":
        return NoAttention()
    if config.attention == "all_edge":
        return AllEdges(width, kernel)
    if config.attention == "mutual":
        return MutualAttention(width, kernel)
    return OneWayAttention(width, kernel, to_hand=config.attention == "object_to_hand")


class NoAttention(nn.Module):
    """Both graphs for themselves ("w/out attention")."""

    def maps(self, hand: Tensor, obj: Tensor) -> Maps:
        """There are none."""
        return None, None

    def forward(self, hand: Tensor, obj: Tensor) -> tuple[Tensor, Tensor]:
        """The features as they are."""
        return hand, obj


class AllEdges(nn.Module):
    """A fully connected graph ("all edge"): every node takes in all nodes of both graphs, each with the same share.

    The paper says "equally aggregating [...] without adaptive weighting", and nothing more about it.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.hand_value, self.object_value = (NodeProjection(channels, channels, kernel) for _ in range(2))
        self.hand_fuse, self.object_fuse = (NodeProjection(2 * channels, channels, kernel) for _ in range(2))

    def maps(self, hand: Tensor, obj: Tensor) -> Maps:
        """Uniform: (B, 778, 1778) and (B, 1000, 1778), hand nodes first."""
        count = hand.shape[1] + obj.shape[1]
        return hand.new_full((*hand.shape[:2], count), 1 / count), obj.new_full((*obj.shape[:2], count), 1 / count)

    def forward(self, hand: Tensor, obj: Tensor) -> tuple[Tensor, Tensor]:
        """Refined features of all nodes."""
        message = torch.cat([self.hand_value(hand), self.object_value(obj)], dim=1).mean(dim=1, keepdim=True)
        refined_hand = self.hand_fuse(torch.cat([hand, message.expand_as(hand)], dim=-1))
        return refined_hand, self.object_fuse(torch.cat([obj, message.expand_as(obj)], dim=-1))
