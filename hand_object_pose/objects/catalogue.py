"""The catalogue of known objects: CAD meshes by name."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.objects.cache import default_cache_directory
from hand_object_pose.objects.object_model import ObjectModel, Symmetries
from hand_object_pose.objects.preprocessing import load_resampled
from hand_object_pose.objects.symmetry_file import FILE_NAME, load_symmetries
from hand_object_pose.shipped import ASSETS

_MESH_SUFFIXES = (".obj", ".ply", ".stl", ".glb")
_YCB_FILES = ("textured_simple.obj", "textured.obj")


class ObjectCatalogue(Mapping[str, ObjectModel]):
    """Objects by name, in alphabetical order."""

    def __init__(self, objects: Mapping[str, ObjectModel], where: str = "the catalogue") -> None:
        self._objects = {name: objects[name] for name in sorted(objects)}
        self._where = where

    @classmethod
    def from_directory(cls, directory: Path | str, cache: Path | None = None) -> "ObjectCatalogue":
        """Read every object below a directory.

        A folder with ``textured_simple.obj`` or ``textured.obj`` (YCB; also one level down, in ``models/``), or with
        ``<folder>.<obj, ply, stl, glb>``, is an object named like the folder; any other mesh file directly inside is
        an object named like the file. Symmetries come from ``symmetries.yaml`` beside them.

        Args:
            directory: holds the objects. Meshes in metres.
            cache: where resampled meshes are kept, by content; default ``default_cache_directory()``.

        Raises:
            UserError: no such directory, no meshes in it, a name twice, or a mesh that cannot be used.
        """
        root = Path(directory)
        found = find_meshes(root)
        symmetries = _symmetries(root, set(found))
        keep = cache or default_cache_directory()
        objects = {name: load_object(path, name, symmetries.get(name), keep) for name, path in found.items()}
        return cls(objects, str(root))

    def __getitem__(self, name: str) -> ObjectModel:
        """The object; ``UnknownObjectError`` (also a ``KeyError``) lists the known ones."""
        try:
            return self._objects[name]
        except KeyError:
            raise _MissingObjectError(name, list(self._objects), self._where) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def __repr__(self) -> str:
        return f"ObjectCatalogue({', '.join(self)})"


class _MissingObjectError(UnknownObjectError, KeyError):
    """An ``UnknownObjectError`` that ``Mapping.get`` and ``in`` understand."""

    __str__ = UserError.__str__


@lru_cache(maxsize=1)
def default_catalogue() -> ObjectCatalogue:
    """The six objects that ship with the package: banana, bottle, can, carton, drill, mug."""
    return ObjectCatalogue.from_directory(default_objects_directory())


def catalogue_of(directory: Path | None) -> ObjectCatalogue:
    """The catalogue of a directory, or the default one if None.

    Raises:
        UserError: see ``ObjectCatalogue.from_directory``.
    """
    return default_catalogue() if directory is None else ObjectCatalogue.from_directory(directory)


def chosen_objects(directory: Path | None, names: Sequence[str] = ()) -> dict[str, ObjectModel]:
    """The objects of a directory, or the default ones if None; all of them, or those named.

    Raises:
        UserError: see ``ObjectCatalogue.from_directory``.
        UnknownObjectError: a name that is not among them.
    """
    catalogue = catalogue_of(directory)
    return {name: catalogue[name] for name in names or catalogue}


def default_objects_directory() -> Path:
    """Where the default objects lie."""
    return ASSETS / "objects"


def load_object(
    path: Path, name: str | None = None, symmetries: Symmetries | None = None, cache: Path | None = None
) -> ObjectModel:
    """One object from a CAD file in metres; its name is the file's stem unless given.

    Raises:
        UserError: see ``preprocessing.load_cad`` and ``resampling.resample``.
    """
    mesh = load_resampled(path, cache or default_cache_directory())
    return ObjectModel(name or path.stem, mesh.vertices, mesh.faces, symmetries or Symmetries(), visual_mesh=path)


def find_meshes(root: Path) -> dict[str, Path]:
    """The CAD file of each object below ``root``, by name, sorted."""
    if not root.is_dir():
        raise UserError(f"{root}: expected a directory of objects, found none there")
    base = root / "models" if (root / "models").is_dir() else root
    found: dict[str, Path] = {}
    for entry in sorted(base.iterdir()):
        path = _mesh_of(entry)
        name = entry.name if entry.is_dir() else entry.stem
        if path is None:
            continue
        if name in found:
            raise UserError(f"{base}: object '{name}' is there twice: {found[name].name} and {path.name}; remove one")
        found[name] = path
    if not found:
        raise UserError(
            f"{base}: expected objects, as folders with {' or '.join(_YCB_FILES)}, or as files "
            f"{', '.join('*' + suffix for suffix in _MESH_SUFFIXES)}; found none"
        )
    return found


def _mesh_of(entry: Path) -> Path | None:
    """The mesh file that a directory entry stands for."""
    if entry.is_file():
        return entry if entry.suffix.lower() in _MESH_SUFFIXES else None
    candidates = [*_YCB_FILES, *(entry.name + suffix for suffix in _MESH_SUFFIXES)]
    return next((entry / name for name in candidates if (entry / name).is_file()), None)


def _symmetries(root: Path, names: set[str]) -> dict[str, Symmetries]:
    path = root / FILE_NAME
    if not path.is_file():
        return {}
    symmetries = load_symmetries(path)
    unknown = sorted(set(symmetries) - names)
    if unknown:
        raise UserError(f"{path}: expected names of objects in {root}, found {', '.join(unknown)}")
    return symmetries
