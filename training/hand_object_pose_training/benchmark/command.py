"""``hand-object-train evaluate``: weights, or what another system predicted, on a benchmark."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.evaluation.benchmark.protocol import Protocol
from hand_object_pose.evaluation.benchmark.protocols import find_protocol
from hand_object_pose.evaluation.benchmark.results import BenchmarkRecord, write_frames
from hand_object_pose.evaluation.benchmark.tables import benchmark_content, benchmark_text
from hand_object_pose.evaluation.environment import describe_environment
from hand_object_pose.objects.catalogue import catalogue_of
from hand_object_pose_training.benchmark.dataset_frames import ReaderFrames
from hand_object_pose_training.benchmark.estimates import Estimates, NetworkEstimates
from hand_object_pose_training.benchmark.file_estimates import read_estimates
from hand_object_pose_training.benchmark.frames import FrameSource
from hand_object_pose_training.benchmark.ho3d_submission import submit
from hand_object_pose_training.benchmark.measuring import measure
from hand_object_pose_training.benchmark.rendered_frames import RenderedFrames
from hand_object_pose_training.datasets.dexycb_reader import DexYcbReader
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.ho3d_reader import Ho3dReader
from hand_object_pose_training.datasets.object_files import load_objects
from hand_object_pose_training.datasets.reader import DatasetReader
from hand_object_pose_training.datasets.tree_models import NOTE_FILE as SYNTHETIC_NOTE
from hand_object_pose_training.shards import ShardedSamples

SUBMISSION = "pred.zip"


@dataclass(frozen=True)
class EvaluateConfig:
    """What to evaluate on what.

    Attributes:
        root: directory of the dataset as unpacked; of rendered shards for "synthetic".
        dataset: "ho3d" (version 2), "dexycb" or "synthetic".
        protocol: dma-paper, dma-release, hfl-net, hfl-net-objects, hoisdf or live; several are measured and printed one
            after the other, each with a table of its own.
        weights: a .safetensors file; the weights that ship with the package if None.
        predictions: instead of weights, a file of another system: HO3D's pred.json, a zip that holds it, poses of
            DexYCB's objects in BOP's format (.csv), or arrays by frame (.npz): meshes or MANO parameters, and object
            poses.
        out: directory of the results: for each protocol a page, numbers, a row for each frame, HO3D's submission.
        mano: directory with MANO_RIGHT.pkl (and MANO_LEFT.pkl for DexYCB); the default hand if None, which fits
            exported trees only.
        models: directory of the objects' folders; "models" in ``root`` if None.
        objects: of rendered samples, directory of a catalogue of your own; the default objects if None.
        every: only each n-th frame, to get an impression.
        backend: what runs the network.
        device: where the network runs.
    """

    root: Annotated[Path, tyro.conf.Positional]
    dataset: Literal["ho3d", "dexycb", "synthetic"]
    protocol: tuple[str, ...] = ("dma-paper",)
    weights: Path | None = None
    predictions: Path | None = None
    out: Path = Path("out/evaluate")
    mano: Path | None = None
    models: Path | None = None
    objects: Path | None = None
    every: int = 1
    backend: Literal["auto", "onnx", "torch"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"


@dataclass(frozen=True)
class Evaluate(EvaluateConfig):
    """Measure weights, or another system's predictions, by a published protocol; print its table with our row in it."""

    def run_command(self) -> None:
        """Measure and print; every page is written to ``out``, too."""
        for page in evaluate(self):
            print(page)


def evaluate(config: EvaluateConfig) -> Iterator[str]:
    """Measure by each protocol in turn; gives the page of each, after writing it.

    Raises:
        UserError: the dataset, the weights or the predictions cannot be used.
    """
    if config.weights is not None and config.predictions is not None:
        raise UserError("expected --weights or --predictions, found both")
    if config.every < 1:
        raise UserError(f"--every: expected at least 1, found {config.every}")
    if not config.root.is_dir():
        raise UserError(f"{config.root}: no such directory; expected {config.dataset}")
    protocols = [find_protocol(name, config.dataset) for name in config.protocol]
    if (config.root / SYNTHETIC_NOTE).is_file():
        protocols = [replace(protocol, rows=()) for protocol in protocols]
    for protocol in protocols:
        yield _evaluate_by(config, protocol)


def _evaluate_by(config: EvaluateConfig, protocol: Protocol) -> str:
    source = open_frames(config, protocol)
    estimates = _estimates(config, protocol, source)
    out = config.out / protocol.name
    out.mkdir(parents=True, exist_ok=True)
    records, found = measure(protocol, source, estimates, config.every)
    if not records:
        raise UserError(f"{config.root}: no frame counts by protocol '{protocol.name}': {dict(source.left_out)}")
    parts = (protocol, records, estimates.name, source.left_out, _warnings(config, protocol, source, records))
    text = benchmark_text(*parts)
    # The server wants all frames.
    is_whole = config.every == 1 and not protocol.objects and not protocol.without
    if config.dataset == "ho3d" and config.predictions is None and is_whole:
        missing = submit(out / SUBMISSION, found, source.listed)
        text += f"\n`{SUBMISSION}` holds all {source.listed} frames; {missing} without an estimate are zeros there.\n"
    (out / "benchmark.md").write_text(text, encoding="utf-8")
    content = {"format": "hand_object_pose benchmark 1", "every": config.every, **benchmark_content(*parts)}
    content["environment"] = describe_environment()
    (out / "benchmark.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    write_frames(out / "frames.csv", records, protocol)
    return text


def _warnings(
    config: EvaluateConfig, protocol: Protocol, source: FrameSource, records: Sequence[BenchmarkRecord]
) -> list[str]:
    """Why these numbers and published ones cannot be compared, if so."""
    found = []
    if (config.root / SYNTHETIC_NOTE).is_file():
        found.append(f"synthetic pictures ({SYNTHETIC_NOTE}): published numbers are of others, and are left out")
    elif protocol.listed not in (None, source.listed):
        found.append(f"{source.listed} frames are listed, published numbers are about {protocol.listed}")
    if config.every > 1:
        found.append(f"only every {config.every}. frame")
    measured = {name for record in records for name in record.values}
    lacking = sum(not measured <= set(record.values) for record in records)
    if lacking:
        found.append(f"our row is over the frames with an estimate; {lacking} of {len(records)} have none or a part")
    return found


def open_frames(config: EvaluateConfig, protocol: Protocol) -> FrameSource:
    """The frames that count by a protocol.

    Raises:
        UserError: the directory is not such a dataset, or of other objects.
    """
    if config.dataset == "synthetic":
        return _rendered_frames(config)
    hands = _hands(config)
    catalogue, _ = load_objects(config.models or config.root / "models")
    reader: DatasetReader
    if config.dataset == "ho3d":
        reader = Ho3dReader(config.root, protocol.split, hands)
        if reader.dataset != "ho3d_v2":
            raise UserError(f"{config.root}: expected version 2, of which published numbers are, found version 3")
    else:
        reader = DexYcbReader(config.root, protocol.setup, protocol.split, hands)
    return ReaderFrames(reader, hands, catalogue, protocol)


def _rendered_frames(config: EvaluateConfig) -> RenderedFrames:
    samples, catalogue = ShardedSamples(config.root), catalogue_of(config.objects)
    samples.require_objects(catalogue)
    return RenderedFrames(samples, catalogue)


def _hands(config: EvaluateConfig) -> Hands:
    return Hands.from_mano(config.mano) if config.mano else Hands.default()


def _estimates(config: EvaluateConfig, protocol: Protocol, source: FrameSource) -> Estimates:
    if config.predictions is not None:
        return read_estimates(config.predictions, config.dataset, source.listed, _hands(config), source.scenes)
    return NetworkEstimates(load_backend(config.weights, config.backend, config.device), protocol, source.hand)
