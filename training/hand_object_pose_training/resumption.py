"""Which settings a resumed run must share with the run as it was begun."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose_training.mixture import REAL_ONLY
from hand_object_pose_training.run_state import RunState
from hand_object_pose_training.samples_hash import NOT_READ
from hand_object_pose_training.train_config import TrainConfig

# What may differ when a run is resumed, because it changes nothing in the result, or is kept in the state.
_FREE_TO_CHANGE = frozenset(
    {"shards", "validation_shards", "grasps", "backgrounds", "out", "start_from", "first_stage_from", "device"}
    | {"workers", "objects", "rehearse", "steps", "epochs", "budget_minutes", "save_every", "validate_every"}
)
# Runs begun before these existed go on without them.
_LATER_WEIGHTS = frozenset({"finger", "wrist", "depth"})
LATER_SETTINGS: dict[str, str] = {
    "hand_steps": "0",
    "freeze_batch_norm": "False",
    "machines": "1",
    "mixture": str(asdict(REAL_ONLY)),
    "objects": "None",
    "rehearse": "None",
    "rehearsal_share": "0.0",
    "training_heads": "True",
    "freeze_hand": "False",
}
"""Settings that runs and results from before them do not name, and what they were then."""


CONTENT = "content of "
"""Begins the names of compared values that are hashes of what files hold; the setting that names the file follows."""


def compared_settings(config: TrainConfig, samples: int, contents: Mapping[str, str]) -> dict[str, str]:
    """What a resumed run must share, as text.

    Args:
        config: of the run; samples: how many it trains on; contents: of ``samples_hash.contents``.
    """
    settings = asdict(config)
    settings["weights"] = {
        name: weight for name, weight in settings["weights"].items() if weight or name not in _LATER_WEIGHTS
    }
    settings["rehearsal_share"] = 0.0 if config.rehearse is None else config.rehearsal_share
    values = {name: str(value) for name, value in settings.items() if name not in _FREE_TO_CHANGE}
    return {**values, "samples": f"{samples}", **{CONTENT + name: found for name, found in contents.items()}}


def check_resumable(path: Path, state: RunState, settings: dict[str, str], steps: int | None) -> None:
    """Refuse to go on with another run than the one that was begun.

    Args:
        path: of the state; settings: ``compared_settings`` now; steps: the length now, None if it was to be measured.

    Raises:
        UserError: a setting or the length differs; names it.
    """
    begun = {**LATER_SETTINGS, **state.settings}
    changed = {name for name, value in settings.items() if begun.get(name) != value and not _is_content(name)}
    if changed:
        raise UserError(
            f"{path}: the run was begun with other settings ({', '.join(sorted(changed))}); "
            "repeat them, or choose another --out"
        )
    if steps not in (None, state.total_steps):
        raise UserError(
            f"{path}: the run is {state.total_steps} steps long, not {steps}, and its schedule was made for that; give "
            "that length, or choose another --out (of train, with --start-from and the weights exported from this run)"
        )


def check_contents(path: Path, state: RunState, settings: Mapping[str, str], config: TrainConfig) -> None:
    """Refuse to go on with other samples or pictures; what a state of an earlier version does not say passes.

    Args:
        path: of the state; settings: ``compared_settings`` of ``config``, which is of now.

    Raises:
        UserError: names the options, and the files that hold something else.
    """
    begun = {name: found for name, found in state.settings.items() if _is_content(name)}
    others = [name.removeprefix(CONTENT) for name, found in begun.items() if settings[name] != found]
    if others:
        given = ", ".join(f"{_option(name)} {getattr(config, name)}" for name in others)
        raise UserError(
            f"{path}: the run was begun with other files than {given} holds now; give those that it was begun with, "
            "or choose another --out"
        )


def unsaid_contents(state: RunState, settings: Mapping[str, str]) -> list[str]:
    """Options whose files a run reads now and of which a state, of an earlier version, does not say what they held."""
    read = (name for name, found in settings.items() if _is_content(name) and found != NOT_READ)
    return [_option(name.removeprefix(CONTENT)) for name in read if name not in state.settings]


def _option(setting: str) -> str:
    return "--" + setting.replace("_", "-")


def _is_content(name: str) -> bool:
    return name.startswith(CONTENT)
