"""The refinement stage: two mesh graphs and attention between them (section 3.3)."""

from dataclasses import dataclass
from itertools import zip_longest

import torch
from torch import Tensor, nn

from hand_object_pose.network.attention import Maps
from hand_object_pose.network.attention_variants import attention_layer
from hand_object_pose.network.config import NetworkConfig
from hand_object_pose.network.graph import GraphConvolution, ResidualGraphBlock, over_nodes
from hand_object_pose.network.precision import at_least_float32


class _Branch(nn.Module):
    """Head, residual blocks and tail of one graph."""

    def __init__(self, config: NetworkConfig, outputs: int) -> None:
        super().__init__()
        features = config.local_channels + config.global_channels
        self.head = GraphConvolution(features, config.head_hidden, config.node_channels)
        self.head_norm = nn.BatchNorm1d(config.node_channels)
        blocks = (ResidualGraphBlock(config.node_channels) for _ in range(config.residual_blocks))
        self.blocks = nn.ModuleList(blocks)
        self.tail = GraphConvolution(config.node_channels, config.tail_hidden, outputs)

    def begin(self, nodes: Tensor, neighbours: Tensor, shared: Tensor) -> Tensor:
        return torch.relu(over_nodes(self.head_norm, self.head(nodes, neighbours, shared)))

    def finish(self, nodes: Tensor, neighbours: Tensor) -> Tensor:
        """The tail, in full precision: a tenth of a lixel and a millimetre are below bfloat16."""
        with torch.autocast(nodes.device.type, enabled=False):
            outputs: Tensor = self.tail(at_least_float32(nodes), neighbours)
        return outputs


@dataclass(frozen=True)
class NodeFeatures:
    """Initial features (equations 10 and 11).

    Attributes:
        hand: (B, 778, C); object: (B, 1000, C); shared: (B, G), f_g, the same for all nodes.
    """

    hand: Tensor
    object: Tensor
    shared: Tensor


class Refinement(nn.Module):
    """From initial node features to vertex offsets and pose votes."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.hand, self.object = _Branch(config, 3), _Branch(config, 7)
        count = 1 + (config.residual_blocks if config.attention_after_every_block else 0)
        self.attention = nn.ModuleList(attention_layer(config) for _ in range(count))
        self._initialise_tails()

    def _initialise_tails(self) -> None:
        """Begin with small offsets and votes near the identity, so that the votes' mean is well defined."""
        for branch in (self.hand, self.object):
            nn.init.normal_(branch.tail.second.weight, std=0.01)
            nn.init.zeros_(branch.tail.second.bias)
        with torch.no_grad():
            self.object.tail.second.bias[0] = 1.0

    def forward(self, features: NodeFeatures, hand_table: Tensor, object_table: Tensor) -> tuple[Tensor, Tensor]:
        """Refine.

        Args:
            features: initial node features.
            hand_table, object_table: neighbours (B, V, K), padded with V.

        Returns:
            offsets (B, 778, 3) in lixel units, and raw votes (B, 1000, 7).
        """
        hand = self.hand.begin(features.hand, hand_table, features.shared)
        obj = self.object.begin(features.object, object_table, features.shared)
        hand, obj = self.attention[0](hand, obj)
        blocks = zip(self.hand.blocks, self.object.blocks, strict=True)
        for (hand_block, object_block), attention in zip_longest(blocks, list(self.attention)[1:]):
            hand, obj = hand_block(hand, hand_table), object_block(obj, object_table)
            if attention is not None:
                hand, obj = attention(hand, obj)
        return self.hand.finish(hand, hand_table), self.object.finish(obj, object_table)

    def attention_maps(self, features: NodeFeatures, hand_table: Tensor, object_table: Tensor) -> Maps:
        """The first layer's maps, see ``network.attention_variants``."""
        hand = self.hand.begin(features.hand, hand_table, features.shared)
        obj = self.object.begin(features.object, object_table, features.shared)
        maps: Maps = self.attention[0].maps(hand, obj)  # type: ignore[operator]
        return maps
