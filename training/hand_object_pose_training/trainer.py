"""The training loop."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from lightning_fabric.utilities.seed import seed_everything
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.network.checkpoint import start_from_weights
from hand_object_pose.network.config import preset_config
from hand_object_pose.network.imagenet import load_imagenet_weights
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.augmentation import NO_AUGMENTATION, AugmentationConfig
from hand_object_pose_training.datasets.prepared_samples import PreparedSamples
from hand_object_pose_training.datasets.training_data import open_samples
from hand_object_pose_training.finger_loss import FingerRendering
from hand_object_pose_training.losses import LossWeights, weighted_sum
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.run_state import RunState, load_state, save_state
from hand_object_pose_training.sampler import ResumableSampler
from hand_object_pose_training.samples import Batch, CropDataset, collate
from hand_object_pose_training.schedule import ScheduleConfig
from hand_object_pose_training.shards import ShardedSamples
from hand_object_pose_training.supervised import SupervisedNetwork, TrainedPart
from hand_object_pose_training.validation import validate

# What may differ when a run is resumed, because it changes nothing in the result, or is kept in the state.
_FREE_TO_CHANGE = frozenset(
    {"shards", "validation_shards", "out", "start_from", "steps", "budget_minutes", "device", "workers"}
    | {"save_every", "validate_every"}
)


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        shards: directory of rendered samples, or a prepared index; validation_shards: the same of held-out ones.
        out: directory of the run: state, TensorBoard log.
        preset: of the network; imagenet_weights: file for its encoders to begin with, see ``network.imagenet``.
        start_from: weights (.safetensors) of the same preset to begin with. Their file holds
            no training-only heads and no optimizer: to go on with an interrupted run, repeat its command instead.
        steps: length of the run; or budget_minutes: measured once and turned into steps, which the state keeps.
        batch_size, seed: as named; gradient_clip: largest gradient norm.
        mixed_precision: run the network, not the losses, in bfloat16 where that is safe.
        device: "auto", "cpu", "cuda"; devices: how many, each in its own process with a batch of its own. Two processes
            of one thread train faster on two cores than one process of two threads.
        workers: loader processes of each device; 0 loads in the training process.
        save_every, validate_every: steps.
        hand_steps: train only the hand's rough mesh for so long, which takes a fifth of the time a step: for weights
            whose object is better than their hand.
        first_stage_steps: train only encoders and rough meshes for so long, which takes about half the time a step:
            before rough meshes are roughly right, the refinement samples features beside hand and object.
    """

    shards: Path
    validation_shards: Path
    out: Path
    preset: str = "compact"
    imagenet_weights: Path | None = None
    start_from: Path | None = None
    steps: int | None = None
    budget_minutes: float | None = None
    batch_size: int = 24
    seed: int = 0
    gradient_clip: float = 10.0
    mixed_precision: bool = False
    device: str = "auto"
    devices: int = 1
    workers: int = 1
    save_every: int = 200
    validate_every: int = 1000
    hand_steps: int = 0
    first_stage_steps: int = 0
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    weights: LossWeights = field(default_factory=LossWeights)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


class Trainer:
    """Trains one network; a second call with the same directory goes on where the first was cut off."""

    MEASURED_STEPS = 40

    def __init__(self, config: TrainConfig, hand: HandModel, catalogue: dict[str, ObjectModel]) -> None:
        """Build everything, and load the run's state where there is one.

        Raises:
            UserError: neither or both of steps and budget, or a state of other settings.
        """
        if (config.steps is None) == (config.budget_minutes is None):
            raise UserError("give the length of the run either as --steps or as --budget-minutes")
        if config.imagenet_weights is not None and config.start_from is not None:
            raise UserError("give either --imagenet-weights or --start-from, whose weights hold encoders of their own")
        self.config, self.hand, self.catalogue = config, hand, catalogue
        self.fabric = _fabric(config)
        self.console = Console(quiet=not self.fabric.is_global_zero)
        seed_everything(config.seed, verbose=False)
        network = HandObjectNetwork(preset_config(config.preset), hand, training_heads=True)
        self.lineage = ""
        if config.imagenet_weights is not None:
            load_imagenet_weights(network, config.imagenet_weights)
            self.lineage = f"encoders begun with {config.imagenet_weights.name} (ImageNet)"
        if config.start_from is not None:
            start_from_weights(network, config.start_from)
            self.lineage = lineage_of(load_weights_info(config.start_from))
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.geometry = network.config.lixels
        finger = FingerRendering(hand, self.geometry.image_size) if config.weights.finger > 0 else None
        objective = Objective(self.geometry, hand, catalogue, finger)
        self.supervised = SupervisedNetwork(network, objective, config.mixed_precision)
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=config.schedule.learning_rate)
        self.model, self.optimizer = self.fabric.setup(self.supervised, optimizer)
        self.step, self.seconds, self.total_steps = 0, 0.0, config.steps or 0
        self._settings = self._shared_settings()
        self._resume()
        self.log: SummaryWriter | None = None
        if self.fabric.is_global_zero:
            self.log = SummaryWriter(str(config.out / "log"), purge_step=self.step)

    @property
    def state_path(self) -> Path:
        """File of the run's state."""
        return self.config.out / "state.pt"

    def run(self) -> None:
        """Train to the end, saving on the way."""
        batches = iter(self._loader())
        with _progress(self.console) as progress:
            task = progress.add_task("training", total=self.total_steps or None, completed=self.step, losses="")
            while self.total_steps == 0 or self.step < self.total_steps:
                losses = self._timed_step(batches)
                progress.update(task, completed=self.step, total=self.total_steps or None, losses=_shown(losses))
                self._after_step(losses)
        self.save()
        if self.log is not None:
            self.log.close()

    def save(self) -> None:
        """Write the run's state; of several processes only the first does."""
        if not self.fabric.is_global_zero:
            return
        network, optimizer = self.supervised.network.state_dict(), self.optimizer.state_dict()
        device = f"{self.fabric.device} ({os.cpu_count()} cores)"
        progress = self.step, self.total_steps, self.seconds
        state = RunState(*progress, network, optimizer, self._settings, device, self.lineage)
        save_state(self.state_path, state)

    def _loader(self) -> DataLoader:
        config = self.config
        samples = self._samples(config.shards)
        size = self.geometry.image_size
        dataset = CropDataset(samples, self.catalogue, size, config.augmentation, config.seed)
        share = self.fabric.global_rank, self.fabric.world_size
        sampler = ResumableSampler(len(dataset), config.batch_size, config.seed, self.step, *share)
        return DataLoader(dataset, batch_sampler=sampler, num_workers=config.workers, collate_fn=collate)

    def _timed_step(self, batches: Iterator[Batch]) -> dict[str, Tensor]:
        start = time.perf_counter()
        losses = self._train_step(next(batches).to(self.fabric.device))
        self.seconds += time.perf_counter() - start
        self.step += 1
        if self.total_steps == 0 and self.step == self.MEASURED_STEPS:
            # Each process measures its own seconds; all must stop at the same step.
            self.total_steps = self.fabric.broadcast(self._steps_in_budget())
        return losses

    def _train_step(self, batch: Batch) -> dict[str, Tensor]:
        learning_rate = self.config.schedule.at(self.step, self.total_steps or sys.maxsize)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.model.train()
        total, weighted = weighted_sum(self.model(part=self._part(), **vars(batch)), self.config.weights)
        if not torch.isfinite(total):
            raise UserError(f"step {self.step}: the loss is {total.item()}; terms: {_shown(weighted)}")
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(total)
        self.fabric.clip_gradients(self.model, self.optimizer, max_norm=self.config.gradient_clip)
        self.optimizer.step()
        if self.step == 0:
            self.console.print(f"first batch, weighted terms: {_shown(weighted)}")
        return {name: value.detach() for name, value in {"total": total, **weighted}.items()}

    def _part(self) -> TrainedPart:
        """What this step trains."""
        if self.step < self.config.hand_steps:
            return "hand"
        return "first_stage" if self.step < self.config.first_stage_steps else "all"

    def _after_step(self, losses: dict[str, Tensor]) -> None:
        config = self.config
        if self.step % 20 == 0:
            samples = self.step * config.batch_size * self.fabric.world_size
            self._record({f"loss/{name}": value.item() for name, value in losses.items()})
            self._record({"learning_rate": self.optimizer.param_groups[0]["lr"]})
            self._record({"samples_per_second": samples / self.seconds})
        if self.step % 100 == 0 and not self.console.is_terminal:
            self.console.print(f"step {self.step} of {self.total_steps}: {_shown(losses)}", soft_wrap=True)
        if self.step % config.validate_every == 0 or self.step == self.total_steps:
            self._validate()
        if self.step % config.save_every == 0:
            self.save()

    def _record(self, scalars: dict[str, float]) -> None:
        """Log them; of several processes only the first does."""
        for name, value in scalars.items() if self.log is not None else ():
            self.log.add_scalar(name, value, self.step)

    def _validate(self) -> None:
        if not self.fabric.is_global_zero:
            return
        samples = self._samples(self.config.validation_shards)
        dataset = CropDataset(samples, self.catalogue, self.geometry.image_size, NO_AUGMENTATION)
        errors = validate(self.supervised, dataset)
        self._record({f"validation/{name}": value for name, value in errors.items()})
        listed = "  ".join(f"{name} {value:.2f}" for name, value in errors.items())
        self.console.print(f"step {self.step}: {listed}")

    def _steps_in_budget(self) -> int:
        # The first steps warm up caches and are left out of nothing: a slightly pessimistic rate is the safer one.
        assert self.config.budget_minutes is not None
        return max(self.step, int(self.config.budget_minutes * 60 * self.step / self.seconds))

    def _shared_settings(self) -> dict[str, str]:
        """What a resumed run must share, as text."""
        config = self.config
        settings = asdict(config)
        # Runs begun before these terms existed go on without them.
        later = {"finger", "wrist", "depth"}
        settings["weights"] = {
            name: weight for name, weight in settings["weights"].items() if weight or name not in later
        }
        values = {name: str(value) for name, value in settings.items() if name not in _FREE_TO_CHANGE}
        return {**values, "samples": f"{len(self._samples(config.shards))}"}

    def _samples(self, path: Path) -> ShardedSamples | PreparedSamples:
        return open_samples(path, self.geometry.image_size, self.hand, self.catalogue)

    def _resume(self) -> None:
        if not self.state_path.exists():
            return
        state = load_state(self.state_path)
        changed = {name for name, value in self._settings.items() if state.settings.get(name) != value}
        if changed:
            raise UserError(
                f"{self.state_path}: the run was begun with other settings ({', '.join(sorted(changed))}); "
                "repeat them, or choose another --out"
            )
        if self.config.steps not in (None, state.total_steps):
            raise UserError(
                f"{self.state_path}: the run is {state.total_steps} steps long, not {self.config.steps}; its schedule "
                "was made for that. To train longer, begin a new run with --start-from its exported weights"
            )
        self.supervised.network.load_state_dict(state.network)
        self.optimizer.load_state_dict(state.optimizer)
        self.step, self.total_steps, self.seconds = state.step, state.total_steps, state.seconds
        self.lineage = state.lineage
        self.console.print(f"resuming at step {self.step} of {self.total_steps}")


def _fabric(config: TrainConfig) -> Fabric:
    """One process, or one a device."""
    if config.devices == 1:
        return Fabric(accelerator=config.device, devices=1)
    # A step of a part alone leaves parameters unused.
    strategy = DDPStrategy(find_unused_parameters=max(config.hand_steps, config.first_stage_steps) > 0)
    fabric = Fabric(accelerator=config.device, devices=config.devices, strategy=strategy)
    fabric.launch()
    return fabric


def lineage_of(weights: WeightsInfo) -> str:
    """What weights had behind them when another run began with them."""
    said = weights.provenance
    earlier = f"; {said['lineage']}" if said.get("lineage") else ""
    trained = f"{said.get('steps', '?')} steps of {said.get('batch_size', '?')}, {said.get('minutes', '?')} minutes"
    return f"begun with {weights.hash[:12]} ({trained}{earlier})"


def _progress(console: Console) -> Progress:
    text = TextColumn("{task.completed}/{task.total} {task.fields[losses]}")
    columns = TextColumn("{task.description}"), BarColumn(), text, TimeRemainingColumn()
    return Progress(*columns, console=console, refresh_per_second=0.5, disable=not console.is_terminal)


def _shown(losses: dict[str, Tensor]) -> str:
    return " ".join(f"{name} {value.item():.2f}" for name, value in losses.items())
