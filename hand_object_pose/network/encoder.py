"""Image encoders (equations 4 and 7): torchvision's ResNet blocks, every stage's map returned by name."""

from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from hand_object_pose.network.config import EncoderConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class ImageNormalisation(nn.Module):
    """RGB in [0, 1] to what an encoder expects, (B, 3, S, S) to the same."""

    mean: Tensor
    std: Tensor

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.reverse_channels = kind == "bgr"
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Normalise one batch."""
        return image.flip(1) if self.reverse_channels else (image - self.mean) / self.std


def _stage(config: EncoderConfig, in_channels: int, number: int) -> nn.Sequential:
    block = BasicBlock if config.block == "basic" else Bottleneck
    width, stride = config.widths[number], 1 if number == 0 else 2
    out_channels = width * block.expansion
    shortcut: nn.Sequential | None = None
    if stride != 1 or in_channels != out_channels:
        shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False))
        if config.shortcut_norm:
            shortcut.append(nn.BatchNorm2d(out_channels))
    first = block(in_channels, width, stride, shortcut)
    return nn.Sequential(first, *(block(out_channels, width) for _ in range(config.blocks[number] - 1)))


class Encoder(nn.Module):
    """A ResNet without its classifier."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, config.stem_width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.stem_width) if config.stem_norm else nn.Identity()
        self.pool = nn.MaxPool2d(3, 2, 1)
        channels = config.channels
        for number, previous in enumerate(("pool", "layer1", "layer2", "layer3")):
            self.add_module(f"layer{number + 1}", _stage(config, channels[previous], number))
        self.apply(_initialise)
        self.apply(partial(_zero_last_norm, zero=config.shortcut_norm))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Feature maps of a normalised image (B, 3, S, S).

        Returns:
            "stem" (S/2), "pool" (S/4), "layer1" (S/4), "layer2" (S/8), "layer3" (S/16), "layer4" (S/32).
        """
        maps = {"stem": torch.relu(self.bn1(self.conv1(image)))}
        maps["pool"] = self.pool(maps["stem"])
        current = maps["pool"]
        for name in ("layer1", "layer2", "layer3", "layer4"):
            current = self.get_submodule(name)(current)
            maps[name] = current
        return maps


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _zero_last_norm(module: nn.Module, zero: bool) -> None:
    """Blocks begin as the identity (torchvision's ``zero_init_residual``), which steadies training from scratch."""
    if zero and isinstance(module, BasicBlock):
        nn.init.zeros_(module.bn2.weight)
    elif zero and isinstance(module, Bottleneck):
        nn.init.zeros_(module.bn3.weight)
