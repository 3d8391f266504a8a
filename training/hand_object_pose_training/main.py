"""The command line ``hand-object-train``."""

import sys
from dataclasses import dataclass
from typing import Annotated, Any

import tyro
from rich.console import Console

from hand_object_pose.exit_status import exit_status
from hand_object_pose_training.ablation import AblateConfig, ablate
from hand_object_pose_training.adapt import adapt
from hand_object_pose_training.adapt_config import AdaptConfig
from hand_object_pose_training.adapt_table import changes, table
from hand_object_pose_training.baseline import BaselineConfig, write_baseline
from hand_object_pose_training.benchmark.command import Evaluate
from hand_object_pose_training.box_detector.command import train_detector
from hand_object_pose_training.box_detector.config import DetectorConfig
from hand_object_pose_training.datasets.export import ExportDatasetConfig, export_dataset
from hand_object_pose_training.datasets.prepare_command import PrepareConfig, prepare
from hand_object_pose_training.datasets.training_data import TrainingData, remember
from hand_object_pose_training.export import ExportConfig, export
from hand_object_pose_training.grasps_command import GraspsConfig, make_grasps, total
from hand_object_pose_training.inspection.command import Inspect
from hand_object_pose_training.model_card import CardConfig, write_model_card
from hand_object_pose_training.overfit import overfit
from hand_object_pose_training.overfit_config import OverfitConfig
from hand_object_pose_training.recipes import PAPER_DEXYCB, PAPER_HO3D
from hand_object_pose_training.render import RenderConfig, render_shards
from hand_object_pose_training.trainer import TrainConfig, Trainer


@dataclass(frozen=True)
class Render(RenderConfig):
    """Render synthetic samples into shards on disk, which training reads many times."""

    def run_command(self) -> None:
        """Render what is missing."""
        print(f"{self.out}: {render_shards(self)} shards rendered, the others were there already")


@dataclass(frozen=True)
class Train(TrainConfig):
    """Train a network on rendered shards or a prepared dataset; the same command goes on after an interruption."""

    def run_command(self) -> None:
        """Train."""
        data = TrainingData.of(self.shards, self.objects)
        trainer = Trainer(self, data.hand, data.catalogue)
        # Not before the trainer has found that the run may go on with these samples.
        remember(self.out, self.shards, self.objects)
        trainer.run()


@dataclass(frozen=True)
class Overfit(OverfitConfig):
    """Learn a few samples by heart, to see if network, losses and data fit; the same command goes on if interrupted."""

    def run_command(self) -> None:
        """Train on one batch, and say how it goes."""
        data = TrainingData.of(self.shards)
        for progress in overfit(self, data.hand, data.catalogue, Console()):
            print(progress, flush=True)


@dataclass(frozen=True)
class Ablate(AblateConfig):
    """Train the variants of the paper's Table 3 alike, with several seeds each; the same command goes on."""

    def run_command(self) -> None:
        """Train what is missing, and show the table."""
        data = TrainingData.of(self.shards, self.objects)
        print(ablate(self, data.hand, data.catalogue, Console()).markdown())


@dataclass(frozen=True)
class Export(ExportConfig):
    """Measure a run on held-out samples and write its weights as safetensors and ONNX."""

    def run_command(self) -> None:
        """Export."""
        data = TrainingData.of_run(self.run)
        for name, value in export(self, data.hand, data.catalogue).items():
            print(f"{name}: {value}")


@dataclass(frozen=True)
class ExportDataset(ExportDatasetConfig):
    """Write synthetic scenes as an HO3D or DexYCB directory tree, to try readers and one's own tools on."""

    def run_command(self) -> None:
        """Render and write."""
        print(f"{self.out}: {export_dataset(self)} images in the format of {self.format}")


@dataclass(frozen=True)
class Prepare(PrepareConfig):
    """Walk HO3D or DexYCB once, check every file, and write indices that training opens in an instant."""

    def run_command(self) -> None:
        """Walk and report."""
        for path, report in prepare(self):
            print(f"{report.text()}\n  -> {path or 'no index'}")


@dataclass(frozen=True)
class WriteBaseline(BaselineConfig):
    """Average the training samples into the baseline that estimates are compared with."""

    def run_command(self) -> None:
        """Average."""
        print(f"{self.out}: the mean of {write_baseline(self)} samples")


@dataclass(frozen=True)
class Grasps(GraspsConfig):
    """Write a library of grasps, from GrabNet's files or our generator, without those the paper's rule refuses."""

    def run_command(self) -> None:
        """Find, filter, and say what was refused."""
        reports = make_grasps(self)
        for name, report in [*reports.items(), ("all", total(reports))]:
            print(f"{name}: {report}")


@dataclass(frozen=True)
class Card(CardConfig):
    """Write the model card of a weights file."""

    def run_command(self) -> None:
        """Write it."""
        write_model_card(self)
        print(self.out)


@dataclass(frozen=True)
class Adapt(AdaptConfig):
    """Teach weights one more object, on synthetic scenes of it; the same command goes on after an interruption."""

    def run_command(self) -> None:
        """Render, train, export, and show the errors before and after."""
        adapted = adapt(self, Console())
        print(f"{self.adapted}: knows {adapted.new}, after {adapted.minutes:.0f} minutes\n")
        print(table(adapted.new, adapted.before, adapted.after))
        print(f"\n{changes(adapted.new, adapted.before, adapted.after)}")


@dataclass(frozen=True)
class Detector(DetectorConfig):
    """Train the built-in detector of hand and object boxes; the same command goes on after an interruption."""

    def run_command(self) -> None:
        """Render, train, measure, export."""
        for name, result in train_detector(self).items():
            print(f"{name}: {result}")


_PAPER = "Train as the paper did: `train` with its settings, each of which can be given another value."


def _recipe(settings: dict[str, Any]) -> Train:
    return Train(shards=tyro.MISSING, validation_shards=tyro.MISSING, out=tyro.MISSING, **settings)


Command = (
    Annotated[Render, tyro.conf.subcommand("render")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Train, tyro.conf.subcommand("train-paper-ho3d", default=_recipe(PAPER_HO3D), description=_PAPER)]
    | Annotated[Train, tyro.conf.subcommand("train-paper-dexycb", default=_recipe(PAPER_DEXYCB), description=_PAPER)]
    | Annotated[Adapt, tyro.conf.subcommand("adapt")]
    | Annotated[Detector, tyro.conf.subcommand("detector")]
    | Annotated[Overfit, tyro.conf.subcommand("overfit")]
    | Annotated[Ablate, tyro.conf.subcommand("ablate")]
    | Annotated[ExportDataset, tyro.conf.subcommand("export-dataset")]
    | Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[Inspect, tyro.conf.subcommand("inspect")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Card, tyro.conf.subcommand("card")]
    | Annotated[Grasps, tyro.conf.subcommand("grasps")]
    | Annotated[WriteBaseline, tyro.conf.subcommand("baseline")]
    | Annotated[Export, tyro.conf.subcommand("export")]
)


def main() -> int:
    """Run one command and return the exit status; a mistake of the user is printed without a traceback (2)."""
    return exit_status("hand-object-train", lambda: tyro.cli(Command, prog="hand-object-train").run_command())


if __name__ == "__main__":
    sys.exit(main())
