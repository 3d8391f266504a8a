"""Reading a scan: whatever its format, one mesh with its texture, in the file's own units and axes."""

from pathlib import Path

import numpy as np
import trimesh

from hand_object_pose.errors import UserError

FORMATS = (".obj", ".ply", ".stl", ".glb")
# Thinner than that relative to its length, a mesh is a sheet and no solid.
_FLAT = 1e-3


def read_scan(path: Path) -> trimesh.Trimesh:
    """All parts of an OBJ, PLY, STL or GLB file as one mesh, with texture or colours where it has them.

    Raises:
        UserError: the file is missing, of another format, damaged, or holds no solid.
    """
    if not path.is_file():
        found = "a directory" if path.is_dir() else "no such file"
        raise UserError(f"{path}: {found}; give a scan or a CAD model ({', '.join(FORMATS)})")
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: expected one of {', '.join(FORMATS)}, found '{path.suffix}'; export it as GLB")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: expected a mesh, but the file is empty; export it again")
    try:
        mesh = trimesh.load_mesh(path, process=False)
    except Exception as error:  # trimesh raises many kinds on a broken file
        raise UserError(f"{path}: expected a mesh, but the file cannot be read: {error}; export it again") from error
    _check_solid(path, mesh)
    return mesh


def _check_solid(path: Path, mesh: object) -> None:
    if not isinstance(mesh, trimesh.Trimesh) or len(mesh.faces) == 0:
        raise UserError(f"{path}: expected a mesh with triangles, found none; make a mesh of a cloud of points first")
    vertices = np.asarray(mesh.vertices)
    if not np.isfinite(vertices).all():
        bad = int((~np.isfinite(vertices)).any(axis=1).sum())
        raise UserError(f"{path}: expected coordinates, found {bad} vertices that are no numbers; export it again")
    used = vertices[np.unique(mesh.faces)]
    # Along its principal directions: a sheet need not lie along the axes.
    thickness = np.linalg.svd(used - used.mean(axis=0), compute_uv=False)
    if thickness[-1] < _FLAT * thickness[0]:
        raise UserError(f"{path}: expected a solid, found a flat sheet; is a part of the object missing?")
