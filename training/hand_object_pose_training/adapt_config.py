"""Settings of ``hand-object-train adapt``."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from hand_object_pose.estimation.backends import DEFAULT_WEIGHTS
from hand_object_pose_training.losses import LossWeights
from hand_object_pose_training.schedule import ScheduleConfig


@dataclass(frozen=True)
class AdaptConfig:
    """One adaptation.

    Attributes:
        object_name: the new object.
        objects: directory of the catalogue that holds it (``hand-object-pose add-object``).
        out: directory of everything that is made; the same command goes on from what is there.
        weights: to begin with (.safetensors).
        known_shards: rendered scenes of the objects that the weights know, to train on; rendered if None, which the
            default objects alone can be.
        known_held_out: the same to measure on.
        budget_minutes: for all of it, rendering and measuring included.
        steps: length of the training, in place of a budget.
        scenes: of the new object to train on, and as many of the known ones if they are rendered.
        held_out_scenes: the same to measure on.
        grasps: of the new object to look for, before the paper's rule refuses some.
        new_share: of the new object's scenes in every batch.
        keep: how far the trained weights are moved back towards those given before they are measured and written, from
            0 to 1: known objects are forgotten less, and the new one is known less well.
        batch_size: samples a step.
        device: "auto", "cpu" or "cuda".
        workers: loader processes; 0 loads in the training process.
        render_workers: processes that render; 0 means one for each core.
        seed: of grasps and training.
        schedule: see ``train``.
        loss_weights: see ``train``.
    """

    object_name: Annotated[str, tyro.conf.arg(name="object")]
    objects: Path
    out: Path
    weights: Path = DEFAULT_WEIGHTS
    known_shards: Path | None = None
    known_held_out: Path | None = None
    budget_minutes: float = 45.0
    steps: int | None = None
    scenes: int = 2000
    held_out_scenes: int = 200
    grasps: int = 200
    new_share: float = 0.3
    keep: float = 0.5
    batch_size: int = 16
    device: str = "auto"
    workers: int = 0
    render_workers: int = 0
    seed: int = 0
    schedule: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(4e-4, decay=0.2, milestones=(0.6, 0.85), warmup_steps=50)
    )
    loss_weights: LossWeights = field(
        default_factory=lambda: LossWeights(
            mesh=5.0, joint=5.0, wrist=5.0, depth=5.0, rotation=20.0, translation=300.0, silhouette=0.0
        )
    )

    @property
    def library(self) -> Path:
        """The new object's grasps."""
        return self.out / "grasps.npz"

    @property
    def run(self) -> Path:
        """Directory of the training's state and logs."""
        return self.out / "run"

    @property
    def baseline(self) -> Path:
        """Means over the scenes trained on, for the demo."""
        return self.out / "baseline.npz"

    @property
    def adapted(self) -> Path:
        """The weights that come out; ONNX beside them."""
        return self.out / "adapted.safetensors"
