"""Unit, up axis and origin of a scan: what the file says, what is assumed, the transform into the object's frame."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError

Unit = Literal["m", "cm", "mm", "in"]
UpAxis = Literal["x", "y", "z", "-x", "-y", "-z"]
METRES: dict[Unit, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254}
_NAMES: dict[Unit, str] = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "in": "inches"}
SMALLEST, LARGEST = 0.01, 1.0
"""The longest side of what a hand holds, metres; anything else is refused."""
_USUAL = (0.03, 0.4)


@dataclass(frozen=True)
class PlacingConfig:
    """How a file's numbers are to be read.

    Attributes:
        unit: of its lengths; metres unless given, where that makes an object that a hand can hold.
        up: its axis that points up when the object stands; unless given, y for GLB, as glTF demands, and z for others.
        origin: "centre" puts the origin in the middle of the bounding box; "file" keeps the file's.
    """

    unit: Unit | None = None
    up: UpAxis | None = None
    origin: Literal["centre", "file"] = "centre"


@dataclass(frozen=True)
class Placing:
    """What was decided.

    Attributes:
        transform: (4, 4) from the file's coordinates to the object's frame (metres, z up), scale included.
        findings: sentences on what was found and what was assumed.
    """

    transform: FloatArray
    findings: tuple[str, ...]


def place(path: Path, vertices: FloatArray, config: PlacingConfig) -> Placing:
    """Decide on unit, up axis and origin of the mesh with ``vertices`` (V, 3), the file's numbers.

    Raises:
        UserError: in the unit given or assumed, the object is not of a size that a hand can hold.
    """
    unit, scale_finding = _unit(path, float(np.ptp(vertices, axis=0).max()), config.unit)
    up, up_finding = _up(path, config.up)
    transform = np.eye(4)
    transform[:3, :3] = METRES[unit] * turned_up(up)
    placed = vertices @ transform[:3, :3].T
    low, high = placed.min(axis=0), placed.max(axis=0)
    if config.origin == "centre":
        transform[:3, 3] = -(low + high) / 2
    return Placing(transform, (scale_finding, up_finding, _origin_finding(low, high, config.origin)))


def turned_up(up: UpAxis) -> FloatArray:
    """The rotation (3, 3) that takes a file's up axis to +z; about x where that does it, else about y."""
    turns = {
        "z": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        "-z": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
        "y": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
        "-y": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
        "x": [[0, 0, -1], [0, 1, 0], [1, 0, 0]],
        "-x": [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
    }
    return np.array(turns[up], dtype=np.float64)


def _unit(path: Path, longest: float, given: Unit | None) -> tuple[Unit, str]:
    unit = given or "m"
    metres = longest * METRES[unit]
    if not SMALLEST <= metres <= LARGEST:
        raise UserError(_size_problem(path, longest, unit))
    said = (
        "as you say" if given else ("as glTF demands" if path.suffix.lower() == ".glb" else "assumed: none is stated")
    )
    finding = f"unit: {_NAMES[unit]}, {said}; the longest side is then {metres * 100:.1f} cm"
    if not _USUAL[0] <= metres <= _USUAL[1]:
        finding += f", unusual for something held in one hand{_alternatives(longest, unit)}"
    return unit, finding


def _size_problem(path: Path, longest: float, unit: Unit) -> str:
    return (
        f"{path}: expected an object that a hand can hold ({SMALLEST * 100:g} cm to {LARGEST:g} m), found a longest "
        f"side of {longest:g} {_NAMES[unit]}{_alternatives(longest, unit)}"
    )


def _alternatives(longest: float, unit: Unit) -> str:
    """The units that would make it a thing of usual size, as options to choose from."""
    sizes = {other: longest * METRES[other] for other in METRES if other != unit}
    fitting = [other for other, size in sizes.items() if _USUAL[0] <= size <= _USUAL[1]]
    if not fitting:
        return "; no usual unit makes a hand-held object of it: scale it to metres"
    choices = [f"in {_NAMES[other]} {sizes[other] * 100:.1f} cm: --unit {other}" for other in fitting]
    return f"; it would be {' or '.join(choices)}"


def _up(path: Path, given: UpAxis | None) -> tuple[UpAxis, str]:
    if given:
        return given, f"up: {given}, as you say"
    if path.suffix.lower() == ".glb":
        return "y", "up: y, as glTF demands; if it lies on its side in the turntable picture, give --up"
    return "z", "up: z, assumed, since the format does not say; if it lies on its side in the picture, give --up"


def _origin_finding(low: FloatArray, high: FloatArray, origin: str) -> str:
    if origin == "centre":
        return "origin: moved to the middle of the bounding box (--origin file keeps the file's)"
    outside = float(np.linalg.norm(np.maximum(0, np.maximum(low, -high))))
    if outside > 0:
        return f"origin: the file's, {outside * 100:.1f} cm outside the object; estimates are better with it inside"
    return "origin: the file's, within the object's bounding box"
