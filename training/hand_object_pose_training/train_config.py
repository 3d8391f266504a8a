"""What one training run is: the settings of ``hand-object-train train``."""

from dataclasses import dataclass, field
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose_training.augmentation import AugmentationConfig
from hand_object_pose_training.losses import LossWeights
from hand_object_pose_training.mixture import REAL_ONLY, MixtureShares
from hand_object_pose_training.schedule import ScheduleConfig

_LEAST = {"steps": 1, "epochs": 1, "budget_minutes": 0, "batch_size": 1, "seed": 0, "workers": 0} | dict.fromkeys(
    ("devices", "machines", "save_every", "validate_every"), 1
)


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        shards: directory of rendered samples, or a prepared index.
        validation_shards: the same of held-out ones.
        out: directory of the run: last and best state, losses, TensorBoard log.
        preset: of the network, or a variant of it such as "compact/without_attention".
        imagenet_weights: file for its encoders to begin with, see ``network.imagenet``.
        start_from: weights (.safetensors) of the same preset to begin with. Their file holds
            no training-only heads and no optimizer: to go on with an interrupted run, repeat its command instead.
        first_stage_from: weights of the same preset, or of a variant of it, whose encoders and rough meshes to begin
            with; the second stage, and the heads that only training has, begin anew.
        steps: length of the run; or give ``epochs``, or ``budget_minutes``.
        epochs: length of the run; in each of them every sample of ``shards`` is seen once.
        budget_minutes: length of the run; measured once and turned into steps, which the state keeps.
        batch_size: samples a step, of each device.
        seed: of initial weights, order and random changes.
        gradient_clip: largest gradient norm.
        mixed_precision: run the network, not the losses, in bfloat16 where that is safe.
        device: "auto", "cpu" or "cuda".
        devices: how many, each in its own process with a batch of its own. Two processes of one thread train faster on
            two cores than one process of two threads.
        machines: how many, each with ``devices`` of them and the same directory ``out``; started by ``torchrun``.
        workers: loader processes of each device; 0 loads in the training process.
        save_every: steps between saved states.
        validate_every: steps between validations; with ``epochs``, validation comes after each of them instead.
        hand_steps: train only the hand's rough mesh for so long, which takes a fifth of the time a step: for weights
            whose object is better than their hand.
        first_stage_steps: train only encoders and rough meshes for so long, which takes about half the time a step:
            before rough meshes are roughly right, the refinement samples features beside hand and object.
        freeze_batch_norm: leave BatchNorm's means and variances as the run begins with them, and normalise by them,
            so that small batches cannot spoil them and several devices compute what one with all their samples would.
        mixture: shares of a batch's images that are those of ``shards``, their hands and objects rendered from other
            directions, and rendered grasps. Rendering is the loaders' work: give them many ``workers``.
        grasps: library of the rendered grasps, from ``hand-object-train grasps``; those of the default objects if None.
        backgrounds: directory of pictures to lie behind rendered scenes; painted ones if None.
        objects: directory of the catalogue that ``shards`` were rendered with; the default objects if None.
        rehearse: more samples, of objects that the weights to begin with know and should not forget.
        rehearsal_share: their share of every batch.
        training_heads: also build and train the joint estimator and the object mask, whose weights no exported file
            holds: where a run begins with such a file, they begin from nothing and push at the encoders.
        freeze_hand: leave the rough hand, and what the object's encoder shares with it, as the run begins with them:
            for an object that weights do not know in hands that they do.
        schedule: of the learning rate.
        weights: of the losses.
        augmentation: random changes of every sample.
    """

    shards: Path
    validation_shards: Path
    out: Path
    preset: str = "compact"
    imagenet_weights: Path | None = None
    start_from: Path | None = None
    first_stage_from: Path | None = None
    steps: int | None = None
    epochs: int | None = None
    budget_minutes: float | None = None
    batch_size: int = 24
    seed: int = 0
    gradient_clip: float = 10.0
    mixed_precision: bool = False
    device: str = "auto"
    devices: int = 1
    machines: int = 1
    workers: int = 1
    save_every: int = 200
    validate_every: int = 1000
    hand_steps: int = 0
    first_stage_steps: int = 0
    freeze_batch_norm: bool = False
    mixture: MixtureShares = field(default_factory=lambda: REAL_ONLY)
    grasps: Path | None = None
    backgrounds: Path | None = None
    objects: Path | None = None
    rehearse: Path | None = None
    rehearsal_share: float = 0.5
    training_heads: bool = True
    freeze_hand: bool = False
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    weights: LossWeights = field(default_factory=LossWeights)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)

    def check(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            UserError: no length or several, several kinds of weights to begin with, two kinds of mixtures, a hand that
                is trained and left, or a number that is too small.
        """
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise UserError(f"--{name.replace('_', '-')}: expected at least {least}, found {value}")
        if sum(length is not None for length in (self.steps, self.epochs, self.budget_minutes)) != 1:
            raise UserError("give the length of the run either as --steps, or as --epochs, or as --budget-minutes")
        if self.epochs is not None and self.mixture.real == 0:
            raise UserError("--epochs counts how often stored samples are seen: --mixture.real must not be 0")
        if self.rehearse is not None and (self.mixture.is_mixed or not 0 < self.rehearsal_share < 1):
            raise UserError("--rehearse takes a --rehearsal-share between 0 and 1, and no --mixture beside it")
        if self.freeze_hand and self.hand_steps:
            raise UserError("--hand-steps train the hand alone, and --freeze-hand leaves it: give one of them")
        if sum(path is not None for path in (self.imagenet_weights, self.start_from, self.first_stage_from)) > 1:
            raise UserError(
                "give one of --imagenet-weights, --start-from and --first-stage-from: each has weights of the encoders"
            )
