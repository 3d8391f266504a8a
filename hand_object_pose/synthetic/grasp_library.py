"""Grasps prepared once an object and kept in a file: finding one takes some hundred times longer than using it."""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.npz_files import UNREADABLE
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.shipped import ASSETS
from hand_object_pose.synthetic.grasps import GraspConfig, GraspGenerator, Grasps

SHIPPED = "grasps/default_right.npz"


class GraspLibrary:
    """Grasps by object name, with the hashes of the hand and the meshes they were made for."""

    def __init__(self, grasps: Mapping[str, Grasps], hashes: Mapping[str, str], hand_hash: str, where: str) -> None:
        self._grasps = dict(grasps)
        self._hashes = dict(hashes)
        self.hand_hash = hand_hash
        self.where = where

    @property
    def object_names(self) -> list[str]:
        """Sorted names."""
        return sorted(self._grasps)

    def of(self, model: ObjectModel) -> Grasps:
        """The grasps of an object.

        Raises:
            UnknownObjectError: the library does not hold the object.
            UserError: it holds one of that name with another mesh.
        """
        if model.name not in self._grasps:
            raise UnknownObjectError(model.name, self.object_names, self.where)
        if self._hashes[model.name] != model.hash:
            raise UserError(
                f"{self.where}: its grasps of '{model.name}' were made for another mesh "
                f"({self._hashes[model.name][:12]}, not {model.hash[:12]}); make them anew with GraspLibrary.generate"
            )
        return self._grasps[model.name]

    def require_hand(self, hand: HandModel) -> None:
        """Raise ``UserError`` unless the grasps were made for this hand."""
        if self.hand_hash != hand.hash:
            raise UserError(
                f"{self.where}: its grasps were made for another hand model ({self.hand_hash[:12]}) than "
                f"'{hand.name}' ({hand.hash[:12]}); make them anew with GraspLibrary.generate"
            )

    def covers(self, hand: HandModel, catalogue: Mapping[str, ObjectModel]) -> bool:
        """Whether it was made for this hand and holds every object of the catalogue with the same mesh."""
        same = all(self._hashes.get(name) == model.hash for name, model in catalogue.items())
        return self.hand_hash == hand.hash and same

    @classmethod
    def generate(
        cls,
        hand: HandModel,
        catalogue: Mapping[str, ObjectModel],
        count: int,
        seed: int,
        config: GraspConfig | None = None,
        workers: int = 1,
    ) -> "GraspLibrary":
        """``count`` grasps of every object, the same for the same seed, in about 0.2 s each.

        Raises:
            UserError: an object of which no grasp could be found.
        """
        names = sorted(catalogue)
        jobs = [
            (hand, catalogue[name], count, [seed, number], config or GraspConfig()) for number, name in enumerate(names)
        ]
        if workers > 1:
            with ProcessPoolExecutor(workers) as pool:
                found = list(pool.map(_find_grasps, jobs))
        else:
            found = [_find_grasps(job) for job in jobs]
        hashes = {name: model.hash for name, model in catalogue.items()}
        return cls(dict(zip(names, found, strict=True)), hashes, hand.hash, "generated grasps")

    def save(self, path: Path) -> None:
        """Write an npz with half-precision poses (errors below 0.1 mm on a hand) and float32 transforms."""
        arrays = {"hand_hash": np.array(self.hand_hash), "names": np.array(self.object_names)}
        for name, grasps in self._grasps.items():
            arrays[f"{name}/hash"] = np.array(self._hashes[name])
            for field in fields(Grasps):
                arrays[f"{name}/{field.name}"] = _compact(field.name, getattr(grasps, field.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> "GraspLibrary":
        """Read what ``save`` wrote.

        Raises:
            UserError: the file is missing or is something else.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                names = [str(name) for name in data["names"]]
                grasps = {name: Grasps(*(_wide(data[f"{name}/{f.name}"]) for f in fields(Grasps))) for name in names}
                return cls(grasps, {n: str(data[f"{n}/hash"]) for n in names}, str(data["hand_hash"]), str(path))
        except FileNotFoundError as error:
            raise UserError(f"{path}: no such grasp library; make one: hand-object-train grasps --out FILE") from error
        except UNREADABLE as error:
            raise UserError(f"{path}: expected a grasp library written by GraspLibrary.save ({error})") from error


def _find_grasps(job: tuple[HandModel, ObjectModel, int, list[int], GraspConfig]) -> Grasps:
    hand, model, count, seed, config = job
    found, _, _ = GraspGenerator(hand, config).generate(model, grid_of(model), count, np.random.default_rng(seed))
    if not len(found):
        shown = " x ".join(f"{length * 100:.1f}" for length in np.ptp(model.vertices, axis=0))
        raise UserError(f"object '{model.name}' ({shown} cm): no hand can grasp it; is its mesh in metres?")
    return found


def _compact(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "b":
        return array
    return array.astype(np.float32 if name == "T_object_wrist" else np.float16)


def _wide(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.kind == "b" else array.astype(np.float64)


@lru_cache(maxsize=1)
def shipped_grasps() -> GraspLibrary:
    """The library that comes with the package: the default right hand and the default objects."""
    return GraspLibrary.load(ASSETS / SHIPPED)
