"""Walks a dataset once and writes an index and a report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.environment import available_cores
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.index import SUFFIX, IndexHeader, write_index
from hand_object_pose_training.datasets.index_rows import join_columns
from hand_object_pose_training.datasets.reader import DatasetReader
from hand_object_pose_training.datasets.report import PrepareReport
from hand_object_pose_training.datasets.walker import Part, WalkConfig, Walker

_PART = 64


class NothingKeptError(UserError):
    """Not a single frame of a split could be kept; ``report`` says why."""

    def __init__(self, report: PrepareReport, where: Path) -> None:
        super().__init__(f"{report.root}: no frame could be kept\n{report.text()}\nall of it: {where}")
        self.report = report


def walk(
    reader: DatasetReader, hands: Hands, catalogue: Mapping[str, ObjectModel], config: WalkConfig
) -> Iterator[Part]:
    """Examine all frames, in order, in worker processes."""
    keys = reader.keys()
    workers = available_cores() if config.workers < 0 else config.workers
    parts = [keys[start : start + _PART] for start in range(0, len(keys), _PART)]
    if workers == 0 or len(parts) <= 1:
        yield from map(Walker(reader, hands, catalogue, config).examine, parts)
        return
    with ProcessPoolExecutor(workers, initializer=_begin, initargs=(reader, hands, catalogue, config)) as pool:
        yield from pool.map(_examine, parts)


def prepare_index(
    reader: DatasetReader,
    hands: Hands,
    catalogue: Mapping[str, ObjectModel],
    out: Path,
    config: WalkConfig | None = None,
    models: Path | None = None,
    mano: Path | None = None,
    advance: Callable[[int], None] | None = None,
) -> PrepareReport:
    """Walk a dataset and write its index, and a report beside it.

    Args:
        reader: of one split; hands, catalogue: what its annotations refer to.
        out: the index file, see ``index_path``; the report goes to ``report_path``.
        config: see ``WalkConfig``.
        models, mano: where catalogue and hands were read from, for the record.
        advance: called with the number of frames read since the last time.

    Raises:
        NothingKeptError: there is nothing to write an index of; the report is written all the same.
        UserError: report or index cannot be written.
    """
    config = config or WalkConfig()
    rule = config.contact_filter.name
    report = PrepareReport(reader.dataset, reader.split, str(reader.root), rule, config.left_hands)
    report.problems += reader.problems
    parts = []
    for part in walk(reader, hands, catalogue, config):
        report.add(part.listed, len(part.keys), part.left_out, part.problems)
        parts.append(part)
        if advance is not None:
            advance(part.listed)
    report.write(report_path(out))
    if not report.kept:
        raise NothingKeptError(report, report_path(out))
    names = [name for part in parts for name in part.names]
    header = IndexHeader(
        dataset=reader.dataset,
        split=reader.split,
        root=str(reader.root.absolute()),
        patterns=reader.patterns,
        objects={name: catalogue[name].hash for name in sorted(set(names))},
        models=str(models.absolute()) if models else "",
        hand_hash=hands.right.hash,
        hand=hands.right.name,
        mano=str(mano.absolute()) if mano else "",
        contact_filter=rule,
        left_hands=config.left_hands,
        listed=report.listed,
        kept=report.kept,
    )
    keys = [key for part in parts for key in part.keys]
    write_index(out, header, keys, names, join_columns([part.columns for part in parts]))
    return report


def index_path(directory: Path, reader: DatasetReader) -> Path:
    """Where the index of a reader's split belongs."""
    return directory / f"{reader.dataset}_{reader.split}{SUFFIX}"


def report_path(index: Path) -> Path:
    """Beside the index."""
    return index.with_suffix(".report.json")


_walker: list[Walker] = []


def _begin(reader: DatasetReader, hands: Hands, catalogue: Mapping[str, ObjectModel], config: WalkConfig) -> None:
    _walker[:] = [Walker(reader, hands, catalogue, config)]


def _examine(keys: Sequence[str]) -> Part:
    return _walker[0].examine(keys)
