"""Settings of ``hand-object-train overfit``."""

from dataclasses import dataclass, field
from pathlib import Path

from hand_object_pose_training.losses import LossWeights
from hand_object_pose_training.recipes import PAPER_DEXYCB
from hand_object_pose_training.schedule import ScheduleConfig


@dataclass(frozen=True)
class OverfitConfig:
    """What to learn by heart.

    Attributes:
        shards: directory of rendered samples, or a prepared index; its first ones are taken.
        out: directory of ``overfit.csv`` and of the state that the same command goes on from.
        preset: of the network.
        image_size: side of its input, pixels; the preset's own if None.
        width: share of the preset's channels that encoders and heads keep, the mesh graphs all of theirs. At full
            width, time and memory are those of a hundred million weights.
        imagenet_weights: file for its encoders to begin with.
        samples: how many, in one batch, without augmentation.
        steps: of the optimizer.
        first_stage_share: in the first share of the steps encoders and rough meshes train alone, because the second
            stage learns nothing beside vertices that still lie in one place.
        measure_every: steps between measurements, each of which saves the state.
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
