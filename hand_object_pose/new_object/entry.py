"""Writing an object into a catalogue's directory."""

import json
import re
from pathlib import Path

import numpy as np
import trimesh

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.new_object.placing import Placing
from hand_object_pose.objects.preprocessing import resampled_file, save_resampled

RECORD = "added.json"


def entry_folder(directory: Path, name: str) -> Path:
    """The folder of an entry; below ``models`` where the catalogue has that level."""
    models = directory / "models"
    return (models if models.is_dir() else directory) / name


def check_name(name: str) -> None:
    """Refuse names that a folder, a topic or a message cannot carry.

    Raises:
        UserError: anything but letters, digits, dots, dashes and underscores.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UserError(f"name '{name}': expected letters, digits, dots, dashes and underscores; give another --name")


def write_entry(
    directory: Path,
    name: str,
    mesh: trimesh.Trimesh,
    solid: TriangleMesh,
    placing: Placing,
    findings: tuple[str, ...],
    replace: bool,
) -> None:
    """Write the mesh to draw, its 1000 vertices and a record of what was found.

    Args:
        directory: of the catalogue; name: of the object.
        mesh: to draw, in the object's frame; solid: the closed surface that is resampled.
        placing: the file's coordinates to the object's frame; findings: for the record.
        replace: whether another mesh of that name may be overwritten.

    Raises:
        UserError: there is another mesh of that name, or the surface cannot be resampled.
    """
    path = entry_folder(directory, name) / f"{name}.glb"
    content = bytes(mesh.export(file_type="glb"))  # type: ignore[arg-type]
    if path.is_file() and path.read_bytes() != content and not replace:
        raise UserError(
            f"{path}: there is another '{name}' already, and weights that know it would refuse this one; "
            "give another --name, or --replace"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    save_resampled(resampled_file(path), path, solid)
    record = {"T_object_file": np.round(placing.transform, 12).tolist(), "findings": list(findings)}
    (path.parent / RECORD).write_text(json.dumps(record, indent=1) + "\n")
