"""The detector's network: a grid of middles, and the boxes around them."""

import torch
from torch import Tensor, nn

from hand_object_pose.estimation.box_detector import CLASSES

STRIDE = 8
# Pixels of the network's input that an output of one stands for.
_SIZE_UNIT, _SHIFT_UNIT = 40.0, 16.0
# The share of cells that are a middle is small: without this, the first steps would only unlearn that all are.
_FIRST_LOGIT = -3.5


class BoxNetwork(nn.Module):
    """About 0.4 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(_conv(3, 16, 2), _conv(16, 32, 2), _conv(32, 64, 2), _Residual(64))
        self.coarse = nn.Sequential(_conv(64, 80, 2), _Residual(80), _Residual(80), _conv(80, 64, 1, size=1))
        self.mixed = _conv(64, 64, 1)
        self.score = nn.Conv2d(64, len(CLASSES), 1)
        self.box = nn.Conv2d(64, 4 * len(CLASSES), 1)
        nn.init.constant_(self.score.bias, _FIRST_LOGIT)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, 2, h, w) and boxes (B, 2, 4, h, w) in pixels of images (B, 3, H, W) in [0, 1]."""
        fine = self.fine(image - 0.5)
        coarse = nn.functional.interpolate(self.coarse(fine), scale_factor=2.0, mode="nearest")
        features = self.mixed(fine + coarse)
        return self.score(features), _boxes(self.box(features).unflatten(1, (len(CLASSES), 4)))


class ExportedBoxNetwork(nn.Module):
    """The network as the detector runs it: scores in [0, 1] and boxes."""

    def __init__(self, network: BoxNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B, 2, h, w) and boxes (B, 2, 4, h, w)."""
        logits, boxes = self.network(image)
        return logits.sigmoid(), boxes


def cell_centres(height: int, width: int) -> Tensor:
    """(2, h, w) x and y of the grid's cells, pixels of the input."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([columns, rows]).float() * STRIDE + (STRIDE - 1) / 2


def _boxes(raw: Tensor) -> Tensor:
    """(B, 2, 4, h, w) of the network's shifts and logarithms of sizes."""
    height, width = raw.shape[-2:]
    centre = cell_centres(height, width).to(raw) + _SHIFT_UNIT * raw[:, :, :2]
    half = 0.5 * _SIZE_UNIT * torch.exp(raw[:, :, 2:].clamp(-4.0, 3.0))
    return torch.cat([centre - half, centre + half], dim=2)


def _conv(channels: int, out: int, stride: int, size: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, size, stride, size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, 1)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(features + self.second(self.first(features)))
