"""``hand-object-train prepare``: a dataset of the user's as indices that training opens in an instant."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from rich.progress import Progress

from hand_object_pose.errors import UserError
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.contact_filter import ContactFilter, FilterName
from hand_object_pose_training.datasets.contract import check_frames
from hand_object_pose_training.datasets.dexycb_layout import SPLITS as DEXYCB_SPLITS
from hand_object_pose_training.datasets.dexycb_reader import DexYcbReader
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.ho3d_convention import SPLITS as HO3D_SPLITS
from hand_object_pose_training.datasets.ho3d_reader import Ho3dReader
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.object_files import load_objects
from hand_object_pose_training.datasets.prepare import (
    NothingKeptError,
    index_path,
    prepare_index,
    report_path,
)
from hand_object_pose_training.datasets.problems import FileProblemError
from hand_object_pose_training.datasets.reader import DatasetReader
from hand_object_pose_training.datasets.report import PrepareReport
from hand_object_pose_training.datasets.walker import LeftHands, WalkConfig


@dataclass(frozen=True)
class PrepareConfig:
    """What to prepare.

    Attributes:
        dataset: "ho3d" (version 2 or 3, found out) or "dexycb".
        root: its directory, as unpacked.
        out: directory of the indices; "prepared" in ``root`` if None.
        split: one split; None prepares all: train and evaluation, or train, val and test.
        setup: of DexYCB's splits.
        contact: which of DexYCB's frames are kept; the paper's rule is "joints_to_vertices". HO3D's are all kept.
        near: the rule's distance, metres.
        left_hands: mirror DexYCB's left hands in training, or skip them.
        mano: directory with MANO_RIGHT.pkl (and MANO_LEFT.pkl for DexYCB); the default hand if None, which fits
            exported trees only.
        models: directory of the objects' folders; "models" in ``root`` if None.
        quick: look at the ends of image files only, instead of decoding them all.
        workers: processes; -1 means one for each core.
        checked: how many frames are compared with the sample's contract.
    """

    dataset: Annotated[Literal["ho3d", "dexycb"], tyro.conf.Positional]
    root: Annotated[Path, tyro.conf.Positional]
    out: Path | None = None
    split: str | None = None
    setup: Literal["s0", "s1", "s2", "s3"] = "s0"
    contact: FilterName = "joints_to_vertices"
    near: float = field(default=ContactFilter.near)
    left_hands: LeftHands = "mirror"
    mano: Path | None = None
    models: Path | None = None
    quick: bool = False
    workers: int = -1
    checked: int = 24


def prepare(config: PrepareConfig) -> list[tuple[Path | None, PrepareReport]]:
    """Prepare every split; returns what was found, with the index, or None where no frame could be kept.

    Raises:
        UserError: the directory is not such a dataset, or not one frame of the splits asked for could be kept.
    """
    if not config.root.is_dir():
        raise UserError(f"{config.root}: no such directory; expected {config.dataset} as unpacked")
    hands = Hands.from_mano(config.mano) if config.mano else Hands.default()
    catalogue, problems = load_objects(_models(config))
    splits = (config.split,) if config.split else (DEXYCB_SPLITS if config.dataset == "dexycb" else HO3D_SPLITS)
    done: list[tuple[Path | None, PrepareReport]] = []
    failures: list[NothingKeptError] = []
    for split in splits:
        reader = _reader(config, split, hands)
        reader.problems += problems
        try:
            done.append(_prepare_split(config, reader, hands, catalogue))
        except NothingKeptError as error:
            failures.append(error)
            done.append((None, error.report))
    if len(failures) == len(splits):
        raise failures[0]
    return done


def _prepare_split(
    config: PrepareConfig, reader: DatasetReader, hands: Hands, catalogue: dict[str, ObjectModel]
) -> tuple[Path, PrepareReport]:
    rule = ContactFilter(config.contact, config.near) if config.dataset == "dexycb" else ContactFilter()
    walk = WalkConfig(rule, config.left_hands, not config.quick, config.workers)
    path = index_path(config.out or config.root / "prepared", reader)
    with Progress(refresh_per_second=1) as bar:
        task = bar.add_task(f"{reader.dataset} {reader.split}", total=len(reader.keys()))
        advance = partial(bar.advance, task)
        report = prepare_index(reader, hands, catalogue, path, walk, _models(config), config.mano, advance)
    report.contract += check_index(PreparedIndex(path), hands, catalogue, config.checked)
    report.write(report_path(path))
    return path, report


def _models(config: PrepareConfig) -> Path:
    return config.models or config.root / "models"


def check_index(index: PreparedIndex, hands: Hands, catalogue: dict[str, ObjectModel], count: int) -> list[str]:
    """What of ``count`` frames, spread over the index, does not keep the sample's contract."""
    numbers = np.unique(np.linspace(0, len(index) - 1, min(count, len(index))).astype(int)).tolist()
    try:
        return check_frames((index[number] for number in numbers), hands, catalogue)
    except FileProblemError as error:
        return [str(error)]


def _reader(config: PrepareConfig, split: str, hands: Hands) -> DatasetReader:
    if config.dataset == "dexycb":
        return DexYcbReader(config.root, config.setup, split, hands)
    return Ho3dReader(config.root, split, hands)
