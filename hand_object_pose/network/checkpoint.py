"""Networks to and from weights files (``estimation.weights_file``)."""

from collections.abc import Mapping
from pathlib import Path

import torch

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.weights_file import load_network_tensors, load_weights_info, save_weights_file
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.network.config import NetworkConfig, variant_of
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.objects.object_model import ObjectModel

TRAINING_HEADS = ("joint_head.", "mask_head.")
SECOND_STAGE = ("global_fusion.", "refinement.")


def save_checkpoint(
    path: Path,
    model: HandObjectNetwork,
    config: NetworkConfig,
    hand: HandModel,
    objects: Mapping[str, ObjectModel],
    provenance: Mapping[str, str],
) -> None:
    """Write a network for inference: training-only heads are left out.

    Args:
        path: ends with .safetensors.
        model: on any device.
        config: the configuration it was built from.
        hand: the hand model it was trained on; objects: the catalogue, by name.
        provenance: free text fields: data, steps, time, held-out errors.
    """
    state = model.state_dict()
    kept = {name: value.cpu().numpy() for name, value in state.items() if not name.startswith(TRAINING_HEADS)}
    save_weights_file(path, kept, config, hand, objects, provenance)


def load_network(path: str | Path, hand: HandModel | None = None) -> HandObjectNetwork:
    """The network of a weights file, in evaluation mode, on the CPU.

    Args:
        path: a .safetensors file.
        hand: the weights' own hand model where it was read already.

    Raises:
        UserError: the file is missing, not ours, or its tensors do not fit its configuration.
    """
    config, tensors = load_network_tensors(path)
    model = HandObjectNetwork(config, hand or load_weights_info(path).hand)
    state = {name: torch.from_numpy(array.copy()) for name, array in tensors.items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path}: the weights do not fit their own configuration: {error}") from error
    return model.eval()


def start_from_weights(model: HandObjectNetwork, path: str | Path) -> None:
    """Copy a weights file into a network built for training; its training-only heads stay as they are.

    Raises:
        UserError: the file is missing, not ours, or of another configuration.
    """
    config, tensors = load_network_tensors(path)
    if config != model.config:
        raise UserError(f"{path}: these weights are of another configuration ({config.preset}) than the network's")
    model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in tensors.items()}, strict=False)


def start_first_stage_from_weights(model: HandObjectNetwork, path: str | Path) -> None:
    """Copy encoders and rough meshes of a weights file into a network of any variant; all else stays as it is.

    Raises:
        UserError: the file is missing, not ours, or of a configuration that differs in more than the variant.
    """
    config, tensors = load_network_tensors(path)
    if variant_of(config, "without_gcn") != variant_of(model.config, "without_gcn"):
        raise UserError(
            f"{path}: expected weights of preset '{model.config.preset}' or a variant of it, found weights of another "
            f"configuration ({config.preset})"
        )
    first = {name: torch.from_numpy(tensors[name].copy()) for name in tensors if not name.startswith(SECOND_STAGE)}
    model.load_state_dict(first, strict=False)
