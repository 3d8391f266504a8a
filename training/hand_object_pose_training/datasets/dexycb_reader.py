"""Reads DexYCB as distributed."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.npz_files import UNREADABLE
from hand_object_pose_training.datasets.dexycb_calibration import (
    SequenceMeta,
    read_betas,
    read_intrinsics,
    read_meta,
)
from hand_object_pose_training.datasets.dexycb_layout import (
    HAND_VALUE,
    SEQUENCES_EACH,
    SERIALS,
    SUBJECTS,
    YCB_NAMES,
    Split,
    split_of,
)
from hand_object_pose_training.datasets.frame import AnnotatedFrame, FilePatterns
from hand_object_pose_training.datasets.hands import Hands, ManoParameters
from hand_object_pose_training.datasets.problems import FileProblemError, LeftOutError, damaged, read_bytes

T = TypeVar("T")

LIST_FILE = "sequences.txt"
_LABELS = {"pose_m": (1, 51), "joint_3d": (1, 21, 3)}


class DexYcbReader:
    """One split of one setup of DexYCB, in the toolkit's order: subjects, sequences, cameras, frames."""

    dataset = "dexycb"
    patterns = FilePatterns(
        image="{folder}/color_{id}.jpg",
        depth="{folder}/aligned_depth_to_color_{id}.png",
        depth_encoding="millimetres",
        mask="{folder}/labels_{id}.npz",
        mask_encoding="dexycb_labels",
    )

    def __init__(self, root: Path, setup: str, split: str, hands: Hands) -> None:
        """Read what all frames share: sequences, cameras, hand shapes.

        Args:
            root: directory with the subjects' folders and ``calibration/``.
            setup: "s0" to "s3"; split: "train", "val" or "test".
            hands: of both sides, whose parameters are stored.

        Raises:
            UserError: no such split, no subject, or only some of a subject's sequences in a setup that numbers them.
        """
        self.root, self.split, self.hands = root, f"{setup}_{split}", hands
        self.problems: list[str] = []
        self._places: dict[str, int] = {}
        chosen = split_of(setup, split)
        self._sequences = self._read_sequences(chosen)
        self._serials = [SERIALS[number] for number in chosen.serials]
        self._cameras = self._read_cameras()
        self._betas: dict[str, FloatArray | FileProblemError] = {}

    def keys(self) -> Sequence[str]:
        """Frames "subject/sequence/serial/number"."""
        return [
            f"{sequence}/{serial}/{frame:06d}"
            for sequence, meta in self._sequences.items()
            for serial in self._serials
            for frame in range(meta.num_frames)
        ]

    def scene_numbers(self) -> dict[str, int]:
        """BOP's number of each "subject/sequence/serial": by the sequence's place in the whole split and camera."""
        cameras = len(self._serials)
        return {
            f"{sequence}/{serial}": self._places[sequence] * cameras + number
            for sequence in self._sequences
            for number, serial in enumerate(self._serials)
        }

    def read(self, key: str) -> AnnotatedFrame:
        """See ``DatasetReader.read``."""
        sequence, serial, _ = key.rsplit("/", 2)
        meta = self._sequences[sequence]
        if meta.side not in self.hands.models:
            raise LeftOutError(f"{meta.side} hand without a model of that side: MANO_{meta.side.upper()}.pkl")
        files = self.patterns.of(self.root, key, (meta.object_id, HAND_VALUE))
        assert files.mask is not None
        labels = _read_labels(files.mask, len(meta.ycb_ids))
        parameters, joints = labels["pose_m"][0], labels["joint_3d"][0]
        if not parameters.any() or (joints == -1).all():
            raise LeftOutError("no hand annotated")
        pose = labels["pose_y"][meta.grasped]
        if not pose.any():
            raise LeftOutError("no object pose annotated")
        return AnnotatedFrame(
            dataset=self.dataset,
            split=self.split,
            key=key,
            camera=self._camera(serial),
            side=meta.side,
            joints=joints,
            object_name=YCB_NAMES[meta.object_id - 1],
            object_pose=pose_matrix(pose[:, :3], pose[:, 3]),
            files=files,
            hand=self._hand(meta, parameters),
        )

    def _hand(self, meta: SequenceMeta, parameters: FloatArray) -> ManoParameters:
        fingers = self.hands.fingers_of_components(meta.side, parameters[3:48])
        return ManoParameters(np.concatenate([parameters[:3], fingers]), self._shape(meta), parameters[48:])

    def _shape(self, meta: SequenceMeta) -> FloatArray:
        name = meta.hand_calibration
        if name not in self._betas:
            self._betas[name] = _attempt(read_betas, self.root / "calibration" / f"mano_{name}" / "mano.yml")
        found = self._betas[name]
        if isinstance(found, FileProblemError):
            raise found
        return found

    def _camera(self, serial: str) -> Camera:
        camera = self._cameras[serial]
        if isinstance(camera, FileProblemError):
            raise camera
        return camera

    def _read_cameras(self) -> dict[str, Camera | FileProblemError]:
        folder = self.root / "calibration" / "intrinsics"
        return {serial: _attempt(read_intrinsics, folder / f"{serial}_640x480.yml") for serial in self._serials}

    def _read_sequences(self, chosen: Split) -> dict[str, SequenceMeta]:
        sequences: dict[str, SequenceMeta] = {}
        for before, subject in enumerate(SUBJECTS[number] for number in chosen.subjects):
            names = self._sequence_names(subject, chosen)
            places = (place for place, number in enumerate(chosen.sequences) if number < len(names))
            for place in places:
                sequence = f"{subject}/{names[chosen.sequences[place]]}"
                self._places[sequence] = before * len(chosen.sequences) + place
                meta = _attempt(read_meta, self.root / sequence / "meta.yml")
                if isinstance(meta, FileProblemError):
                    self.problems.append(str(meta))
                else:
                    sequences[sequence] = meta
        if not sequences:
            raise UserError(
                f"{self.root}: expected DexYCB's folders {SUBJECTS[0]} and so on with sequences of {self.split}, found "
                f"none; {len(self.problems)} problems, the first: {self.problems[0] if self.problems else 'none'}"
            )
        return sequences

    def _sequence_names(self, subject: str, chosen: Split) -> list[str]:
        """All of a subject's sequences, sorted; their places in this list decide which split they belong to."""
        folder = self.root / subject
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
        listed = self._listed(subject)
        if len(listed) == SEQUENCES_EACH:
            names = listed
        if not names:
            self.problems.append(f"{folder}: is missing")
        elif len(names) != SEQUENCES_EACH and chosen.depends_on_numbers:
            raise UserError(
                f"{folder}: expected {SEQUENCES_EACH} sequences, found {len(names)}; which split a sequence belongs to "
                f"depends on its place among all of them. List all as 'subject/sequence', one a line, in "
                f"{self.root / LIST_FILE}, or prepare setup s1 or s2"
            )
        return names

    def _listed(self, subject: str) -> list[str]:
        path = self.root / LIST_FILE
        if not path.is_file():
            return []
        lines = [line.strip().strip("/") for line in path.read_text().splitlines()]
        return sorted(line.partition("/")[2] for line in lines if line.startswith(f"{subject}/"))


def _attempt(read: Callable[[Path], T], path: Path) -> T | FileProblemError:
    """What ``read`` returns or raises: a damaged file that many frames share must not end the reading of others."""
    try:
        return read(path)
    except FileProblemError as error:
        return error


def _read_labels(path: Path, num_objects: int) -> dict[str, FloatArray]:
    """``pose_y`` (K, 3, 4), ``pose_m`` (1, 51) and ``joint_3d`` (1, 21, 3) of a frame; ``seg`` is not decompressed."""
    data = read_bytes(path)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            labels = {name: arrays[name].astype(np.float64).reshape(shape) for name, shape in _LABELS.items()}
            labels["pose_y"] = arrays["pose_y"].astype(np.float64).reshape(num_objects, 3, 4)
    except UNREADABLE as error:
        raise damaged(path, f"expected the labels of a frame ({error})") from error
    if not all(np.isfinite(array).all() for array in labels.values()):
        raise damaged(path, "expected finite numbers")
    return labels
