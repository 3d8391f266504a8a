"""Hand models as npz files: plain arrays, nothing to execute."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from hand_object_pose.errors import UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.npz_files import UNREADABLE

_TEXT = ("name", "side")


def save_hand_model(path: Path, model: HandModel) -> None:
    """Write ``model`` to ``path`` (.npz): floating arrays as float32, integers as int32; same bytes for same input."""
    arrays: dict[str, Any] = {field.name: _stored(getattr(model, field.name)) for field in fields(HandModel)}
    # NumPy's own writer stamps entries with a fixed date, so that a rebuilt file can be compared with the shipped one.
    np.savez_compressed(path, **arrays)


def load_hand_model(path: Path) -> HandModel:
    """Read a file that ``save_hand_model`` wrote.

    Raises:
        UserError: the file is missing, is no npz, or lacks one of the model's arrays.
        ValueError: an array has the wrong shape.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            missing = [field.name for field in fields(HandModel) if field.name not in data]
            if missing:
                raise UserError(f"{path}: expected a hand model, but it lacks {', '.join(missing)}")
            values: dict[str, Any] = {
                field.name: _restored(field.name, data[field.name]) for field in fields(HandModel)
            }
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such hand model; give the path of an .npz written by save_hand_model") from error
    except UNREADABLE as error:
        raise UserError(f"{path}: expected an .npz file with a hand model; it cannot be read ({error})") from error
    return HandModel(**values)


def _stored(value: object) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind == "f":
        return array.astype(np.float32)
    return array.astype(np.int32) if array.dtype.kind in "iu" else array


def _restored(name: str, array: np.ndarray) -> object:
    if name in _TEXT:
        return str(array)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
