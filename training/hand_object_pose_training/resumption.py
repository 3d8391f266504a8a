"""Which settings a resumed run must share with the run as it was begun."""

from dataclasses import asdict
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose_training.mixture import REAL_ONLY
from hand_object_pose_training.run_state import RunState
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


def compared_settings(config: TrainConfig, samples: int) -> dict[str, str]:
    """What a resumed run must share, as text; ``samples`` is how many it trains on."""
    settings = asdict(config)
    settings["weights"] = {
        name: weight for name, weight in settings["weights"].items() if weight or name not in _LATER_WEIGHTS
    }
    settings["rehearsal_share"] = 0.0 if config.rehearse is None else config.rehearsal_share
    values = {name: str(value) for name, value in settings.items() if name not in _FREE_TO_CHANGE}
    return {**values, "samples": f"{samples}"}


def check_resumable(path: Path, state: RunState, settings: dict[str, str], steps: int | None) -> None:
    """Refuse to go on with another run than the one that was begun.

    Args:
        path: of the state; settings: ``compared_settings`` now; steps: the length now, None if it was to be measured.

    Raises:
        UserError: a setting or the length differs; names it.
    """
    begun = {**LATER_SETTINGS, **state.settings}
    changed = {name for name, value in settings.items() if begun.get(name) != value}
    if changed:
        raise UserError(
            f"{path}: the run was begun with other settings ({', '.join(sorted(changed))}); "
            "repeat them, or choose another --out"
        )
    if steps not in (None, state.total_steps):
        raise UserError(
            f"{path}: the run is {state.total_steps} steps long, not {steps}; its schedule "
            "was made for that. To train longer, begin a new run with --start-from its exported weights"
        )
