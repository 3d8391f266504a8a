"""Samples that are rendered while training goes on: views of other samples' scenes, and synthesised grasps."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.appearance import CameraLook, sample_appearance
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.sample import RenderedScene, SceneTruth
from hand_object_pose.synthetic.scene import Scene
from hand_object_pose.synthetic.scene_sampler import SceneSampler
from hand_object_pose_training.augmentation import AugmentationConfig
from hand_object_pose_training.datasets.prepared_samples import StoredCrop
from hand_object_pose_training.samples import Batch, CropDataset
from hand_object_pose_training.shards import ShardSample
from hand_object_pose_training.view_synthesis import ViewSynthesisConfig, camera_around, synthesise_view

RENDERED_AUGMENTATION = AugmentationConfig(
    contrast_range=(0.5, 1.5), brightness_range=(0.5, 1.5), blur_sigma_range=(0.1, 1.0), blur_probability=1.0
)
"""The paper's section 4.1 for rendered images: contrast, brightness and blur, each of them always."""


class StoredSamples(Protocol):
    """Real or stored samples by number, such as ``PreparedSamples`` and ``ShardedSamples``."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> ShardSample: ...


class SampleMaker(Protocol):
    """Makes samples, each a function of seed, epoch and index only."""

    def __len__(self) -> int: ...

    def make(self, index: int, rng: np.random.Generator) -> ShardSample:
        """The sample of an index; ``rng`` is new for each epoch and index."""
        ...


class RenderedViews:
    """View synthesis: the hand and object of stored samples from other directions, another one in every epoch."""

    def __init__(
        self,
        samples: StoredSamples,
        catalogue: Mapping[str, ObjectModel],
        renderer: SceneRenderer,
        config: ViewSynthesisConfig | None = None,
        size: StoredCrop | None = None,
    ) -> None:
        """Render with ``renderer``, whose hand model is that of the samples and whose catalogue holds their objects."""
        self._samples, self._catalogue, self._renderer = samples, catalogue, renderer
        self._config, self._size = config or ViewSynthesisConfig(), size or StoredCrop()

    def __len__(self) -> int:
        return len(self._samples)

    def make(self, index: int, rng: np.random.Generator) -> ShardSample:
        """See ``SampleMaker``."""
        stored = self._samples[index]
        camera = Camera(stored.camera_matrix.astype(np.float64), *stored.image.shape[1::-1])
        truth = synthesise_view(truth_of(stored), self._catalogue[stored.object_name], self._config, rng)
        return _rendered(self._renderer, self._catalogue, truth, camera, self._size, rng)


class RenderedGrasps:
    """Grasp synthesis: scenes of synthesised grasps; index and seed decide the scene, the epoch how it looks."""

    def __init__(
        self,
        sampler: SceneSampler,
        catalogue: Mapping[str, ObjectModel],
        renderer: SceneRenderer,
        scenes: int = 5000,
        seed: int = 0,
        size: StoredCrop | None = None,
    ) -> None:
        """Render ``scenes`` different scenes (the paper's number by default) drawn by ``sampler``."""
        self._sampler, self._catalogue, self._renderer = sampler, catalogue, renderer
        self._scenes, self._seed, self._size = scenes, seed, size or StoredCrop()

    def __len__(self) -> int:
        return self._scenes

    def make(self, index: int, rng: np.random.Generator) -> ShardSample:
        """See ``SampleMaker``."""
        scene = self._sampler.sample(np.random.default_rng([self._seed, index]))
        return _rendered(self._renderer, self._catalogue, scene.truth, scene.camera, self._size, rng)


@dataclass(frozen=True)
class SynthesisSettings:
    """How rendered samples become network inputs: side of the crop in pixels, random changes, seed."""

    crop_size: int
    augmentation: AugmentationConfig = field(default_factory=lambda: RENDERED_AUGMENTATION)
    seed: int = 0


class SyntheticCrops(CropDataset):
    """Random crops of samples rendered on demand, each a function of seed, epoch and index only."""

    def __init__(self, maker: SampleMaker, catalogue: dict[str, ObjectModel], settings: SynthesisSettings) -> None:
        """Crops of what ``maker`` makes; ``catalogue`` holds all objects of the training, for their numbers."""
        super().__init__(maker, catalogue, settings.crop_size, settings.augmentation, settings.seed)  # type: ignore[arg-type]
        self._maker = maker

    def __getitem__(self, key: tuple[int, int]) -> Batch:
        """The sample of ``key`` = (epoch, index)."""
        epoch, index = key
        rng = np.random.default_rng([self.seed, epoch, index])
        return self._crop(self._maker.make(index, rng), rng)


def truth_of(sample: ShardSample) -> SceneTruth:
    """A stored sample's ground truth, float64."""
    arrays = (sample.hand_vertices.astype(np.float64), sample.joints.astype(np.float64))
    return SceneTruth(*arrays, sample.object_name, sample.object_pose.astype(np.float64))


def _rendered(
    renderer: SceneRenderer,
    catalogue: Mapping[str, ObjectModel],
    truth: SceneTruth,
    camera: Camera,
    size: StoredCrop,
    rng: np.random.Generator,
) -> ShardSample:
    """The scene around hand and object in a random look, taken by a perfect camera: augmentation spoils it later."""
    crop = camera_around(truth, catalogue[truth.object_name], camera, size.size, size.margin)
    look = replace(sample_appearance(rng), camera=CameraLook())
    return stored_sample(renderer.render(Scene(truth, crop, look), rng))


def stored_sample(scene: RenderedScene) -> ShardSample:
    """A rendered scene as shards and prepared datasets hand it out."""
    return ShardSample(
        scene.image,
        scene.labels,
        scene.truth.hand_vertices.astype(np.float32),
        scene.truth.joints.astype(np.float32),
        scene.truth.object_pose.astype(np.float32),
        scene.truth.object_name,
        scene.camera.matrix.astype(np.float32),
    )
