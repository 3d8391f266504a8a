"""A check that network, losses and data fit together: a few samples must be learned by heart."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, fields

from rich.console import Console

from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.batch_statistics import settle_statistics
from hand_object_pose_training.overfit_config import OverfitConfig
from hand_object_pose_training.overfit_run import OverfitRun
from hand_object_pose_training.run_state import explaining_full_disks
from hand_object_pose_training.samples import Batch
from hand_object_pose_training.step_table import StepTable
from hand_object_pose_training.supervised import SupervisedNetwork
from hand_object_pose_training.validation import validate


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


def overfit(
    config: OverfitConfig, hand: HandModel, catalogue: dict[str, ObjectModel], console: Console
) -> Iterator[Progress]:
    """Train on one batch; yields a measurement now and then, each of which is in ``overfit.csv`` by then.

    With a directory in which an earlier call was interrupted, it goes on from that call's last measurement.

    Raises:
        UserError: too few samples, settings that do not fit each other, or other ones than the directory's run has.
    """
    run = OverfitRun(config, hand, catalogue)
    if run.step:
        console.print(f"resuming at step {run.step} of {config.steps}")
    floor = true_mesh_mje(run.supervised, run.batch)
    columns = [column.name for column in fields(Progress)]
    with closing(StepTable(config.out / "overfit.csv", columns, run.step)) as table:
        while run.step < config.steps:
            with explaining_full_disks(run.state_path):
                loss = run.train_step()
                if run.step % config.measure_every and run.step != config.steps:
                    continue
                settle_statistics(run.supervised, run.batch)
                progress = _measured(run, loss, floor)
                table.add(vars(progress))
                run.save()
            yield progress


def true_mesh_mje(supervised: SupervisedNetwork, batch: Batch) -> float:
    """Mean distance of the joints that are regressed from the true hand meshes to the true joints, millimetres."""
    regressed = supervised.objective.regressor @ batch.hand_vertices
    return 1000 * (regressed - batch.joints).norm(dim=-1).mean().item()


def _measured(run: OverfitRun, loss: float, floor: float) -> Progress:
    samples = run.config.samples
    errors = validate(run.supervised, run.stored, batch_size=samples, limit=samples)
    hand, thing = 10 * errors["hand.mje_cm"], 10 * errors["object.add_s_cm"]
    return Progress(run.step, loss, hand, thing, errors["object.rotation_deg"], floor)
