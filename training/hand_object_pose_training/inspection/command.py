"""``hand-object-train inspect``: whether a prepared dataset's ground truth is right."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import Progress

from hand_object_pose.errors import UserError
from hand_object_pose_training.datasets.index import SUFFIX, PreparedIndex
from hand_object_pose_training.inspection.faults import TruthLimits
from hand_object_pose_training.inspection.frame_source import FrameSource
from hand_object_pose_training.inspection.inspected_split import InspectedSplit, inspect_split, spread
from hand_object_pose_training.inspection.page import page
from hand_object_pose_training.inspection.picture import SUFFIXES, write_picture


@dataclass(frozen=True)
class InspectConfig:
    """What to look at.

    Attributes:
        indices: files that ``prepare`` wrote, or directories that hold some.
        frames: how many of each index are looked at, one from each of as many equal parts of it.
        seed: draws them.
        root: where the dataset is now, if it has been moved since it was prepared.
        picture: file (.jpg or .png) of outlines over images, masks and depth images; wrong frames come first.
        pictured: how many frames of each index it shows.
        limits: beyond which the truth is called wrong.
    """

    indices: Annotated[tuple[Path, ...], tyro.conf.Positional]
    frames: int = 100
    seed: int = 0
    root: Path | None = None
    picture: Path | None = None
    pictured: int = 4
    limits: TruthLimits = field(default_factory=TruthLimits)


@dataclass(frozen=True)
class Inspect(InspectConfig):
    """Compare a prepared dataset's truth with its pictures and files, by other ways than the readers'.

    Exit status 1 if the numbers say that the truth is wrong, or most frames of an index cannot be read.
    """

    def run_command(self) -> int:
        """Look, print, and say it with the exit status."""
        splits = inspect(self)
        print(page(splits, self.limits), flush=True)
        if self.picture is not None:
            write_picture(self.picture, splits, self.pictured)
        return int(not all(split.is_right for split in splits))


def inspect(config: InspectConfig) -> list[InspectedSplit]:
    """Measure frames of every index.

    Raises:
        UserError: settings make no sense, an index cannot be used, or not one frame could be checked.
    """
    _check(config)
    sources = [FrameSource(index) for index in _indices(config)]
    chosen = [spread(len(source.index), config.frames, config.seed) for source in sources]
    splits = []
    with Progress(console=Console(stderr=True), refresh_per_second=1, transient=True) as bar:
        for source, numbers in zip(sources, chosen, strict=True):
            task = bar.add_task(source.index.path.stem, total=len(numbers))
            splits.append(inspect_split(source, numbers, config.limits, partial(bar.advance, task)))
    if not any(split.frames for split in splits):
        reasons = [reason for split in splits for reason in split.unchecked]
        raise UserError(f"not one of {len(reasons)} frames could be checked; the first: {reasons[0]}")
    return splits


def _check(config: InspectConfig) -> None:
    if config.frames < 1 or config.pictured < 1:
        raise UserError(f"--frames, --pictured: expected at least 1, found {config.frames}, {config.pictured}")
    if config.seed < 0:
        raise UserError(f"--seed: expected at least 0, found {config.seed}")
    if config.picture is not None and config.picture.suffix.lower() not in SUFFIXES:
        raise UserError(f"--picture: expected a file name that ends in .jpg or .png, found {config.picture}")


def _indices(config: InspectConfig) -> list[PreparedIndex]:
    indices = [PreparedIndex(path, config.root) for path in _index_files(config)]
    roots = sorted({index.header.root for index in indices})
    if config.root is not None and len(roots) > 1:
        raise UserError(f"--root: one dataset is in one place, but these are of {', '.join(roots)}; inspect one by one")
    return indices


def _index_files(config: InspectConfig) -> list[Path]:
    if not config.indices:
        raise UserError(
            "expected an index that prepare wrote, or a directory with some: hand-object-train inspect PATH"
        )
    found = []
    for path in config.indices:
        files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not files:
            raise UserError(
                f"{path}: no index in this directory; make one with: hand-object-train prepare DATASET ROOT"
            )
        found += files
    return list(dict.fromkeys(found))
