"""Encoders that begin with ImageNet's weights, as the ``paper`` preset does where they are given."""

from pathlib import Path

import torch

from hand_object_pose.errors import UserError
from hand_object_pose.network.model import HandObjectNetwork

_CLASSIFIER = {"fc.weight", "fc.bias"}


def load_imagenet_weights(network: HandObjectNetwork, path: Path) -> None:
    """Fill both encoders from torchvision's ResNet weights, such as ``resnet50-11ad3fa6.pth``.

    Raises:
        UserError: the file cannot be read, or is of another architecture.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and PyTorch each have their own for a damaged file
        raise UserError(f"{path}: expected a state dict of torchvision's; it cannot be read ({error})") from error
    features = {name: value for name, value in state.items() if name not in _CLASSIFIER}
    try:
        network.hand_encoder.load_state_dict(features)
        network.object_encoder.load_state_dict(features)
    except RuntimeError as error:
        raise UserError(f"{path}: these weights do not fit this network's encoders: {error}") from error
