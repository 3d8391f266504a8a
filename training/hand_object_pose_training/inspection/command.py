"""``hand-object-train inspect``: whether a prepared dataset's ground truth is right."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import tyro
from rich.console import Console
from rich.progress import Progress

from hand_object_pose.errors import UserError
from hand_object_pose_training.datasets.index import SUFFIX, PreparedIndex
from hand_object_pose_training.inspection.faults import TruthLimits
from hand_object_pose_training.inspection.inspected_split import (
    FrameSource,
    InspectedFrame,
    InspectedSplit,
    inspect_split,
    spread,
)
from hand_object_pose_training.inspection.page import page
from hand_object_pose_training.inspection.picture import contact_sheet, outlined


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

    Exit status 1 if the numbers say that the truth is wrong.
    """

    def run_command(self) -> int:
        """Look, print, and say it with the exit status."""
        splits = inspect(self)
        print(page(splits, self.limits))
        return int(any(split.faults for split in splits))


def inspect(config: InspectConfig) -> list[InspectedSplit]:
    """Measure frames of every index, and write the picture.

    Raises:
        UserError: an index cannot be used, not one frame could be checked, or the picture cannot be written.
    """
    sources = [FrameSource(PreparedIndex(path, config.root)) for path in _index_files(config)]
    chosen = [spread(len(source.index), config.frames, config.seed) for source in sources]
    splits = []
    with Progress(console=Console(stderr=True), refresh_per_second=1, transient=True) as bar:
        for source, numbers in zip(sources, chosen, strict=True):
            task = bar.add_task(source.index.path.stem, total=len(numbers))
            splits.append(inspect_split(source, numbers, config.limits, partial(bar.advance, task)))
    if not any(split.frames for split in splits):
        reasons = [reason for split in splits for reason in split.unchecked]
        raise UserError(f"not one of {len(reasons)} frames could be checked; the first: {reasons[0]}")
    if config.picture is not None:
        _write_picture(config, sources, splits)
    return splits


def _index_files(config: InspectConfig) -> list[Path]:
    if config.frames < 1 or config.pictured < 1:
        raise UserError(f"--frames, --pictured: expected at least 1, found {config.frames}, {config.pictured}")
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
    return found


def _pictured(split: InspectedSplit, count: int) -> list[InspectedFrame]:
    """Wrong frames, then others, spread over the split."""
    wrong, right = split.wrong[:count], [frame for frame in split.frames if not frame.faults]
    count = min(count - len(wrong), len(right))
    return wrong + [right[number * len(right) // count] for number in range(count)]


def _write_picture(config: InspectConfig, sources: list[FrameSource], splits: list[InspectedSplit]) -> None:
    assert config.picture is not None
    rows = []
    for source, split in zip(sources, splits, strict=True):
        for shown in _pictured(split, config.pictured):
            frame, plain = source.pair(shown.number)
            rows.append(outlined(frame, plain, source.hands.right, source.catalogue[frame.object_name]))
    try:
        config.picture.parent.mkdir(parents=True, exist_ok=True)
        written = cv2.imwrite(str(config.picture), contact_sheet(rows)[..., ::-1])
    except (OSError, cv2.error) as error:
        raise UserError(f"{config.picture}: the picture cannot be written ({error}); expected .jpg or .png") from error
    if not written:
        raise UserError(f"{config.picture}: the picture cannot be written; expected a place to write, .jpg or .png")
