"""Poses of objects in the result format of the BOP benchmark, as DexYCB's toolkit takes them."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose_training.benchmark.frames import BenchmarkFrame
from hand_object_pose_training.datasets.dexycb_layout import YCB_NAMES

Place = tuple[int, int, int]

COLUMNS = ("scene_id", "im_id", "obj_id", "score", "R", "t", "time")
_MM = 1000.0
# Files have few digits.
_LARGEST_SKEW = 0.01


@dataclass(frozen=True)
class BopEstimates:
    """The most confident pose of each object in each image; there are no hands in such a file.

    Attributes:
        name: for tables; scenes: number of each recording's folder.
        poses: (4, 4) object frame to camera frame, metres, by scene, image and object (1 to 21).
    """

    name: str
    scenes: Mapping[str, int]
    poses: Mapping[Place, FloatArray]

    @classmethod
    def read(cls, path: Path, scenes: Mapping[str, int]) -> "BopEstimates":
        """Of a CSV file with ``COLUMNS``; ``R`` are nine numbers row by row, ``t`` three, millimetres.

        Raises:
            UserError: it is not such a file.
        """
        best: dict[Place, tuple[float, FloatArray]] = {}
        for place, score, pose in _rows(path):
            if place not in best or score > best[place][0]:
                best[place] = score, pose
        if not best:
            raise UserError(f"{path}: expected poses below the line {','.join(COLUMNS)}, found none")
        return cls(path.name, scenes, {place: pose for place, (_, pose) in best.items()})

    def estimate(self, frame: BenchmarkFrame) -> tuple[PosedFrame, str]:
        """See ``Estimates``."""
        folder, _, number = frame.key.rpartition("/")
        place = self.scenes[folder], int(number), YCB_NAMES.index(frame.model.name) + 1
        if place not in self.poses:
            return PosedFrame(), "not in the file"
        return PosedFrame(object_pose=self.poses[place]), ""


def _rows(path: Path) -> Iterator[tuple[Place, float, FloatArray]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                found = ",".join(reader.fieldnames or ()) or "nothing"
                raise UserError(f"{path}: expected the first line {','.join(COLUMNS)}, found {found}")
            for row in reader:
                yield _row(row, f"{path}, line {reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: expected the poses of a BOP result (CSV), found: {error}") from error


def _row(row: Mapping[str, str], where: str) -> tuple[Place, float, FloatArray]:
    try:
        scene, image, thing = (int(row[name]) for name in COLUMNS[:3])
        rotation = np.array(row["R"].split(), float).reshape(3, 3)
        translation = np.array(row["t"].split(), float).reshape(3) / _MM
        score = float(row["score"])
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(
            f"{where}: expected whole numbers of scene, image and object, a score, nine numbers R and three t, "
            f"separated by blanks; found {dict(row)}"
        ) from error
    skew = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if not (skew < _LARGEST_SKEW and np.linalg.det(rotation) > 0 and np.isfinite([score, *translation]).all()):
        raise UserError(f"{where}: expected a rotation R, row by row, and finite numbers; found {dict(row)}")
    return (scene, image, thing), score, pose_matrix(rotation, translation)
