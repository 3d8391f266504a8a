"""``hand-object-train adapt``: weights that know some objects learn one more, on synthetic scenes of it.

The known objects' scenes fill a share of every batch, so that they are not forgotten, and what comes out lies a little
nearer to the given weights than what was trained. The rough hand and BatchNorm's statistics stay, and the training-only
heads, which no weights file holds, are left out.
"""

import time
from dataclasses import dataclass, replace

from rich.console import Console

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.weights_file import file_hash, load_network_tensors, load_weights_info
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.network.checkpoint import load_network
from hand_object_pose.objects.catalogue import chosen_objects
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.adapt_config import AdaptConfig
from hand_object_pose_training.adapt_scenes import AdaptScenes, prepare_scenes
from hand_object_pose_training.adapt_table import ErrorsByObject
from hand_object_pose_training.baseline import average
from hand_object_pose_training.export import provenance_of, trained_network, write_weights
from hand_object_pose_training.kept_weights import move_back
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.run_state import LAST, load_state
from hand_object_pose_training.supervised import SupervisedNetwork
from hand_object_pose_training.train_config import TrainConfig
from hand_object_pose_training.trainer import Trainer
from hand_object_pose_training.validation import held_out_crops

# Writing safetensors and ONNX, seconds.
_EXPORT = 20.0
_BEFORE = "before.json"


@dataclass(frozen=True)
class Adapted:
    """Errors by object before and after, the new object's name, and the minutes that this call took."""

    new: str
    before: ErrorsByObject
    after: ErrorsByObject
    minutes: float


def adapt(config: AdaptConfig, console: Console) -> Adapted:
    """Make grasps and scenes, measure, train, export, measure again; what is there already is not made again.

    Raises:
        UserError: weights, object and scenes do not go together, or the weights cannot learn a new object.
    """
    begun = time.monotonic()
    info, hand = load_weights_info(config.weights), default_hand()
    new = chosen_objects(config.objects, (config.object_name,))[config.object_name]
    _check(config, info, hand, new)
    _require_same_weights(config, info)
    catalogue = {**info.objects, new.name: new}
    scenes = prepare_scenes(config, info, hand, new, console)
    clock = time.monotonic()
    before = _before(config, info, hand, catalogue, scenes)
    reserved = time.monotonic() - clock + _EXPORT
    left = config.budget_minutes - (time.monotonic() - begun + reserved) / 60
    Trainer(_training(config, info, scenes, left), hand, catalogue).run()
    after = _export(config, hand, catalogue, scenes)
    return Adapted(new.name, before, after, (time.monotonic() - begun) / 60)


def _check(config: AdaptConfig, info: WeightsInfo, hand: HandModel, new: ObjectModel) -> None:
    if not 0 <= config.keep <= 1:
        raise UserError(f"--keep {config.keep}: expected 0 (the trained weights) to 1 (the given ones)")
    network, _ = load_network_tensors(config.weights)
    if network.object_head != "template":
        raise UserError(
            f"{config.weights}: preset '{network.preset}' has one row of weights for each vertex number, which all its "
            "objects share; a new object's numbers mean other places, so that adapting would spoil the known ones. "
            "Train it anew with all objects: hand-object-train train --objects DIR"
        )
    if info.hand.hash != hand.hash:
        raise UserError(f"{config.weights}: of hand '{info.hand.name}', expected '{hand.name}', which scenes show")
    if new.name in info.objects:
        same = info.objects[new.name].hash == new.hash
        raise UserError(
            f"{config.weights}: these weights know '{new.name}' already"
            + ("" if same else ", but another mesh of it; add the new one under another --name")
        )


def _require_same_weights(config: AdaptConfig, info: WeightsInfo) -> None:
    """Refuse a directory that belongs to other weights, before anything is rendered into it."""
    path = config.out / _BEFORE
    found = ErrorsByObject.load(path).weights if path.is_file() else info.hash
    if found != info.hash:
        raise UserError(
            f"{path}: of other weights ({found[:12]}) than {config.weights} ({info.hash[:12]}); "
            "choose another --out for these"
        )


def _before(
    config: AdaptConfig, info: WeightsInfo, hand: HandModel, catalogue: dict[str, ObjectModel], scenes: AdaptScenes
) -> ErrorsByObject:
    """Errors of the weights as they are given; measured once on the same scenes."""
    path = config.out / _BEFORE
    if path.is_file():
        found = ErrorsByObject.load(path)
        if found.held_out == scenes.held_out_hash():
            return found
    network = load_network(config.weights, hand)
    supervised = SupervisedNetwork(network, Objective(info.lixels, hand, catalogue), mixed_precision=False)
    errors = _errors(info.hash, supervised, hand, catalogue, scenes)
    errors.save(path)
    return errors


def _errors(
    weights: str, supervised: SupervisedNetwork, hand: HandModel, catalogue: dict[str, ObjectModel], scenes: AdaptScenes
) -> ErrorsByObject:
    datasets = [held_out_crops(supervised, samples, hand, catalogue) for samples in scenes.held_out]
    return ErrorsByObject.measured(weights, supervised, datasets, scenes.held_out_hash())


def _training(config: AdaptConfig, info: WeightsInfo, scenes: AdaptScenes, minutes: float) -> TrainConfig:
    return TrainConfig(
        shards=scenes.new,
        validation_shards=scenes.new_held_out,
        out=config.run,
        preset=info.preset,
        start_from=config.weights,
        steps=config.steps,
        # Where preparing took the budget, a fifth of it is still trained; a run that goes on keeps its length.
        budget_minutes=None if config.steps else max(minutes, config.budget_minutes / 5),
        batch_size=config.batch_size,
        seed=config.seed,
        device=config.device,
        workers=config.workers,
        save_every=100,
        freeze_batch_norm=True,
        freeze_hand=True,
        rehearse=scenes.known,
        rehearsal_share=1 - config.new_share,
        training_heads=False,
        schedule=config.schedule,
        weights=config.loss_weights,
    )


def _export(
    config: AdaptConfig, hand: HandModel, catalogue: dict[str, ObjectModel], scenes: AdaptScenes
) -> ErrorsByObject:
    """Write the weights, with the errors on all held-out scenes, and those by object beside them, last."""
    path = config.out / "after.json"
    if path.is_file() and config.adapted.is_file():
        found = ErrorsByObject.load(path)
        made = found.weights == file_hash(config.adapted) and _kept(config) == config.keep
        if made and found.held_out == scenes.held_out_hash():
            return found
    state = load_state(config.run / LAST)
    supervised = trained_network(state, hand, catalogue)
    move_back(supervised.network, load_network(config.weights, hand).state_dict(), config.keep)
    errors = _errors("", supervised, hand, catalogue, scenes)
    data = f"synthetic scenes only; '{config.object_name}' was learned last, beside the others"
    data += f", and all weights moved back by {config.keep:.0%}" if config.keep else ""
    count = sum(errors.scenes.values())
    provenance = provenance_of(data, state, errors.over(list(errors.scenes)), count)
    provenance["keep"] = f"{config.keep}"
    write_weights(config.adapted, supervised.network, hand, catalogue, provenance)
    errors = replace(errors, weights=load_weights_info(config.adapted).hash)
    average((scenes.new, scenes.known), config.baseline)
    errors.save(path)
    return errors


def _kept(config: AdaptConfig) -> float:
    """How far back the weights lie that were written last."""
    return float(load_weights_info(config.adapted).provenance.get("keep", "0"))
