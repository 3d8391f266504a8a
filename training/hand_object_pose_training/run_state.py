"""The state of a training run on disk: written atomically, resumed exactly."""

import errno
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hand_object_pose.errors import UserError

LAST, BEST = "state.pt", "best.pt"
"""Files of a run's directory: the state to go on from, and that of the least error on held-out samples."""


@dataclass
class RunState:
    """Where a run stands.

    Attributes:
        step: steps done; total_steps: of the whole run, fixed once; seconds: spent training so far.
        network, optimizer: state dicts; settings: plain values, which a resumed run must share.
        device: where it was trained, in words; lineage: the weights it began with, and what those had behind them.
        best: the least error so far that ``best.pt`` was kept for, cm; None before the first validation.
    """

    step: int
    total_steps: int
    seconds: float
    network: dict[str, Any]
    optimizer: dict[str, Any]
    settings: dict[str, Any]
    device: str = ""
    lineage: str = ""
    best: float | None = None


def save_state(path: Path, state: RunState) -> None:
    """Write beside and rename, so that a run killed while writing keeps its previous state.

    Raises:
        UserError: it cannot be written, for example on a full disk; the previous state is as it was.
    """
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(vars(state), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        # On its way out of torch.save, a full disk becomes an internal error; given a file, what the system said is
        # its context.
        reason = error.__context__ if isinstance(error.__context__, OSError) else error
        kept = "the state saved before it is as it was" if path.exists() else "there is none yet"
        raise UserError(
            f"{path}: the training state of step {state.step} could not be written ({reason}); {kept}. "
            "Free some space and repeat the command"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def explaining_full_disks(path: Path) -> Iterator[None]:
    """Say which state is left when a log cannot be written for want of space.

    Raises:
        UserError: for the errors that the system gives then.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"{path.parent}: the run's logs could not be written ({error}); the state in {path.name} is as it was "
            "saved last. Free some space and repeat the command"
        ) from error


def load_state(path: Path) -> RunState:
    """Read a state without executing anything.

    Raises:
        UserError: if the file is missing, damaged or not of this program.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the state of a training run")
    try:
        return RunState(**torch.load(path, map_location="cpu", weights_only=True))
    except (pickle.UnpicklingError, RuntimeError, TypeError, EOFError) as error:
        raise UserError(f"{path}: not a training state of this program ({error}); delete it to start anew") from error
