"""Synthetic scenes as a dataset's directory tree, to try readers and one's own tools on without the data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.progress import Progress

from hand_object_pose.errors import UserError
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose_training.datasets.dexycb_writer import DexYcbWriter
from hand_object_pose_training.datasets.ho3d_writer import Ho3dWriter
from hand_object_pose_training.datasets.recording import Recorder
from hand_object_pose_training.datasets.tree_models import NOTE, NOTE_FILE, STAND_INS, write_models

_TITLES = {"ho3d": "HO3D v2", "dexycb": "DexYCB"}
_FEWEST = 8


@dataclass(frozen=True)
class ExportDatasetConfig:
    """What to write.

    Attributes:
        out: a new directory.
        format: "ho3d" (version 2) or "dexycb".
        frames: number of images, at least 8; DexYCB rounds up to whole sequences of eight cameras.
        seed: of everything.
    """

    out: Path
    format: Literal["ho3d", "dexycb"]
    frames: int = 240
    seed: int = 0


def export_dataset(config: ExportDatasetConfig) -> int:
    """Render and write the tree; returns the number of images.

    Raises:
        UserError: the directory is not empty, or too few frames are wanted.
    """
    if config.out.exists() and any(config.out.iterdir()):
        raise UserError(f"{config.out}: expected a new or empty directory; remove it or choose another one")
    if config.frames < _FEWEST:
        raise UserError(f"--frames: expected at least {_FEWEST}, found {config.frames}")
    catalogue = {name: model for name, model in default_catalogue().items() if name in STAND_INS}
    config.out.mkdir(parents=True, exist_ok=True)
    (config.out / NOTE_FILE).write_text(NOTE.format(dataset=_TITLES[config.format], seed=config.seed))
    write_models(config.out / "models", catalogue)
    make = Ho3dWriter if config.format == "ho3d" else DexYcbWriter
    writer = make(config.out, list(catalogue.values()), Recorder(catalogue), config.seed)
    with Progress(refresh_per_second=1) as bar:
        task = bar.add_task(f"rendering {config.out.name}", total=config.frames)
        return writer.write(config.frames, lambda: bar.advance(task))
