"""Symmetries that were found, in words and as an entry of ``symmetries.yaml``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from hand_object_pose.errors import UserError
from hand_object_pose.new_object.symmetry_search import CONTINUOUS, SymmetryAxis
from hand_object_pose.objects.symmetry_file import FILE_NAME, load_symmetries

SymmetryChoice = Literal["none", "look", "shape"]
_HEADER = """# Rotations that leave an object's look unchanged, by object name; an object not listed has none.
# Lengths in metres, object frame; 'axes' allow any angle, 'rotations' the given one and its multiples.
"""


def in_words(axes: Sequence[SymmetryAxis]) -> tuple[str, ...]:
    """One sentence an axis: what keeps the shape, and whether the colours agree."""
    if not axes:
        return ("symmetry: none found",)
    return tuple(f"symmetry: {_turns(axis.fold)} about {_direction_in_words(axis)}: {_look(axis)}" for axis in axes)


def entry_of(axes: Sequence[SymmetryAxis], choice: SymmetryChoice) -> dict[str, list[dict[str, Any]]]:
    """The entry of ``symmetries.yaml``: of the shape, or of the whole look; empty where there is nothing to declare.

    Raises:
        UserError: the look was chosen, and the file has no colours.
    """
    if choice == "look" and any(axis.look_fold is None for axis in axes):
        raise UserError("--symmetry look: the file has no colours to see the look by; choose 'shape' or 'none'")
    choices: dict[str, list[int | None]] = {
        "none": [1 for _ in axes],
        "look": [axis.look_fold for axis in axes],
        "shape": [axis.fold for axis in axes],
    }
    folds = choices[choice]
    entry: dict[str, list[dict[str, Any]]] = {}
    for axis, fold in zip(axes, folds, strict=True):
        if fold == CONTINUOUS:
            entry.setdefault("axes", []).append(_place(axis))
        elif fold is not None and fold > 1:
            entry.setdefault("rotations", []).append({**_place(axis), "degrees": 360 / fold})
    return entry


def declare(directory: Path, name: str, entry: dict[str, list[dict[str, Any]]]) -> None:
    """Write an object's entry into the catalogue's ``symmetries.yaml``; the others stay as they are.

    Raises:
        UserError: the file that is there cannot be read.
    """
    path = directory / FILE_NAME
    known: dict[str, Any] = {}
    if path.is_file():
        load_symmetries(path)  # a file that is none is refused before it is touched
        known = yaml.safe_load(path.read_text()) or {}
    if known.get(name) == entry or (not entry and name not in known):
        return
    known.pop(name, None)
    content = {**known, name: entry} if entry else known
    path.write_text(_HEADER + yaml.safe_dump(content, sort_keys=True, default_flow_style=None))
    load_symmetries(path)


def _place(axis: SymmetryAxis) -> dict[str, list[float]]:
    place = {"direction": _numbers(axis.direction, 9)}
    return {**place, "point": _numbers(axis.point, 6)} if np.abs(axis.point).max() > 1e-4 else place


def _numbers(vector: np.ndarray, decimals: int) -> list[float]:
    # Adding zero makes -0.0 a plain 0.
    return [float(value) for value in np.round(vector, decimals) + 0.0]


def _turns(fold: int) -> str:
    return "any turn" if fold == CONTINUOUS else f"turns by {360 / fold:g} degrees"


def _direction_in_words(axis: SymmetryAxis) -> str:
    for name, unit in zip("xyz", np.eye(3), strict=True):
        if abs(axis.direction @ unit) > 1 - 1e-9:
            return f"the {name} axis"
    return f"the axis ({', '.join(f'{value:.3f}' for value in axis.direction)})"


def _look(axis: SymmetryAxis) -> str:
    if axis.look_fold is None:
        return "keeps the shape; the file has no colours to see the look by"
    if axis.look_fold == axis.fold:
        return "keeps shape and look"
    if axis.look_fold == 1:
        return "keeps the shape only, the colours differ"
    return f"keeps the shape; the look only {_turns(axis.look_fold)}"
