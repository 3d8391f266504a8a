"""A check that network, losses and data fit together: a few samples must be learned by heart."""

import csv
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

import torch
from lightning_fabric.utilities.seed import seed_everything

from hand_object_pose.errors import UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.network.imagenet import load_imagenet_weights
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.augmentation import NO_AUGMENTATION
from hand_object_pose_training.batch_statistics import settle_statistics
from hand_object_pose_training.datasets.training_data import open_samples
from hand_object_pose_training.finger_loss import FingerRendering
from hand_object_pose_training.losses import LossWeights, weighted_sum
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.recipes import PAPER_DEXYCB
from hand_object_pose_training.reduced_network import reduced_config
from hand_object_pose_training.samples import Batch, CropDataset, collate
from hand_object_pose_training.schedule import ScheduleConfig
from hand_object_pose_training.supervised import SupervisedNetwork, TrainedPart
from hand_object_pose_training.validation import validate


@dataclass(frozen=True)
class OverfitConfig:
    """What to learn by heart.

    Attributes:
        shards: directory of rendered samples, or a prepared index; its first ones are taken.
        out: directory of ``overfit.csv``.
        preset: of the network.
        image_size: side of its input, pixels; the preset's own if None.
        width: share of the preset's channels that encoders and heads keep, the mesh graphs all of theirs. At full
            width, time and memory are those of a hundred million weights.
        imagenet_weights: file for its encoders to begin with.
        samples: how many, in one batch, without augmentation.
        steps: of the optimizer.
        first_stage_share: in the first share of the steps encoders and rough meshes train alone, because the second
            stage learns nothing beside vertices that still lie in one place.
        measure_every: steps between measurements.
        seed: of the initial weights.
        gradient_clip: largest gradient norm.
        schedule: a faster one than the paper's.
        weights: of the losses, the paper's.
    """

    shards: Path
    out: Path
    preset: str = "paper"
    image_size: int | None = None
    width: float = 1.0
    imagenet_weights: Path | None = None
    samples: int = 8
    steps: int = 1600
    first_stage_share: float = 0.55
    measure_every: int = 25
    seed: int = 0
    gradient_clip: float = 10.0
    schedule: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(1e-2, decay=0.3, milestones=(0.3, 0.7, 0.85, 0.95), warmup_steps=20)
    )
    weights: LossWeights = field(default_factory=lambda: PAPER_DEXYCB["weights"])


@dataclass(frozen=True)
class Progress:
    """Where it stands after some steps.

    Attributes:
        step: steps done; loss: of the last one.
        hand_mje_mm, object_add_s_mm, object_rotation_deg: means over the samples, of the network in evaluation mode,
            with the samples' own statistics in BatchNorm.
        true_mesh_mje_mm: hand MJE of the true meshes, below which none can be expected to come: joints are regressed
            from meshes, true ones are those of the posed skeleton, and the two are not quite the same.
    """

    step: int
    loss: float
    hand_mje_mm: float
    object_add_s_mm: float
    object_rotation_deg: float
    true_mesh_mje_mm: float

    def __str__(self) -> str:
        object_errors = f"object ADD-S {self.object_add_s_mm:.2f} mm, rotation {self.object_rotation_deg:.1f} degrees"
        hand_error = f"hand MJE {self.hand_mje_mm:.2f} mm (true meshes: {self.true_mesh_mje_mm:.2f})"
        return f"step {self.step}: loss {self.loss:.2f}, {hand_error}, {object_errors}"


def overfit(config: OverfitConfig, hand: HandModel, catalogue: dict[str, ObjectModel]) -> Iterator[Progress]:
    """Train on one batch; yields a measurement now and then, each of which is in ``overfit.csv`` by then.

    Raises:
        UserError: too few samples, or settings that do not fit each other.
    """
    seed_everything(config.seed, verbose=False)
    supervised = supervised_network(config, hand, catalogue)
    stored, batch = first_samples(config, supervised, hand, catalogue)
    floor = true_mesh_mje(supervised, batch)
    config.out.mkdir(parents=True, exist_ok=True)
    with (config.out / "overfit.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([column.name for column in fields(Progress)])
        for step, loss in _train(config, supervised, batch):
            if step % config.measure_every == 0 or step == config.steps:
                settle_statistics(supervised, batch)
                progress = _measured(step, loss, supervised, stored, config.samples, floor)
                table.writerow(astuple(progress))
                file.flush()
                yield progress


def supervised_network(config: OverfitConfig, hand: HandModel, catalogue: dict[str, ObjectModel]) -> SupervisedNetwork:
    """The network at its initial weights, with its losses."""
    network = HandObjectNetwork(
        reduced_config(config.preset, config.image_size, config.width), hand, training_heads=True
    )
    if config.imagenet_weights is not None:
        load_imagenet_weights(network, config.imagenet_weights)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    geometry = network.config.lixels
    finger = FingerRendering(hand, geometry.image_size) if config.weights.finger > 0 else None
    return SupervisedNetwork(network, Objective(geometry, hand, catalogue, finger), mixed_precision=False)


def first_samples(
    config: OverfitConfig, supervised: SupervisedNetwork, hand: HandModel, catalogue: dict[str, ObjectModel]
) -> tuple[CropDataset, Batch]:
    """All samples without augmentation, and the first of them as a batch.

    Raises:
        UserError: there are too few.
    """
    size = supervised.network.config.image_size
    stored = CropDataset(open_samples(config.shards, size, hand, catalogue), catalogue, size, NO_AUGMENTATION)
    if not 2 <= config.samples <= len(stored):
        raise UserError(f"--samples: expected 2 to {len(stored)}, which {config.shards} has; found {config.samples}")
    return stored, collate([stored[0, index] for index in range(config.samples)])


def _train(config: OverfitConfig, supervised: SupervisedNetwork, batch: Batch) -> Iterator[tuple[int, float]]:
    """Each step's number from 1 and its loss."""
    optimizer = torch.optim.Adam(supervised.parameters(), lr=config.schedule.learning_rate, fused=True)
    for step in range(config.steps):
        supervised.train()
        for group in optimizer.param_groups:
            group["lr"] = config.schedule.at(step, config.steps)
        part: TrainedPart = "first_stage" if step < config.first_stage_share * config.steps else "all"
        total, _ = weighted_sum(supervised(part=part, **vars(batch)), config.weights)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(supervised.parameters(), config.gradient_clip)
        optimizer.step()
        yield step + 1, total.item()


def true_mesh_mje(supervised: SupervisedNetwork, batch: Batch) -> float:
    """Mean distance of the joints that are regressed from the true hand meshes to the true joints, millimetres."""
    regressed = supervised.objective.regressor @ batch.hand_vertices
    return 1000 * (regressed - batch.joints).norm(dim=-1).mean().item()


def _measured(
    step: int, loss: float, supervised: SupervisedNetwork, stored: CropDataset, samples: int, floor: float
) -> Progress:
    errors = validate(supervised, stored, batch_size=samples, limit=samples)
    hand, thing = 10 * errors["hand.mje_cm"], 10 * errors["object.add_s_cm"]
    return Progress(step, loss, hand, thing, errors["object.rotation_deg"], floor)
