"""From a CAD file to the 1000 vertices that the network knows, computed once and kept beside the file or cached."""

import contextlib
import hashlib
from pathlib import Path

import numpy as np
import trimesh

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.resampling import merge_by_position, resample
from hand_object_pose.npz_files import UNREADABLE, write_npz
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


def save_resampled(target: Path, source: Path, solid: TriangleMesh | None = None) -> TriangleMesh:
    """Resample the CAD file ``source`` and write vertices (float32), faces and the source's hash to ``target``.

    ``solid`` is the surface to resample in its place, such as the repaired one; metres, the file's frame.
    """
    mesh = _resampled(load_cad(source) if solid is None else solid)
    _write(target, mesh, content_hash(source))
    return mesh


def load_resampled(source: Path, cache: Path) -> TriangleMesh:
    """The resampled mesh of a CAD file: from beside it, else from ``cache``, else computed and kept there.

    A file in ``cache`` that cannot be read is written anew; a cache that cannot be written to costs only time.

    Raises:
        UserError: the file beside ``source`` cannot be read, or see ``load_cad``.
    """
    key = content_hash(source)
    beside, cached = resampled_file(source), cache / "resampled" / f"{source.stem}-{key[:16]}.npz"
    mesh = _read_beside(beside, key)
    if mesh is None:
        with contextlib.suppress(*UNREADABLE):
            mesh = _read(cached, key)
    if mesh is None:
        mesh = _resampled(load_cad(source))
        with contextlib.suppress(OSError):
            _write(cached, mesh, key)
    return TriangleMesh(mesh.vertices.astype(np.float64), mesh.faces.astype(np.int64))


def _resampled(solid: TriangleMesh) -> TriangleMesh:
    """With the precision of the file, so that a mesh is the same before and after it was written."""
    mesh = resample(solid, NUM_OBJECT_VERTICES)
    return TriangleMesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32))


def _write(path: Path, mesh: TriangleMesh, key: str) -> None:
    write_npz(path, vertices=mesh.vertices, faces=mesh.faces, source=key)


def _read(path: Path, key: str) -> TriangleMesh | None:
    """None where the file belongs to another CAD file or version; raises ``UNREADABLE``."""
    with np.load(path) as arrays:
        return TriangleMesh(arrays["vertices"], arrays["faces"]) if str(arrays["source"]) == key else None


def _read_beside(path: Path, key: str) -> TriangleMesh | None:
    if not path.is_file():
        return None
    try:
        return _read(path, key)
    except UNREADABLE as error:
        raise UserError(
            f"{path}: expected a resampled mesh (npz), but it cannot be read: {error}; "
            "fetch it again, or delete it to have it computed"
        ) from error


def _check_size(path: Path, mesh: TriangleMesh) -> None:
    largest = float(np.ptp(mesh.vertices, axis=0).max())
    if not SMALLEST_SIDE <= largest <= LARGEST_SIDE:
        unit = "millimetres" if largest > LARGEST_SIDE else "kilometres or inches"
        raise UserError(
            f"{path}: expected metres, found a longest side of {largest:g}; is the file in {unit}? "
            "Scale it to metres (0.005 to 2)"
        )
