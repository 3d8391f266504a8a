"""The training loop."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from lightning_fabric.utilities.seed import seed_everything
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.data import DataLoader

from hand_object_pose.errors import UserError
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.network.config import preset_config
from hand_object_pose.network.model import HandObjectNetwork
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.devices import fabric_of, with_synchronised_norms
from hand_object_pose_training.drawn_samples import drawn_samples
from hand_object_pose_training.finger_loss import FingerRendering
from hand_object_pose_training.losses import weighted_sum
from hand_object_pose_training.objective import Objective
from hand_object_pose_training.rejected_batch import save_rejected_batch
from hand_object_pose_training.resumption import check_contents, check_resumable, compared_settings, unsaid_contents
from hand_object_pose_training.run_log import RunLog, Throughput
from hand_object_pose_training.run_state import BEST, LAST, RunState, explaining_full_disks, load_state, save_state
from hand_object_pose_training.samples import Batch
from hand_object_pose_training.samples_hash import contents
from hand_object_pose_training.starting_weights import begin_with_weights
from hand_object_pose_training.supervised import SupervisedNetwork, TrainedPart
from hand_object_pose_training.train_config import TrainConfig
from hand_object_pose_training.training_batches import TrainingBatches
from hand_object_pose_training.validation import held_out_crops, validate


class Trainer:
    """Trains one network; a second call with the same directory goes on where the first was cut off."""

    MEASURED_STEPS = 40

    def __init__(self, config: TrainConfig, hand: HandModel, catalogue: dict[str, ObjectModel]) -> None:
        """Build everything, and load the run's state where there is one.

        Raises:
            UserError: settings that contradict each other, samples that cannot be read, or a state of other settings.
        """
        config.check()
        self.config, self.hand, self.catalogue = config, hand, catalogue
        self.fabric = fabric_of(config)
        self.console = Console(quiet=not self.fabric.is_global_zero)
        seed_everything(config.seed, verbose=False)
        network = HandObjectNetwork(preset_config(config.preset), hand, config.training_heads)
        self.lineage = begin_with_weights(network, config)
        network = with_synchronised_norms(network, self.fabric.device, self.fabric.world_size)
        if config.freeze_hand:
            _freeze_hand(network)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.geometry = network.config.lixels
        finger = FingerRendering(hand, self.geometry.image_size) if config.weights.finger > 0 else None
        objective = Objective(self.geometry, hand, catalogue, finger)
        self.supervised = SupervisedNetwork(network, objective, config.mixed_precision, config.freeze_batch_norm)
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=config.schedule.learning_rate)
        self.model, self.optimizer = self.fabric.setup(self.supervised, optimizer)
        share = self.fabric.global_rank, self.fabric.world_size
        self.batches = TrainingBatches(config, hand, catalogue, self.geometry.image_size, *share)
        self.held_out = held_out_crops(self.supervised, config.validation_shards, hand, catalogue)
        self.step, self.seconds, self.total_steps = 0, 0.0, self._given_steps() or 0
        self.best: float | None = None
        self._settings = compared_settings(config, len(self.batches.stored), self._contents())
        self._resume()
        self.throughput = Throughput(config.batch_size * self.fabric.world_size)
        self.log = RunLog(config.out, self.step, self.fabric.is_global_zero)

    @property
    def state_path(self) -> Path:
        """File of the run's state."""
        return self.config.out / LAST

    def run(self) -> None:
        """Train to the end, saving on the way."""
        batches = iter(self._loader())
        with _progress(self.console) as progress, explaining_full_disks(self.state_path):
            task = progress.add_task("training", total=self.total_steps or None, completed=self.step, losses="")
            while self.total_steps == 0 or self.step < self.total_steps:
                losses = self._timed_step(batches)
                progress.update(task, completed=self.step, total=self.total_steps or None, losses=_shown(losses))
                self._after_step(losses)
        self.save()
        self.log.close()

    def save(self) -> None:
        """Write the run's state; of several processes only the first does."""
        if self.fabric.is_global_zero:
            save_state(self.state_path, self._state())

    def _state(self) -> RunState:
        network, optimizer = self.supervised.network.state_dict(), self.optimizer.state_dict()
        device = f"{self.fabric.device} ({os.cpu_count()} cores)"
        progress = self.step, self.total_steps, self.seconds
        return RunState(*progress, network, optimizer, self._settings, device, self.lineage, self.best)

    def _contents(self) -> dict[str, str]:
        """Hashes of the samples; of several processes only the first reads them for it."""
        with self.console.status("reading samples and pictures once, to know them again"):
            found = contents(self.config) if self.fabric.is_global_zero else {}
        return self.fabric.broadcast(found)

    def _loader(self) -> DataLoader:
        return self.batches.loader(self.step)

    def _given_steps(self) -> int | None:
        """The length of the run, unless it is to be measured."""
        epochs = self.config.epochs
        return self.config.steps if epochs is None else epochs * self.batches.steps_an_epoch

    def _timed_step(self, batches: Iterator[Batch | UserError]) -> dict[str, Tensor]:
        start = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - start
        if isinstance(batch, UserError):
            raise UserError(f"step {self.step + 1}: {batch}. {self.state_path} is as it was saved last") from batch
        losses = self._train_step(batch.to(self.fabric.device))
        self.throughput.add(time.perf_counter() - start, waited)
        self.seconds += time.perf_counter() - start
        self.step += 1
        self.log.losses(self.step, losses)
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
        losses = self._averaged({"total": total, **weighted})
        if not torch.isfinite(losses["total"]):
            raise self._not_finite(f"the loss is {losses['total'].item()}", batch, weighted)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(total)
        norm = self.fabric.clip_gradients(
            self.model, self.optimizer, max_norm=self.config.gradient_clip, error_if_nonfinite=False
        )
        if norm is not None and not torch.isfinite(norm):
            raise self._not_finite(f"the gradient's norm is {norm.item()}", batch, weighted)
        self.optimizer.step()
        if self.step == 0:
            self.console.print(f"first batch, weighted terms: {_shown(weighted)}", soft_wrap=True)
        return losses

    def _averaged(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Means over the processes; detached."""
        means = self.fabric.all_reduce(torch.stack(list(losses.values())).detach(), reduce_op="mean")
        assert isinstance(means, Tensor)
        return dict(zip(losses, means.unbind(), strict=True))

    def _not_finite(self, found: str, batch: Batch, weighted: dict[str, Tensor]) -> UserError:
        """Save the batch of this process and say what happened; network and state stay as they were."""
        path = self.config.out / f"rejected_batch.step_{self.step + 1}.rank_{self.fabric.global_rank}.safetensors"
        save_rejected_batch(path, batch, weighted, next(iter(self.batches.sampler(self.step))))
        return UserError(
            f"step {self.step + 1}: {found}; weighted terms: {_shown(weighted)}. The batch is in {path}, and the "
            f"samples it was made of in that file's metadata. {self.state_path} was left as it was"
        )

    def _part(self) -> TrainedPart:
        """What this step trains."""
        if self.step < self.config.hand_steps:
            return "hand"
        return "first_stage" if self.step < self.config.first_stage_steps else "all"

    def _after_step(self, losses: dict[str, Tensor]) -> None:
        config = self.config
        if self.step % 20 == 0:
            self.log.scalars(self.step, {f"loss/{name}": value.item() for name, value in losses.items()})
            self.log.scalars(self.step, {"learning_rate": self.optimizer.param_groups[0]["lr"]})
            self.log.scalars(self.step, self.throughput.scalars())
        if self.step % 100 == 0 and not self.console.is_terminal:
            line = f"step {self.step} of {self.total_steps}: {_shown(losses)}; {self.throughput}"
            self.console.print(line, soft_wrap=True)
        if self.step % 100 == 0:
            self.throughput.restart()
        validate_every = config.validate_every if config.epochs is None else self.batches.steps_an_epoch
        if self.step % validate_every == 0 or self.step == self.total_steps:
            self._validate()
        if self.step % config.save_every == 0:
            self.save()

    def _validate(self) -> None:
        if not self.fabric.is_global_zero:
            return
        errors = validate(self.supervised, self.held_out)
        self.log.scalars(self.step, {f"validation/{name}": value for name, value in errors.items()})
        self.log.picture(self.step, "validation/samples", drawn_samples(self.supervised, self.held_out))
        listed = "  ".join(f"{name} {value:.2f}" for name, value in errors.items())
        self.console.print(f"step {self.step}: {listed}", soft_wrap=True)
        self._keep_if_best(errors["hand.mje_cm"])

    def _keep_if_best(self, error: float) -> None:
        """The best state is written first: killed in between, the run repeats this step and writes it again."""
        if self.best is None or error < self.best:
            self.best = error
            save_state(self.config.out / BEST, self._state())
            self.save()

    def _steps_in_budget(self) -> int:
        # The first steps warm up caches and are left out of nothing: a slightly pessimistic rate is the safer one.
        assert self.config.budget_minutes is not None
        return max(self.step, int(self.config.budget_minutes * 60 * self.step / self.seconds))

    def _resume(self) -> None:
        if not self.state_path.exists():
            return
        state = load_state(self.state_path)
        check_contents(self.state_path, state, self._settings, self.config)
        check_resumable(self.state_path, state, self._settings, self._given_steps())
        if unsaid := unsaid_contents(state, self._settings):
            said = f"saved by an earlier version, it does not say what {', '.join(unsaid)} held"
            self.console.print(f"{self.state_path}: {said}; from the next state on it does", soft_wrap=True)
        self.supervised.network.load_state_dict(state.network)
        self.optimizer.load_state_dict(state.optimizer)
        self.step, self.total_steps, self.seconds = state.step, state.total_steps, state.seconds
        self.lineage, self.best = state.lineage, state.best
        self.console.print(f"resuming at step {self.step} of {self.total_steps}")


def _freeze_hand(network: HandObjectNetwork) -> None:
    for part in (network.trunk, network.hand_encoder, network.hand_mesh, network.joint_head):
        if part is not None:
            part.requires_grad_(False)


def _progress(console: Console) -> Progress:
    text = TextColumn("{task.completed}/{task.total} {task.fields[losses]}")
    columns = TextColumn("{task.description}"), BarColumn(), text, TimeRemainingColumn()
    return Progress(*columns, console=console, refresh_per_second=0.5, disable=not console.is_terminal)


def _shown(losses: dict[str, Tensor]) -> str:
    return " ".join(f"{name} {value.item():.2f}" for name, value in losses.items())
