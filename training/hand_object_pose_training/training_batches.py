"""The batches that a run trains on: stored samples, alone or mixed with images rendered meanwhile."""

from torch.utils.data import DataLoader, Dataset, Sampler

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.backgrounds import PictureBackgrounds
from hand_object_pose.synthetic.grasp_library import GraspLibrary
from hand_object_pose.synthetic.render import SceneRenderer
from hand_object_pose.synthetic.scene_sampler import SceneSampler
from hand_object_pose_training.datasets.prepared_samples import PreparedSamples, StoredCrop
from hand_object_pose_training.datasets.training_data import STORED_SHARE, open_samples
from hand_object_pose_training.grasp_synthesis import HOLDING
from hand_object_pose_training.mixture import MixedDataset, MixtureSampler
from hand_object_pose_training.sampler import ResumableSampler
from hand_object_pose_training.samples import Batch, CropDataset, collate
from hand_object_pose_training.shards import ShardedSamples
from hand_object_pose_training.synthetic_crops import (
    RenderedGrasps,
    RenderedViews,
    SampleMaker,
    SynthesisSettings,
    SyntheticCrops,
)
from hand_object_pose_training.train_config import TrainConfig


class TrainingBatches:
    """One process's share of every step's samples, each step a function of its number and the seed."""

    def __init__(
        self,
        config: TrainConfig,
        hand: HandModel,
        catalogue: dict[str, ObjectModel],
        image_size: int,
        rank: int,
        devices: int,
    ) -> None:
        """Open the samples.

        Args:
            config: of the run; hand, catalogue: that its samples show; image_size: of the network's input, pixels.
            rank: this process's number; devices: how many there are.

        Raises:
            UserError: there are no samples, or grasps do not belong to the hand and the objects.
        """
        self.config, self.hand, self.catalogue, self.image_size = config, hand, catalogue, image_size
        self.rank, self.devices = rank, devices
        self.stored = open_samples(config.shards, image_size, hand, catalogue)
        self.dataset = self._dataset()

    @property
    def steps_an_epoch(self) -> int:
        """Steps in which every stored sample is seen once, but for those that fill no batch."""
        real = 1 - self.config.rehearsal_share if self.config.rehearse else self.config.mixture.real
        own = real * self.config.batch_size * self.devices
        return max(1, int(len(self.stored) / own + 1e-9))

    def loader(self, first_step: int) -> DataLoader:
        """Endless batches from a step on; in place of one that cannot be read, the ``UserError`` that says why."""
        dataset, sampler = _Samples(self.dataset), self.sampler(first_step)
        return DataLoader(dataset, batch_sampler=sampler, num_workers=self.config.workers, collate_fn=_collate)

    def sampler(self, first_step: int) -> Sampler:
        """What ``loader`` loads: keys that end with the epoch and the index of a sample."""
        share = self.config.batch_size, self.config.seed, first_step, self.rank, self.devices
        if isinstance(self.dataset, MixedDataset):
            sizes = [len(part) for part in self.dataset.parts]  # type: ignore[arg-type]
            return MixtureSampler(sizes, self._shares()[: len(sizes)], *share)
        return ResumableSampler(len(self.stored), *share)

    def _shares(self) -> tuple[float, ...]:
        rehearsed = self.config.rehearsal_share
        return (1 - rehearsed, rehearsed) if self.config.rehearse is not None else self.config.mixture.values

    def _dataset(self) -> Dataset:
        if self.config.rehearse is not None:
            known = open_samples(self.config.rehearse, self.image_size, self.hand, self.catalogue)
            return MixedDataset([self._crops(self.stored), self._crops(known)])
        return self._mixed() if self.config.mixture.is_mixed else self._crops(self.stored)

    def _crops(self, samples: ShardedSamples | PreparedSamples) -> CropDataset:
        config = self.config
        return CropDataset(samples, self.catalogue, self.image_size, config.augmentation, config.seed)

    def _mixed(self) -> Dataset:
        config = self.config
        backgrounds = PictureBackgrounds(config.backgrounds) if config.backgrounds is not None else None
        renderer = SceneRenderer(self.hand, self.catalogue, backgrounds)
        size = StoredCrop(round(STORED_SHARE * self.image_size))
        views = RenderedViews(self.stored, self.catalogue, renderer, size=size)
        parts: list[Dataset] = [self._crops(self.stored), self._rendered(views)]
        if config.mixture.grasps > 0:
            grasps = RenderedGrasps(self._grasps(), self.catalogue, renderer, seed=config.seed, size=size)
            parts.append(self._rendered(grasps))
        return MixedDataset(parts)

    def _grasps(self) -> SceneSampler:
        library = GraspLibrary.load(self.config.grasps) if self.config.grasps is not None else None
        try:
            return SceneSampler(self.hand, self.catalogue, library, HOLDING)
        except UnknownObjectError as error:
            raise UserError(
                f"{error}; make a library of the training's objects (hand-object-train grasps --objects MODELS) and "
                "give it as --grasps, or train without rendered grasps (--mixture.grasps 0)"
            ) from error

    def _rendered(self, maker: SampleMaker) -> SyntheticCrops:
        return SyntheticCrops(maker, self.catalogue, SynthesisSettings(self.image_size, seed=self.config.seed))


class _Samples(Dataset):
    """Hands out a problem instead of raising it: across processes, the loader would make a traceback of it."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __getitem__(self, key: tuple[int, ...]) -> Batch | UserError:
        try:
            sample: Batch = self._dataset[key]
        except UserError as error:
            return UserError(str(error))
        return sample


def _collate(samples: list[Batch | UserError]) -> Batch | UserError:
    problems = [sample for sample in samples if isinstance(sample, UserError)]
    return problems[0] if problems else collate([sample for sample in samples if isinstance(sample, Batch)])
