"""Rendered samples on disk: shards that are written once, atomically, and read many times.

A shard is one safetensors file of a fixed number of samples with the fields of ``SHARD_FIELDS``. Images are
rendered with a wide margin, so that crops can be shifted, scaled and turned in training.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from hand_object_pose.errors import UserError
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.sample import RenderedScene
from hand_object_pose.tensor_files import write_tensors

# (N, S, S, 3) uint8 RGB; (N, S, S) uint8 as in RenderedScene; metres in the camera frame; pixels.
SHARD_FIELDS = ("images", "labels", "hand_vertices", "joints", "object_poses", "object_indices", "camera_matrices")

OBJECT_HASHES = "object_hashes"
"""Metadata of rendered shards: the meshes of their objects, by name, as JSON."""


@dataclass(frozen=True)
class ShardSample:
    """One stored sample; arrays without the leading axis of ``SHARD_FIELDS``, metres, camera frame."""

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    hand_vertices: NDArray[np.float32]
    joints: NDArray[np.float32]
    object_pose: NDArray[np.float32]
    object_name: str
    camera_matrix: NDArray[np.float32]


def write_shard(path: Path, scenes: list[RenderedScene], object_names: list[str], provenance: dict[str, str]) -> None:
    """Write scenes of equal image size; the file appears only when it is complete."""
    tensors: dict[str, NDArray] = {
        "images": np.stack([scene.image for scene in scenes]),
        "labels": np.stack([scene.labels for scene in scenes]),
        "hand_vertices": np.stack([scene.truth.hand_vertices for scene in scenes]).astype(np.float32),
        "joints": np.stack([scene.truth.joints for scene in scenes]).astype(np.float32),
        "object_poses": np.stack([scene.truth.object_pose for scene in scenes]).astype(np.float32),
        "object_indices": np.array([object_names.index(scene.truth.object_name) for scene in scenes], dtype=np.int32),
        "camera_matrices": np.stack([scene.camera.matrix for scene in scenes]).astype(np.float32),
    }
    write_tensors(path, tensors, {"objects": json.dumps(object_names), **provenance})


class ShardedSamples:
    """All samples of a directory of shards, by index. Pages are mapped, not loaded."""

    def __init__(self, directory: Path, limit: int | None = None) -> None:
        """Open ``*.safetensors`` in ``directory``, the first ``limit`` shards of them.

        Raises:
            UserError: if there is none, or one is damaged or something else.
        """
        self.paths = sorted(directory.glob("*.safetensors"))[:limit]
        if not self.paths:
            raise UserError(f"{directory}: no shards (*.safetensors); render some: hand-object-train render --out DIR")
        self._files = [open_shard(path) for path in self.paths]
        metadata = self._files[0].metadata() or {}
        if "objects" not in metadata:
            raise UserError(f"{self.paths[0]}: expected rendered samples, found another .safetensors file")
        self.object_names: list[str] = json.loads(metadata["objects"])
        self._hashes: dict[str, str] = json.loads(metadata.get(OBJECT_HASHES, "{}"))
        counts = [file.get_slice("object_indices").get_shape()[0] for file in self._files]
        self._starts = np.concatenate([[0], np.cumsum(counts)])

    def require_objects(self, catalogue: Mapping[str, ObjectModel]) -> None:
        """Refuse a catalogue that lacks an object of the samples, or has another mesh of it.

        Shards that were written before hashes were are taken at their names' word.

        Raises:
            UserError: names the objects.
        """
        where = self.paths[0].parent
        missing = [name for name in self.object_names if name not in catalogue]
        if missing:
            raise UserError(
                f"{where}: shows {', '.join(missing)}, expected only {', '.join(sorted(catalogue))}; "
                "give the catalogue that it was rendered with (--objects)"
            )
        other = [name for name, found in self._hashes.items() if catalogue[name].hash != found]
        if other:
            raise UserError(f"{where}: was rendered with other meshes of {', '.join(other)}; render it anew")

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> ShardSample:
        shard = int(np.searchsorted(self._starts, index, side="right")) - 1
        row = index - int(self._starts[shard])
        fields = {name: self._files[shard].get_slice(name)[row : row + 1][0] for name in SHARD_FIELDS}
        return ShardSample(
            fields["images"],
            fields["labels"],
            fields["hand_vertices"],
            fields["joints"],
            fields["object_poses"],
            self.object_names[int(fields["object_indices"])],
            fields["camera_matrices"],
        )

    def __iter__(self) -> Iterator[ShardSample]:
        return (self[index] for index in range(len(self)))


def open_shard(path: Path) -> safe_open:
    """A shard's file, mapped into memory.

    Raises:
        UserError: it is damaged.
    """
    try:
        return safe_open(str(path), framework="numpy")
    except SafetensorError as error:
        raise UserError(f"{path}: damaged shard ({error}); delete it and render it again") from error
