"""Prepared indices: all frames of a split in one file that is mapped into memory, never loaded.

A file holds small arrays only: 0.6 kB a frame, or 10 kB where some hands are given by their vertices; images stay where
they are. Worker processes that open the same file share its pages, so that an index costs its memory once.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.tensor_files import write_tensors
from hand_object_pose_training.datasets.frame import SIDES, AnnotatedFrame, FilePatterns
from hand_object_pose_training.datasets.hands import Hands, ManoParameters

SUFFIX = ".index"
_VERSION = "1"


@dataclass(frozen=True)
class IndexHeader:
    """What all frames of an index share.

    Attributes:
        dataset, split: as in ``AnnotatedFrame``; root: directory of the images when the index was made.
        patterns: names of the image files below ``root``.
        objects: hashes of the objects' 1000-vertex meshes by name; models: directory they were read from.
        hand_hash: of the right hand model; hand: its name; mano: directory of MANO's files, "" for the default hand.
        contact_filter: rule and threshold; left_hands: "mirror" or "skip".
        listed: how many frames the dataset lists; kept: how many of them are in the index.
    """

    dataset: str
    split: str
    root: str
    patterns: FilePatterns
    objects: dict[str, str]
    models: str
    hand_hash: str
    hand: str
    mano: str
    contact_filter: str
    left_hands: str
    listed: int
    kept: int


def write_index(
    path: Path, header: IndexHeader, keys: list[str], names: list[str], columns: dict[str, NDArray]
) -> None:
    """Write an index; the file appears only when it is whole.

    Args:
        path: the file; header: what the frames share.
        keys: of the frames; names: of their objects; columns: of ``index_rows``.

    Raises:
        UserError: it cannot be written; an index that was there before still is.
    """
    objects = sorted(header.objects)
    tensors = dict(columns)
    encoded = [key.encode() for key in keys]
    tensors["key_bytes"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    tensors["key_ends"] = np.cumsum([len(key) for key in encoded]).astype(np.int64)
    tensors["object"] = np.array([objects.index(name) for name in names], dtype=np.int32)
    try:
        write_tensors(path, tensors, {"version": _VERSION, "header": json.dumps(asdict(header))})
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: the index cannot be written ({error}); is the disk full?") from error


class PreparedIndex:
    """The frames of an index, each read from the mapped file when it is asked for."""

    def __init__(self, path: Path, root: Path | None = None) -> None:
        """Open an index.

        Args:
            path: a file that ``hand-object-train prepare`` wrote.
            root: where the dataset is now, if it has been moved since.

        Raises:
            UserError: no such file, or not an index of this version.
        """
        self.path = path
        self.header = _read_header(path)
        self.root = root or Path(self.header.root)
        self._open()

    def __len__(self) -> int:
        return int(self._ends.shape[0])

    def __getitem__(self, index: int) -> AnnotatedFrame:
        """Frame ``index``, as it was annotated: left hands are not mirrored yet."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        values = {name: self._row(name, index) for name in self._fields}
        key, header = self._key(index), self.header
        hand = None
        if np.isfinite(values["hand_pose"]).all():
            parts = (values[name].astype(np.float64) for name in ("hand_pose", "betas", "translation"))
            hand = ManoParameters(*parts)
        vertices = values.get("hand_vertices")
        if vertices is not None and not np.isfinite(vertices).all():
            vertices = None
        width, height = (int(size) for size in values["image_size"])
        first, second = (int(value) for value in values["mask_values"])
        return AnnotatedFrame(
            dataset=header.dataset,
            split=header.split,
            key=key,
            camera=Camera(values["camera_matrix"].astype(np.float64), width, height),
            side=SIDES[int(values["is_left"])],
            joints=values["joints"].astype(np.float64),
            object_name=self.object_names[int(self._row("object", index))],
            object_pose=values["object_pose"].astype(np.float64),
            files=header.patterns.of(self.root, key, (first, second)),
            hand=hand,
            hand_vertices=None if vertices is None else vertices.astype(np.float64),
            box=values["box"].astype(np.float64),
        )

    @property
    def models(self) -> Path:
        """Directory of the objects: where it was, or in the same place below the dataset's new root."""
        models, root = Path(self.header.models), Path(self.header.root)
        return self.root / models.relative_to(root) if models.is_relative_to(root) else models

    @property
    def object_names(self) -> list[str]:
        """Sorted, as in the dataset."""
        return sorted(self.header.objects)

    @property
    def columns(self) -> list[str]:
        """Sorted names of all fields, those that hold the keys included."""
        return sorted(self._file.keys())

    def known_hands(self) -> NDArray[np.bool_]:
        """(N,) whether the whole hand of each frame is known."""
        known = np.isfinite(self.column("hand_pose")).all(axis=1)
        if "hand_vertices" in self._fields:
            # One vertex tells, and is all that is read of the only large field.
            known |= np.isfinite(self._file.get_slice("hand_vertices")[:, 0]).all(axis=1)
        return known

    def column(self, name: str) -> NDArray:
        """One field of all frames, such as "object" (N,), "is_left" (N,), "joints" (N, 21, 3)."""
        return self._file.get_tensor(name)

    def hands(self) -> Hands:
        """The hand models that the index was made with.

        Raises:
            UserError: MANO's files are no longer where they were, or are others.
        """
        hands = Hands.from_mano(Path(self.header.mano)) if self.header.mano else Hands.default()
        if hands.right.hash != self.header.hand_hash:
            raise UserError(
                f"{self.path}: made with hand model '{self.header.hand}' ({self.header.hand_hash[:12]}), found "
                f"'{hands.right.name}' ({hands.right.hash[:12]}); prepare the dataset again"
            )
        return hands

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes map the file themselves."""
        return {"path": self.path, "header": self.header, "root": self.root}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def _open(self) -> None:
        self._file = _opened(self.path)
        self._ends = self._file.get_tensor("key_ends")
        self._fields = set(self._file.keys()) - {"key_bytes", "key_ends", "object"}

    def _row(self, name: str, index: int) -> NDArray:
        return self._file.get_slice(name)[index : index + 1][0]

    def _key(self, index: int) -> str:
        start = int(self._ends[index - 1]) if index else 0
        return self._file.get_slice("key_bytes")[start : int(self._ends[index])].tobytes().decode()


def _opened(path: Path) -> safe_open:
    try:
        return safe_open(str(path), framework="numpy")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such index; make one with: hand-object-train prepare DATASET ROOT") from error
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: expected an index, but it cannot be read ({error}); prepare it again") from error


def _read_header(path: Path) -> IndexHeader:
    metadata = _opened(path).metadata() or {}
    if metadata.get("version") != _VERSION:
        raise UserError(
            f"{path}: expected an index of version {_VERSION}, found {metadata.get('version')}; make it anew"
        )
    header = json.loads(metadata["header"])
    return IndexHeader(**{**header, "patterns": FilePatterns(**header["patterns"])})
