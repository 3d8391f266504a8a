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


def entry_mesh(directory: Path, name: str) -> Path:
    """The CAD file of an entry."""
    return directory / name / f"{name}.glb"


def check_name(name: str) -> None:
    """Refuse names that a folder, a topic or a message cannot carry.

    Raises:
        UserError: anything but letters, digits, dots, dashes and underscores.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UserError(f"name '{name}': expected letters, digits, dots, dashes and underscores; give another --name")


def write_entry(
    directory: Path, name: str, mesh: trimesh.Trimesh, solid: TriangleMesh, placing: Placing, findings: tuple[str, ...]
) -> Path:
    """Write the mesh to draw, its 1000 vertices and a record of what was found; returns the mesh's file.

    Args:
        directory: of the catalogue; name: of the object.
        mesh: to draw, in the object's frame; solid: the closed surface that is resampled.
        placing: the file's coordinates to the object's frame; findings: for the record.

    Raises:
        UserError: the surface cannot be resampled.
    """
    path = entry_mesh(directory, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    mesh.export(path)
    save_resampled(resampled_file(path), path, solid)
    record = {"T_object_file": np.round(placing.transform, 12).tolist(), "findings": list(findings)}
    (path.parent / RECORD).write_text(json.dumps(record, indent=1) + "\n")
    return path
