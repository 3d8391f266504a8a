"""The scenes of an adaptation: rendered where they are not there yet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.grasp_library import GraspLibrary
from hand_object_pose_training.adapt_config import AdaptConfig
from hand_object_pose_training.grasps_command import GraspsConfig, make_grasps
from hand_object_pose_training.render import RenderConfig, render_shards
from hand_object_pose_training.samples_hash import samples_hash

_SEED, _HELD_OUT_SEED = 501, 77_501


@dataclass(frozen=True)
class AdaptScenes:
    """Directories of shards: of the new object and of the known ones, to train and to measure on."""

    new: Path
    new_held_out: Path
    known: Path
    known_held_out: Path

    @property
    def held_out(self) -> tuple[Path, Path]:
        """What errors are measured on."""
        return self.new_held_out, self.known_held_out

    def held_out_hash(self) -> str:
        """Tells whether two measurements are of the same scenes, wherever they lie."""
        return " ".join(samples_hash(samples) for samples in self.held_out)


def prepare_scenes(
    config: AdaptConfig, info: WeightsInfo, hand: HandModel, new: ObjectModel, console: Console
) -> AdaptScenes:
    """Grasps and scenes of the new object; scenes of the known ones unless they are given.

    Raises:
        UserError: scenes of the known objects are not given and cannot be rendered, or no hand can grasp the object.
    """
    if config.known_shards is None or config.known_held_out is None:
        _check_renderable(config, info)
    _find_grasps(config, hand, new, console)
    of_new: dict[str, Any] = {"objects": config.objects, "names": (new.name,), "grasps": config.library}
    of_known: dict[str, Any] = {"names": tuple(info.objects)}
    return AdaptScenes(
        _rendered(config, "new", of_new, console),
        _rendered(config, "new_held_out", of_new, console),
        config.known_shards or _rendered(config, "known", of_known, console),
        config.known_held_out or _rendered(config, "known_held_out", of_known, console),
    )


def _rendered(config: AdaptConfig, name: str, of: dict[str, Any], console: Console) -> Path:
    directory, held_out = config.out / name, name.endswith("held_out")
    count, seed = (config.held_out_scenes, _HELD_OUT_SEED) if held_out else (config.scenes, _SEED)
    console.print(f"{count} scenes: {directory}")
    settings = {"samples": count, "seed": seed, "shard_size": min(count, 250), "workers": config.render_workers}
    render_shards(RenderConfig(out=directory, **settings, **of))  # type: ignore[arg-type]
    return directory


def _check_renderable(config: AdaptConfig, info: WeightsInfo) -> None:
    default = default_catalogue()
    other = [name for name, model in info.objects.items() if name not in default or default[name].hash != model.hash]
    if other:
        raise UserError(
            f"{config.weights}: these weights know {', '.join(other)}, of which there is nothing here to render; give "
            "scenes of the objects they know: --known-shards DIR --known-held-out DIR, from hand-object-train render"
        )


def _find_grasps(config: AdaptConfig, hand: HandModel, new: ObjectModel, console: Console) -> None:
    if config.library.is_file() and GraspLibrary.load(config.library).covers(hand, {new.name: new}):
        return
    console.print(f"{config.grasps} grasps of '{new.name}': {config.library}")
    settings: dict[str, Any] = {"objects": config.objects, "names": (new.name,)}
    reports = make_grasps(GraspsConfig(out=config.library, count=config.grasps, seed=config.seed, **settings))
    console.print(f"grasps: {reports[new.name]}")
