"""A dataset's CAD files, read so that one missing or damaged mesh costs its own frames only."""

from collections.abc import Iterable
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose.objects.catalogue import find_meshes, load_object
from hand_object_pose.objects.object_model import ObjectModel, Symmetries
from hand_object_pose.objects.symmetry_file import FILE_NAME, load_symmetries


def load_objects(directory: Path, names: Iterable[str] | None = None) -> tuple[dict[str, ObjectModel], list[str]]:
    """Objects by name, and what was wrong with the others.

    Args:
        directory: folders such as ``006_mustard_bottle/textured_simple.obj``, and ``symmetries.yaml`` if there is one.
        names: of the wanted objects; None reads all.

    Raises:
        UserError: no such directory, no mesh in it at all, or a damaged ``symmetries.yaml``.
    """
    found = find_meshes(directory)
    path = directory / FILE_NAME
    symmetries = load_symmetries(path) if path.is_file() else {}
    objects: dict[str, ObjectModel] = {}
    problems = [f"{directory}: no mesh of object '{name}'" for name in names or () if name not in found]
    for name in found if names is None else [name for name in names if name in found]:
        model = _attempt(found[name], name, symmetries.get(name), problems)
        if model is not None:
            objects[name] = model
    return objects, problems


def _attempt(path: Path, name: str, symmetries: Symmetries | None, problems: list[str]) -> ObjectModel | None:
    try:
        return load_object(path, name, symmetries)
    except UserError as error:
        problems.append(str(error))
        return None
