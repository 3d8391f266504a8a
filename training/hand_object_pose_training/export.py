"""From a training run to weights that ship: safetensors and ONNX, with what they were measured to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.network.checkpoint import save_checkpoint
from hand_object_pose.network.config import preset_config
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.network.onnx_export import export_onnx
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.run_state import BEST, LAST, RunState, load_state
from hand_object_pose_training.supervised import SupervisedNetwork
from hand_object_pose_training.validation import held_out_crops, validate


@dataclass(frozen=True)
class ExportConfig:
    """What to export.

    Attributes:
        run: directory of the training run.
        validation_shards: held-out samples for the errors written into the file.
        out: the weights file (.safetensors); the ONNX file goes beside it.
        state: the run's last one, or that of the best validation.
        data: what the network was trained on, in words, for the model card.
    """

    run: Path
    validation_shards: Path
    out: Path
    state: Literal["last", "best"] = "last"
    data: str = "synthetic scenes only"


def export(config: ExportConfig, hand: HandModel, catalogue: dict[str, ObjectModel]) -> dict[str, str]:
    """Measure, write safetensors and ONNX; returns the provenance that went into the file."""
    state = load_state(config.run / (BEST if config.state == "best" else LAST))
    supervised = trained_network(state, hand, catalogue)
    dataset = held_out_crops(supervised, config.validation_shards, hand, catalogue)
    provenance = provenance_of(config.data, state, validate(supervised, dataset), len(dataset))
    write_weights(config.out, supervised.network, hand, catalogue, provenance)
    return provenance


def write_weights(
    out: Path,
    network: HandObjectNetwork,
    hand: HandModel,
    catalogue: Mapping[str, ObjectModel],
    provenance: Mapping[str, str],
) -> None:
    """Write ``out`` (.safetensors) and the ONNX file beside it."""
    save_checkpoint(out, network, network.config, hand, catalogue, provenance)
    export_onnx(out)


def trained_network(state: RunState, hand: HandModel, catalogue: dict[str, ObjectModel]) -> SupervisedNetwork:
    """The network of a run's state, on the CPU, with the objective that ``validate`` needs."""
    config = preset_config(state.settings["preset"])
    network = HandObjectNetwork(config, hand, training_heads=state.settings.get("training_heads", "True") == "True")
    network.load_state_dict(state.network)
    return SupervisedNetwork(network, Objective(config.lixels, hand, catalogue), mixed_precision=False)


def provenance_of(data: str, state: RunState, errors: dict[str, float], held_out: int) -> dict[str, str]:
    """What a weights file says about its training.

    Args:
        data: what it was trained on, in words; state: the run's.
        errors: means over ``held_out`` samples.
    """
    settings = state.settings
    processes = int(settings.get("devices", 1)) * int(settings.get("machines", 1))
    return {
        "data": data,
        "steps": f"{state.step} of {state.total_steps}",
        "batch_size": f"{int(settings['batch_size']) * processes}",
        "minutes": f"{state.seconds / 60:.0f}",
        "device": state.device,
        "lineage": state.lineage,
        "held_out_samples": f"{held_out}",
        **{name: f"{value:.3f}" for name, value in errors.items()},
    }
