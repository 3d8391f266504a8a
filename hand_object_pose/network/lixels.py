"""Lixels: 1-D heatmaps along u, v and z, and the heads that predict them (equations 1 to 3, 5, 6 and 9)."""

import torch
from torch import Tensor, nn

from hand_object_pose.network.config import NetworkConfig
from hand_object_pose.network.precision import at_least_float32


def soft_argmax(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Expected index and standard deviation of the index under softmax(logits).

    Args:
        logits: (..., L).

    Returns:
        mean and spread, each (...), in lixel units: a one-hot heatmap at bin i gives (i, 0).
    """
    probability = at_least_float32(logits).softmax(dim=-1)
    index = torch.arange(logits.shape[-1], device=logits.device, dtype=probability.dtype)
    mean = (probability * index).sum(dim=-1)
    variance = (probability * (index - mean.unsqueeze(-1)).square()).sum(dim=-1)
    return mean, (variance + 1e-12).sqrt()


def upsampler(in_channels: int, channels: tuple[int, ...]) -> nn.Sequential:
    """Transposed convolutions, each doubling the map, with BatchNorm and ReLU."""
    layers: list[nn.Module] = []
    for out_channels in channels:
        layers += [nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)]
        in_channels = out_channels
    return nn.Sequential(*layers)


class PooledDepthHead(nn.Module):
    """Depth lixels from the globally pooled map: (B, C, h, w) to (B, V, L)."""

    def __init__(self, in_channels: int, channels: int, bins: int, points: int) -> None:
        super().__init__()
        self.channels, self.start = channels, bins // 8
        self.expand = nn.Sequential(nn.Linear(in_channels, channels * self.start), nn.ReLU(inplace=True))
        layers: list[nn.Module] = []
        for _ in range(3):
            layers += [nn.ConvTranspose1d(channels, channels, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm1d(channels), nn.ReLU(inplace=True)]
        self.upsample = nn.Sequential(*layers)
        self.predict = nn.Conv1d(channels, points, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits along z."""
        line = self.expand(features.mean(dim=(2, 3))).unflatten(1, (self.channels, self.start))
        logits: Tensor = self.predict(self.upsample(line))
        return logits


class FlattenedDepthHead(nn.Sequential):
    """Depth lixels from the map's positions, row by row, taken as the L bins (the released network)."""

    def __init__(self, in_channels: int, channels: int, points: int) -> None:
        layers = (nn.Conv1d(in_channels, channels, 1), nn.BatchNorm1d(channels), nn.ReLU(inplace=True))
        super().__init__(*layers, nn.Conv1d(channels, points, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Logits along z."""
        logits: Tensor = super().forward(features.flatten(2))
        return logits


class LixelHead(nn.Module):
    """Points as lixels from the encoder's last map: a rough mesh, or 21 joints.

    Args:
        config: the network.
        points: how many.
        upsampling: channels after each doubling.
    """

    def __init__(self, config: NetworkConfig, points: int, upsampling: tuple[int, ...]) -> None:
        super().__init__()
        in_channels = config.encoder.channels["layer4"]
        self.deconv = upsampler(in_channels, upsampling)
        self.conv_u = nn.Conv1d(upsampling[-1], points, 1)
        self.conv_v = nn.Conv1d(upsampling[-1], points, 1)
        self.depth: nn.Module
        if config.depth_head == "pooled":
            self.depth = PooledDepthHead(in_channels, config.depth_channels, config.bins, points)
        else:
            self.depth = FlattenedDepthHead(in_channels, config.depth_channels, points)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Points and their spread.

        Args:
            features: the last map, (B, C, S/32, S/32).

        Returns:
            (u, v, z) and its standard deviations, each (B, points, 3), lixel units.
        """
        upsampled = self.deconv(features)
        return _read(
            self.conv_u(upsampled.mean(dim=2)),
            self.conv_v(upsampled.mean(dim=3)),
            self.depth(features),
        )


class TemplateLixelHead(nn.Module):
    """An object's rough mesh as lixels, for objects whose vertices are given by their places, not by their index.

    ``LixelHead`` ends in a 1x1 convolution whose row i belongs to vertex i, of every object alike. Here the row is
    computed from the vertex's place in the object's own frame and from the whole template's shape. Neighbours
    on the mesh then have similar rows, and no object has to share rows with another.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        in_channels, channels = config.encoder.channels["layer4"], config.upsampling[-1]
        self.deconv = upsampler(in_channels, config.upsampling)
        self.depth = PooledDepthHead(in_channels, config.depth_channels, config.bins, channels)
        self.place = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.rows = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 3 * channels))

    def forward(self, features: Tensor, template: Tensor) -> tuple[Tensor, Tensor]:
        """Points and their spread.

        Args:
            features: the last map, (B, C, S/32, S/32).
            template: (B, V, 3), the objects' vertices in their own frames, decimetres.

        Returns:
            (u, v, z) and its standard deviations, each (B, V, 3), lixel units.
        """
        upsampled, places = self.deconv(features), self.place(template)
        shape = places.amax(dim=1, keepdim=True).expand_as(places)
        rows = self.rows(torch.cat([places, shape], dim=-1)).chunk(3, dim=-1)
        lines = upsampled.mean(dim=2), upsampled.mean(dim=3), self.depth(features)
        return _read(*(row @ line / line.shape[1] ** 0.5 for row, line in zip(rows, lines, strict=True)))


def _read(*logits: Tensor) -> tuple[Tensor, Tensor]:
    """Means and spreads (B, V, 3) of the heatmaps (B, V, L) of three axes."""
    means, spreads = zip(*(soft_argmax(axis) for axis in logits), strict=True)
    return torch.stack(means, dim=-1), torch.stack(spreads, dim=-1)
