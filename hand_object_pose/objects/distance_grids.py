"""One signed distance grid an object, built once and kept."""

import contextlib
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.signed_distance import GRID_MARGIN, SignedDistanceGrid, affordable_spacing
from hand_object_pose.objects.cache import default_cache_directory
from hand_object_pose.objects.object_model import ObjectModel

# Part of a cached grid's name: raise it when the same mesh and spacing give another grid.
_VERSION = 1

_memory: dict[tuple[str, Path], SignedDistanceGrid] = {}


def grid_of(model: ObjectModel, cache: Path | None = None) -> SignedDistanceGrid:
    """The grid of the object's 1000-vertex mesh, object frame; from memory, else from ``cache``, else built.

    Its spacing is 2.5 mm, and coarser for objects beyond about 25 cm, so that no grid holds more than two million nodes
    (8 MB): see ``signed_distance.affordable_spacing``.
    """
    directory = cache or default_cache_directory()
    key = (model.hash, directory)
    if key not in _memory:
        _memory[key] = _read_or_build(model, directory)
    return _memory[key]


def _read_or_build(model: ObjectModel, directory: Path) -> SignedDistanceGrid:
    mesh = TriangleMesh(model.vertices, model.faces)
    spacing = affordable_spacing(mesh)
    settings = f"v{_VERSION}-{spacing * 1000:.3f}mm-{GRID_MARGIN * 1000:g}mm"
    path = directory / "distance" / f"{model.name}-{model.hash[:16]}-{settings}.npz"
    with contextlib.suppress(UserError):
        return SignedDistanceGrid.load(path)
    grid = SignedDistanceGrid.of(mesh, spacing)
    with contextlib.suppress(OSError):  # a read-only home only costs the time to build it again
        grid.save(path)
    return grid
