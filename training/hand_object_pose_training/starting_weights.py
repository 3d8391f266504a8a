"""The weights that a run begins with, and what they had behind them."""

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.network.checkpoint import start_first_stage_from_weights, start_from_weights
from hand_object_pose.network.imagenet import load_imagenet_weights
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose_training.train_config import TrainConfig


def begin_with_weights(network: HandObjectNetwork, config: TrainConfig) -> str:
    """Copy the weights that a run is to begin with; returns its lineage in words, "" if it begins from nothing.

    Raises:
        UserError: they are missing, or do not fit the network.
    """
    if config.imagenet_weights is not None:
        load_imagenet_weights(network, config.imagenet_weights)
        return f"encoders begun with {config.imagenet_weights.name} (ImageNet)"
    if config.start_from is not None:
        start_from_weights(network, config.start_from)
        return f"begun with {lineage_of(load_weights_info(config.start_from))}"
    if config.first_stage_from is not None:
        start_first_stage_from_weights(network, config.first_stage_from)
        return f"first stage begun with that of {lineage_of(load_weights_info(config.first_stage_from))}"
    return ""


def lineage_of(weights: WeightsInfo) -> str:
    """Weights, and what they had behind them when another run began with them."""
    said = weights.provenance
    earlier = f"; {said['lineage']}" if said.get("lineage") else ""
    trained = f"{said.get('steps', '?')} steps of {said.get('batch_size', '?')}, {said.get('minutes', '?')} minutes"
    return f"{weights.hash[:12]} ({trained}{earlier})"
