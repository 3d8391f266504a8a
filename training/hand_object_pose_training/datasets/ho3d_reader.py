"""Reads HO3D v2 and v3 as distributed."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.rotations import rotation_from_axis_angle
from hand_object_pose_training.datasets import ho3d_convention as ho3d
from hand_object_pose_training.datasets.frame import AnnotatedFrame, FilePatterns
from hand_object_pose_training.datasets.hands import Hands, ManoParameters
from hand_object_pose_training.datasets.ho3d_annotation import Ho3dAnnotation, read_annotation
from hand_object_pose_training.datasets.number_lists import read_number_list
from hand_object_pose_training.datasets.problems import FileProblemError, damaged, read_bytes

_KEY = re.compile(r"[\w-]+/\d+")
_TRUTH = {"joints": ("evaluation_xyz.json", 21), "vertices": ("evaluation_verts.json", 778)}
# How many of the listed frames are looked at to find out how images are stored.
_PROBED = 50


class Ho3dReader:
    """One split of HO3D; version 2 stores PNG images, version 3 JPEG.

    The hand of the evaluation split is known only with the files ``evaluation_xyz.json`` and
    ``evaluation_verts.json``, public since November 2024, in ``root``; without them its wrist is.
    """

    def __init__(self, root: Path, split: str, hands: Hands) -> None:
        """Read the split's list of frames.

        Args:
            root: directory with ``train.txt``, ``evaluation.txt``, ``train/`` and ``evaluation/``.
            split: "train" or "evaluation".
            hands: whose right hand the parameters are of.

        Raises:
            UserError: no such split or list.
        """
        if split not in ho3d.SPLITS:
            raise UserError(f"split: expected one of {', '.join(ho3d.SPLITS)}, found '{split}'")
        self.root, self.split, self.hands = root, split, hands
        self._keys = _listed(root / f"{split}.txt")
        suffix = self._suffix()
        self.dataset = "ho3d_v2" if suffix == ".png" else "ho3d_v3"
        self.patterns = FilePatterns(
            image=f"{split}/{{folder}}/rgb/{{id}}{suffix}",
            depth=f"{split}/{{folder}}/depth/{{id}}.png",
            depth_encoding="ho3d",
        )
        self.problems: list[str] = []
        self._places = {key: place for place, key in enumerate(self._keys)}
        self._truth = self._read_truth() if split == "evaluation" else {}

    def keys(self) -> Sequence[str]:
        """The lines of ``<split>.txt``, in order."""
        return self._keys

    def read(self, key: str) -> AnnotatedFrame:
        """See ``DatasetReader.read``."""
        folder, _, number = key.partition("/")
        path = self.root / self.split / folder / "meta" / f"{number}.pkl"
        if not _KEY.fullmatch(key):
            raise damaged(self.root / f"{self.split}.txt", f"expected lines such as ABF10/0012, found '{key}'")
        annotation = read_annotation(path)
        pose = pose_matrix(rotation_from_axis_angle(annotation.object_rotation), annotation.object_translation)
        return AnnotatedFrame(
            dataset=self.dataset,
            split=self.split,
            key=key,
            camera=Camera(annotation.camera_matrix, *ho3d.IMAGE_SIZE),
            side="right",
            joints=self._joints(key, annotation),
            object_name=annotation.object_name,
            object_pose=ho3d.flip_pose(pose),
            files=self.patterns.of(self.root, key),
            hand=self._hand(annotation),
            hand_vertices=self._vertices(key),
            box=np.full(4, np.nan) if annotation.hand_box is None else annotation.hand_box,
        )

    def _hand(self, annotation: Ho3dAnnotation) -> ManoParameters | None:
        pose, betas, translation = annotation.hand_pose, annotation.hand_betas, annotation.hand_translation
        if pose is None or betas is None or translation is None:
            return None
        return ho3d.flip_hand(ManoParameters(pose, betas, translation), self.hands.rest_wrist("right", betas))

    def _joints(self, key: str, annotation: Ho3dAnnotation) -> FloatArray:
        if "joints" in self._truth:
            found = self._truth["joints"][self._places[key]].astype(np.float64)
        elif len(annotation.joints) == 21:
            found = annotation.joints
        else:
            found = np.concatenate([annotation.joints, np.full((20, 3), np.nan)])
        return ho3d.flip_points(ho3d.joints_from_ho3d(found))

    def _vertices(self, key: str) -> FloatArray | None:
        if "vertices" not in self._truth:
            return None
        return ho3d.flip_points(self._truth["vertices"][self._places[key]].astype(np.float64))

    def _suffix(self) -> str:
        folder = self.root / self.split
        for key in self._keys[:_PROBED]:
            sequence, _, number = key.partition("/")
            for suffix in (".png", ".jpg"):
                if (folder / sequence / "rgb" / f"{number}{suffix}").is_file():
                    return suffix
        return ".png"

    def _read_truth(self) -> dict[str, FloatArray]:
        truth = {}
        for name, (file, count) in _TRUTH.items():
            path = self.root / file
            if not path.is_file():
                continue
            try:
                truth[name] = read_number_list(path, (len(self._keys), count, 3))
            except FileProblemError as error:
                self.problems.append(str(error))
        return truth


def _listed(path: Path) -> list[str]:
    try:
        text = read_bytes(path).decode("ascii", errors="replace")
    except FileProblemError as error:
        raise UserError(f"{error}; expected HO3D's list of frames there: give the directory that holds it") from error
    return [line.strip() for line in text.splitlines() if line.strip()]
