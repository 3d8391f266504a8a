"""One signed distance grid an object, built once and kept."""

import contextlib
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.objects.cache import default_cache_directory
from hand_object_pose.objects.object_model import ObjectModel

_memory: dict[tuple[str, Path], SignedDistanceGrid] = {}


def grid_of(model: ObjectModel, cache: Path | None = None) -> SignedDistanceGrid:
    """The grid of the object's 1000-vertex mesh, object frame; from memory, else from ``cache``, else built."""
    directory = cache or default_cache_directory()
    key = (model.hash, directory)
    if key not in _memory:
        _memory[key] = _read_or_build(model, directory / "distance" / f"{model.name}-{key[0][:16]}.npz")
    return _memory[key]


def _read_or_build(model: ObjectModel, path: Path) -> SignedDistanceGrid:
    if path.is_file():
        try:
            return SignedDistanceGrid.load(path)
        except UserError:
            path.unlink(missing_ok=True)
    grid = SignedDistanceGrid.of(TriangleMesh(model.vertices, model.faces))
    with contextlib.suppress(OSError):  # a read-only home only costs the time to build it again
        grid.save(path)
    return grid
