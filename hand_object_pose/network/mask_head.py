"""The object's silhouette from all of an encoder's maps (equation 8); built for training only."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hand_object_pose.network.config import NetworkConfig

_SKIPS = ("layer3", "layer2", "layer1", "stem")


class MaskHead(nn.Module):
    """Upsampling with skip connections (as in U-Net), one logit a pixel.

    One logit under a sigmoid equals the two-class softmax of equation 23.
    ``mask_channels`` says how many doublings: with n of them the mask is S * 2^n / 32 wide.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        channels = config.encoder.channels
        current = channels["layer4"]
        self.skips = _SKIPS[: len(config.mask_channels)]
        self.reduce, self.fuse = nn.ModuleList(), nn.ModuleList()
        for name, width in zip(self.skips, config.mask_channels, strict=True):
            self.reduce.append(nn.Conv2d(current, width, 1))
            fuse = (nn.Conv2d(width + channels[name], width, 3, padding=1), nn.BatchNorm2d(width))
            self.fuse.append(nn.Sequential(*fuse, nn.ReLU(inplace=True)))
            current = width
        self.predict = nn.Conv2d(current, 1, 1)

    def forward(self, maps: dict[str, Tensor]) -> Tensor:
        """Logits (B, h, w) of an encoder's maps."""
        current = maps["layer4"]
        for name, reduce, fuse in zip(self.skips, self.reduce, self.fuse, strict=True):
            enlarged = F.interpolate(reduce(current), scale_factor=2.0, mode="nearest")
            current = fuse(torch.cat([enlarged, maps[name]], dim=1))
        logits: Tensor = self.predict(current).squeeze(1)
        return logits
