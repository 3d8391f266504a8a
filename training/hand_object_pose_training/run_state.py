"""The state of a training run on disk: written atomically, resumed exactly."""

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hand_object_pose.errors import UserError


@dataclass
class RunState:
    """Where a run stands.

    Attributes:
        step: steps done; total_steps: of the whole run, fixed once; seconds: spent training so far.
        network, optimizer: state dicts; settings: plain values, which a resumed run must share.
        device: where it was trained, in words; lineage: the weights it began with, and what those had behind them.
    """

    step: int
    total_steps: int
    seconds: float
    network: dict[str, Any]
    optimizer: dict[str, Any]
    settings: dict[str, Any]
    device: str = ""
    lineage: str = ""


def save_state(path: Path, state: RunState) -> None:
    """Write beside and rename, so that a run killed while writing keeps its previous state."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        torch.save(vars(state), temporary)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: the training state could not be written ({error}); free some space") from error
    finally:
        temporary.unlink(missing_ok=True)


def load_state(path: Path) -> RunState:
    """Read a state without executing anything.

    Raises:
        UserError: if the file is damaged or not of this program.
    """
    try:
        return RunState(**torch.load(path, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, RuntimeError, TypeError, EOFError) as error:
        raise UserError(f"{path}: not a training state of this program ({error}); delete it to start anew") from error
