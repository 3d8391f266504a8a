"""Mutual attention: every hand node attends to every object node and back (equations 13 to 17)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hand_object_pose.network.graph import over_nodes

Maps = tuple[Tensor | None, Tensor | None]
"""Attention to hand nodes and to object nodes; None where there is none."""


class NodeProjection(nn.Module):
    """A 1-D convolution along the vertex index, BatchNorm, ReLU: (B, V, C) to (B, V, out).

    With one tap it treats every node alike; with three it mixes neighbours in vertex order, as the
    released network does.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm1d(out_channels)

    def forward(self, nodes: Tensor) -> Tensor:
        """Project."""
        if self.conv.kernel_size == (1,):
            projected = F.linear(nodes, self.conv.weight.squeeze(-1), self.conv.bias)
        else:
            projected = self.conv(nodes.transpose(1, 2)).transpose(1, 2)
        return torch.relu(over_nodes(self.norm, projected))


class AttentionSide(nn.Module):
    """Query, key, value and fusion layers of one graph."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (NodeProjection(channels, channels, kernel) for _ in range(3))
        self.fuse = NodeProjection(2 * channels, channels, kernel)


def attention_map(query: Tensor, key: Tensor) -> Tensor:
    """Softmax of Q K^T / sqrt(F) over the keys: (B, Q, F), (B, K, F) to (B, Q, K), rows sum to one."""
    return (query @ key.transpose(1, 2) / query.shape[-1] ** 0.5).softmax(dim=-1)


class MutualAttention(nn.Module):
    """Messages in both directions and their fusion with the nodes' own features."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.hand, self.object = AttentionSide(channels, kernel), AttentionSide(channels, kernel)

    def maps(self, hand: Tensor, obj: Tensor) -> tuple[Tensor, Tensor]:
        """Object-to-hand (B, 778, 1000) and hand-to-object (B, 1000, 778) attention (equations 13 and 15)."""
        object_to_hand = attention_map(self.hand.query(hand), self.object.key(obj))
        return object_to_hand, attention_map(self.object.query(obj), self.hand.key(hand))

    def forward(self, hand: Tensor, obj: Tensor) -> tuple[Tensor, Tensor]:
        """Refined features of hand nodes (B, 778, F) and object nodes (B, 1000, F), same shapes."""
        to_hand = _attend(self.hand.query(hand), self.object.key(obj), self.object.value(obj))
        to_object = _attend(self.object.query(obj), self.hand.key(hand), self.hand.value(hand))
        refined_hand = self.hand.fuse(torch.cat([hand, to_hand], dim=-1))
        return refined_hand, self.object.fuse(torch.cat([obj, to_object], dim=-1))


class OneWayAttention(nn.Module):
    """Equations 13, 14 and 17 for hand nodes alone ("w/o hand-to-object"), or 15 to 17 for object nodes alone."""

    def __init__(self, channels: int, kernel: int, to_hand: bool) -> None:
        super().__init__()
        self.to_hand = to_hand
        self.layers = AttentionSide(channels, kernel)

    def maps(self, hand: Tensor, obj: Tensor) -> Maps:
        """Object-to-hand (B, 778, 1000) or hand-to-object (B, 1000, 778) attention."""
        if self.to_hand:
            return attention_map(self.layers.query(hand), self.layers.key(obj)), None
        return None, attention_map(self.layers.query(obj), self.layers.key(hand))

    def forward(self, hand: Tensor, obj: Tensor) -> tuple[Tensor, Tensor]:
        """Refined features of the receiving nodes."""
        if self.to_hand:
            return self._receive(hand, obj), obj
        return hand, self._receive(obj, hand)

    def _receive(self, receivers: Tensor, senders: Tensor) -> Tensor:
        layers = self.layers
        message = _attend(layers.query(receivers), layers.key(senders), layers.value(senders))
        refined: Tensor = layers.fuse(torch.cat([receivers, message], dim=-1))
        return refined


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Equations 14 and 16; fused on devices that can, so that training need not hold the maps.

    From queries (B, Q, F), keys (B, K, F) and values (B, K, C) to messages (B, Q, C).
    """
    if torch.onnx.is_in_onnx_export():
        return attention_map(query, key) @ value
    single_head = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
    return F.scaled_dot_product_attention(*single_head).squeeze(1)
