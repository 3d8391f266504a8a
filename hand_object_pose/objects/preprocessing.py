"""From a CAD file to the 1000 vertices that the network knows, computed once and kept beside the file or cached."""

import hashlib
from pathlib import Path

import numpy as np
import trimesh

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.resampling import merge_by_position, resample
from hand_object_pose.objects.object_model import NUM_OBJECT_VERTICES

# Part of a cached mesh's key: raise it when the preprocessing changes its result.
_VERSION = "1"
LARGEST_SIDE, SMALLEST_SIDE = 2.0, 0.005


def load_cad(path: Path) -> TriangleMesh:
    """The triangles of an OBJ, PLY, STL or GLB file in metres, equal positions merged.

    Raises:
        UserError: the file cannot be read, holds no triangles, or its size is not that of an object in metres.
    """
    try:
        loaded = trimesh.load_mesh(path, process=False)
    except Exception as error:  # trimesh raises many kinds on a broken file
        raise UserError(f"{path}: expected a mesh (OBJ, PLY, STL, GLB), but it cannot be read: {error}") from error
    if not isinstance(loaded, trimesh.Trimesh) or len(loaded.faces) == 0:
        raise UserError(f"{path}: expected a mesh with triangles, found none")
    mesh = merge_by_position(TriangleMesh(np.asarray(loaded.vertices), np.asarray(loaded.faces)))
    _check_size(path, mesh)
    return mesh


def resampled_file(path: Path) -> Path:
    """Where a resampled mesh may lie beside its CAD file."""
    return path.with_name(f"{path.stem}_{NUM_OBJECT_VERTICES}.npz")


def content_hash(path: Path) -> str:
    """SHA-256 (hex) of the CAD file and the version of this preprocessing."""
    return hashlib.sha256(path.read_bytes() + _VERSION.encode()).hexdigest()


def save_resampled(target: Path, source: Path) -> TriangleMesh:
    """Resample the CAD file ``source`` and write vertices (float32), faces and the source's hash to ``target``."""
    mesh = resample(load_cad(source), NUM_OBJECT_VERTICES)
    rounded = TriangleMesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".partial.npz")
    np.savez_compressed(unfinished, vertices=rounded.vertices, faces=rounded.faces, source=content_hash(source))
    unfinished.replace(target)
    return rounded


def load_resampled(source: Path, cache: Path) -> TriangleMesh:
    """The resampled mesh of a CAD file: from beside it, else from ``cache``, else computed and kept there."""
    key = content_hash(source)
    cached = cache / "resampled" / f"{source.stem}-{key[:16]}.npz"
    for candidate in (resampled_file(source), cached):
        if candidate.is_file():
            with np.load(candidate) as arrays:
                if str(arrays["source"]) == key:
                    return TriangleMesh(arrays["vertices"].astype(np.float64), arrays["faces"].astype(np.int64))
    mesh = save_resampled(cached, source)
    return TriangleMesh(mesh.vertices.astype(np.float64), mesh.faces.astype(np.int64))


def _check_size(path: Path, mesh: TriangleMesh) -> None:
    largest = float(np.ptp(mesh.vertices, axis=0).max())
    if not SMALLEST_SIDE <= largest <= LARGEST_SIDE:
        unit = "millimetres" if largest > LARGEST_SIDE else "kilometres or inches"
        raise UserError(
            f"{path}: expected metres, found a longest side of {largest:g}; is the file in {unit}? "
            "Scale it to metres (0.005 to 2)"
        )
