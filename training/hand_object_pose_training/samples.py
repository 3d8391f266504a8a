"""Samples as the network's inputs and targets, made on the fly from shards."""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import viewing_rotation
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.posed_scene import OBJECT_LABEL
from hand_object_pose_training.augmentation import AugmentationConfig, choose_crop, photometric, warp
from hand_object_pose_training.datasets.prepared_samples import PreparedSamples
from hand_object_pose_training.shards import ShardedSamples, ShardSample


@dataclass(frozen=True)
class Batch:
    """Network inputs and ground truth; one sample has the same fields without the leading B.

    Attributes:
        images: (B, 3, S, S) float32, RGB in [0, 1].
        object_indices: (B,) int64 in the catalogue's sorted order.
        camera_matrices: K of the crops (B, 3, 3), pixels.
        viewing_rotations: R_view (B, 3, 3).
        hand_vertices: (B, 778, 3); joints: (B, 21, 3); metres, camera frame.
        object_poses: (B, 4, 4) object frame to camera frame.
        silhouettes: (B, S, S) int64, 1 where the object is seen.
    """

    images: Tensor
    object_indices: Tensor
    camera_matrices: Tensor
    viewing_rotations: Tensor
    hand_vertices: Tensor
    joints: Tensor
    object_poses: Tensor
    silhouettes: Tensor

    @property
    def wrists(self) -> Tensor:
        """(B, 3) metres, camera frame."""
        return self.joints[:, 0]

    def to(self, device: torch.device) -> "Batch":
        """The same batch elsewhere."""
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))


def collate(samples: list[Batch]) -> Batch:
    """Stack samples into a batch."""
    return Batch(*(torch.stack([getattr(sample, field.name) for sample in samples]) for field in fields(Batch)))


class CropDataset(Dataset):
    """Random crops of stored samples, each a function of seed, epoch and index only, so that a run resumes exactly."""

    def __init__(
        self,
        samples: ShardedSamples | PreparedSamples,
        catalogue: dict[str, ObjectModel],
        size: int,
        augmentation: AugmentationConfig,
        seed: int = 0,
    ) -> None:
        """Crops of ``size`` pixels; ``catalogue`` holds every object of the samples."""
        self.samples = samples
        self.catalogue = catalogue
        self.size = size
        self.augmentation = augmentation
        self.seed = seed
        self._indices = {name: index for index, name in enumerate(sorted(catalogue))}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        """The sample of ``key`` = (epoch, index)."""
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        return self._crop(self.samples[index], rng)

    def _crop(self, sample: ShardSample, rng: np.random.Generator) -> Batch:
        stored = Camera(sample.camera_matrix.astype(np.float64), *sample.image.shape[1::-1])
        model = self.catalogue[sample.object_name]
        parts = [sample.hand_vertices, transform_points(sample.object_pose, model.vertices)]
        crop = choose_crop(self.augmentation, stored, parts, self.size, rng)
        pose = sample.object_pose.astype(np.float64)
        pose[:3] = crop.turn @ pose[:3]
        silhouette = warp(sample.labels, crop, nearest=True) == OBJECT_LABEL
        arrays = (
            photometric(self.augmentation, warp(sample.image, crop), rng).transpose(2, 0, 1),
            np.int64(self._indices[sample.object_name]),
            crop.camera.matrix.astype(np.float32),
            viewing_rotation(stored, crop.box).astype(np.float32),
            (sample.hand_vertices @ crop.turn.T).astype(np.float32),
            (sample.joints @ crop.turn.T).astype(np.float32),
            pose.astype(np.float32),
            silhouette.astype(np.int64),
        )
        return Batch(*(torch.from_numpy(np.array(array, order="C")) for array in arrays))
