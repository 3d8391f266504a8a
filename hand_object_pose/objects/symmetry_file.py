"""``symmetries.yaml`` beside a catalogue's meshes.

By object name, both entries optional; lengths in metres, object frame::

    006_mustard_bottle:
      rotations:                    # discrete symmetries other than the identity, each about an axis
        - {direction: [0, 0, 1], degrees: 180, point: [0, 0, 0]}
    005_tomato_soup_can:
      axes:                         # continuous rotational symmetry
        - {direction: [0, 0, 1], point: [0.01, 0.08, 0.0]}

``point`` is any point on the axis and defaults to the origin. The products of the listed rotations are added.
"""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.objects.object_model import Symmetries

FILE_NAME = "symmetries.yaml"
_LARGEST_GROUP = 120  # the full icosahedral group; more means that the angles do not close


def load_symmetries(path: Path) -> dict[str, Symmetries]:
    """Symmetries by object name.

    Raises:
        UserError: the file is not of the schema above.
    """
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise UserError(
            f"{path}: expected a YAML file of symmetries, but it cannot be read: {in_one_line(error)}"
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping of object names, found {type(content).__name__}")
    return {str(name): _parse(f"{path}: {name}", entry or {}) for name, entry in content.items()}


def rotation_about(direction: FloatArray, point: FloatArray, angle: float | FloatArray) -> FloatArray:
    """4x4 rotation, or one for each ``angle`` (N,) (radians), about the unit ``direction`` through ``point``."""
    matrix = Rotation.from_rotvec(np.asarray(angle)[..., None] * direction).as_matrix()
    return pose_matrix(matrix, point - matrix @ point)


def _parse(where: str, entry: Any) -> Symmetries:
    if not isinstance(entry, dict) or not set(entry) <= {"rotations", "axes"}:
        raise UserError(f"{where}: expected the entries 'rotations' and 'axes', found {entry!r}")
    axes = [
        _axis(f"{where}.axes[{i}]", item, {"direction", "point"}) for i, item in enumerate(_list(where, entry, "axes"))
    ]
    generators = []
    for i, item in enumerate(_list(where, entry, "rotations")):
        direction, point = _axis(f"{where}.rotations[{i}]", item, {"direction", "point", "degrees"})
        degrees = item.get("degrees")
        if not isinstance(degrees, int | float):
            raise UserError(f"{where}.rotations[{i}].degrees: expected an angle in degrees, found {degrees!r}")
        generators.append(rotation_about(direction, point, np.deg2rad(degrees)))
    return Symmetries(
        discrete=_closure(where, generators),
        axes=np.array([axis[0] for axis in axes]).reshape(-1, 3),
        axis_points=np.array([axis[1] for axis in axes]).reshape(-1, 3),
    )


def _list(where: str, entry: dict[str, Any], key: str) -> list[Any]:
    items = entry.get(key) or []
    if not isinstance(items, list):
        raise UserError(f"{where}.{key}: expected a list, found {items!r}")
    return items


def _axis(where: str, item: Any, keys: set[str]) -> tuple[FloatArray, FloatArray]:
    """Unit direction (3,) and point (3,) of one entry."""
    if not isinstance(item, dict) or not set(item) <= keys:
        raise UserError(f"{where}: expected the entries {sorted(keys)}, found {item!r}")
    try:
        direction = np.array(item.get("direction"), dtype=float).reshape(3)
        point = np.array(item.get("point", (0, 0, 0)), dtype=float).reshape(3)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: expected three numbers in direction and point, found {item!r}") from error
    length = np.linalg.norm(direction)
    if not (np.isfinite(length) and length > 0):
        raise UserError(f"{where}.direction: expected a non-zero vector, found {item.get('direction')!r}")
    return direction / length, point


def _closure(where: str, generators: list[FloatArray]) -> FloatArray:
    """All distinct products (N, 4, 4) of the generators, the identity first."""
    found = [np.eye(4)]
    for pose in found:  # grows while it is walked through
        for generator in generators:
            product = generator @ pose
            if not any(np.allclose(product, known, atol=1e-6) for known in found):
                found.append(product)
        if len(found) > _LARGEST_GROUP:
            raise UserError(f"{where}.rotations: expected a finite symmetry group; do the angles divide 360 degrees?")
    return np.stack(found)
