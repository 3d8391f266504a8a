"""The node's parameters from a ROS parameter file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from hand_object_pose.errors import UserError, in_one_line
from hand_object_pose.ros.parameters import Settings, Value


def read_parameters(path: Path) -> dict[str, Value]:
    """The node's parameters in a ROS parameter file; parameters of other programs in it are left alone.

    Raises:
        UserError: it is no such file, or a value does not fit.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: expected a ROS parameter file (YAML), found: {in_one_line(error)}") from error
    found = [section["ros__parameters"] for section in _sections(content)]
    if not found:
        raise UserError(f"{path}: expected a ROS parameter file with 'NODE: ros__parameters: ...', found none")
    values = {name: value for section in found for name, value in _flat(section).items() if name != "use_sim_time"}
    try:
        return dict(Settings(values))
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error


def _sections(content: Any) -> list[dict[str, Any]]:
    """All mappings with parameters, however deep a node's namespace nests them."""
    if not isinstance(content, dict):
        return []
    if isinstance(content.get("ros__parameters"), dict):
        return [content]
    return [section for value in content.values() for section in _sections(value)]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found
