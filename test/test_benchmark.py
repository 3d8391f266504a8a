"""Benchmarks: values against the official scripts', intervals against closed forms, protocols against themselves."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import demo_data
import fake_backend
import numpy as np
import pytest
from datasets_support import exported
from safetensors.numpy import save_file
from scipy.spatial.distance import cdist

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.benchmark.frame_values import PosedFrame, frame_values
from hand_object_pose.evaluation.benchmark.intervals import mean_with_interval
from hand_object_pose.evaluation.benchmark.protocol import Column, Protocol
from hand_object_pose.evaluation.benchmark.protocols import PROTOCOLS, find_protocol
from hand_object_pose.evaluation.benchmark.results import BenchmarkRecord, breakdowns, table_means
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import ObjectModel, Symmetries
from hand_object_pose.synthetic.sample import RenderedScene
from hand_object_pose_training.benchmark.command import EvaluateConfig, evaluate
from hand_object_pose_training.benchmark.dataset_frames import ReaderFrames
from hand_object_pose_training.benchmark.estimates import NetworkEstimates
from hand_object_pose_training.benchmark.frames import BenchmarkFrame, true_box
from hand_object_pose_training.benchmark.measuring import measure
from hand_object_pose_training.benchmark.rendered_frames import RenderedFrames
from hand_object_pose_training.datasets.dexycb_reader import DexYcbReader
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.object_files import load_objects
from hand_object_pose_training.shards import OBJECT_HASHES, ShardedSamples, write_shard

GOLDEN = Path(os.environ.get("HOP_METRICS_GOLDEN", Path(__file__).parent / "data" / "metrics"))
EXPECTED = json.loads((GOLDEN / "metrics_expected.json").read_text())
HAND = {
    "hand.auc_camera": "xyz_auc3d",
    "hand.auc_root_scale": "xyz_scale_trans_al_auc3d",
    "hand.auc_procrustes": "xyz_procrustes_al_auc3d",
    "hand.mesh_auc_camera": "mesh_auc3d",
    "hand.mesh_auc_procrustes": "mesh_al_auc3d",
    "hand.f5": "f_score_5",
    "hand.f15": "f_score_15",
    "hand.f5_procrustes": "f_al_score_5",
    "hand.f15_procrustes": "f_al_score_15",
    "hand.mje_root_scale_cm": "xyz_scale_trans_al_mean3d_cm",
    "hand.mme_procrustes_cm": "mesh_al_mean3d_cm",
}
WANTED = {column.value for protocol in PROTOCOLS for column in protocol.columns}


def golden_values(wanted: set[str]) -> list[dict[str, float]]:
    """Of every frame of the golden data."""
    with np.load(GOLDEN / "metrics_inputs.npz") as arrays:
        inputs = dict(arrays)
    found = []
    for number, index in enumerate(inputs["obj_index"]):
        name = str(inputs["obj_names"][index])
        model = ObjectModel(name, inputs[f"obj_{name}_verts"], inputs[f"obj_{name}_faces"], Symmetries())
        predicted, true = (
            PosedFrame(
                inputs[f"hand_{kind}_verts"][number],
                inputs[f"hand_{kind}_joints"][number],
                pose_matrix(inputs[f"obj_{kind}_R"][number], inputs[f"obj_{kind}_t"][number]),
            )
            for kind in ("pred", "gt")
        )
        found.append(frame_values(predicted, true, model, wanted))
    return found


def test_means_over_frames_are_the_official_scripts_numbers() -> None:
    """Areas and F-scores too, which the script computes over all frames at once."""
    found = golden_values(set(HAND))
    for name, official in HAND.items():
        mean = np.mean([frame[name] for frame in found])
        assert mean == pytest.approx(EXPECTED["ho3d"]["main"][official], abs=1e-6), name


def test_penetration_is_measured_on_the_released_grid_where_a_protocol_asks_for_it() -> None:
    found = golden_values({"interaction.pd_grid_mm", "interaction.cp_grid_percent", "interaction.pd_mm"})
    expected = EXPECTED["interaction_pred"]
    for name, golden, factor in (
        ("interaction.pd_grid_mm", "grid_mean_m", 1000),
        ("interaction.cp_grid_percent", "grid_contact", 100),
        ("interaction.pd_mm", "exact_mean_m", 1000),
    ):
        values = [factor * value for value in expected["per_frame"][golden]]
        np.testing.assert_allclose([frame[name] for frame in found], values, atol=1e-3, err_msg=name)


def test_intervals_are_of_the_mean_over_independent_blocks() -> None:
    """Of n independent values the interval is 1.96 standard errors to both sides; repeating them adds nothing."""
    values = np.random.default_rng(3).normal(5.0, 2.0, 400)
    half = 1.96 * values.std() / np.sqrt(400)
    once = mean_with_interval(values.tolist(), range(400))
    assert once.value == pytest.approx(values.mean())
    assert once.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert once.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    repeated = mean_with_interval(np.repeat(values, 30).tolist(), np.repeat(np.arange(400), 30).tolist())
    assert (repeated.low, repeated.high) == pytest.approx((once.low, once.high))
    assert repeated.frames == 12000


def test_few_blocks_have_no_interval() -> None:
    mean = mean_with_interval([1.0, 2.0, 6.0], ["a", "a", "b"])
    assert (mean.value, mean.frames, mean.blocks, mean.low, mean.high) == (3.0, 3, 2, None, None)


def test_breakdowns_hold_every_frame_once() -> None:
    records = [
        BenchmarkRecord("a/0", "a", 0, "mug", 1.0, {"hand.mje_cm": 1.0}),
        BenchmarkRecord("a/1", "a", 1, "mug", 0.6, {"hand.mje_cm": 2.0}),
        BenchmarkRecord("b/0", "b", 0, "can", 0.1, {"hand.mje_cm": 6.0}),
        BenchmarkRecord("b/1", "b", 1, "can", None, reason="no depth"),
    ]
    column = Column("MJE (mm)", "hand.mje_cm", 10)
    assert table_means(records, [column])["MJE (mm)"].value == pytest.approx(30)
    found = {
        name: {group: table_means(members, [column])["MJE (mm)"].value for group, members in groups}
        for name, groups in breakdowns(records).items()
    }
    assert found == {
        "object": {"can": 60, "mug": 15},
        "sequence": {"a": 15, "b": 60},
        "share seen": {"0% to 25%": 60, "50% to 75%": 20, "75% to 100%": 10},
    }


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: f"{protocol.dataset}-{protocol.name}")
def test_protocols_are_consistent(protocol: Protocol) -> None:
    titles = {column.title for column in protocol.columns}
    assert len(titles) == len(protocol.columns)
    for row in protocol.rows:
        assert row.numbers
        assert set(row.numbers) <= titles
    assert find_protocol(protocol.name, protocol.dataset) is protocol


def test_every_column_is_measured() -> None:
    assert set(golden_values(WANTED)[0]) == WANTED


def test_an_unknown_protocol_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match="dma-paper, dma-release, hfl-net, hoisdf, live"):
        find_protocol("hoidsf", "dexycb")


def benchmark_frame(scene: fake_backend.Truth) -> BenchmarkFrame:
    shown, model = fake_backend.camera(), default_catalogue()[scene.object_name]
    truth = PosedFrame(scene.hand, scene.joints, scene.object_pose)
    box = true_box(shown, truth, model, None)
    # Under another name than that of the weights, as objects of datasets are.
    known = replace(model, name="025_mug")
    image = fake_backend.coordinate_image(shown)
    wrist = scene.joints[0]
    return BenchmarkFrame(0, "a/0", "a", 0, shown, "right", known, truth, wrist, box, 1.0, lambda: image, lambda: None)


@pytest.mark.parametrize(("name", "expected"), [("dma-paper", 1.0), ("dma-release", 0.0)])
def test_the_true_wrist_moves_the_object_where_it_is_given(name: str, expected: float) -> None:
    """The network answers with everything 1 cm to the right; the depth alone does not tell."""
    scene = fake_backend.truth()
    backend = fake_backend.FakeBackend(fake_backend.camera(), scene.moved(np.array([0.01, 0, 0])))
    estimates = NetworkEstimates(backend, find_protocol(name, "ho3d"), default_hand())
    frame = benchmark_frame(scene)
    found, reason = estimates.estimate(frame)
    assert reason == ""
    values = frame_values(found, frame.truth, frame.model, {"object.translation_cm", "hand.mje_camera_cm"})
    assert values["object.translation_cm"] == pytest.approx(expected, abs=0.05)
    assert values["hand.mje_camera_cm"] == pytest.approx(1.0, abs=0.05)


def test_an_object_that_the_weights_do_not_know_is_named() -> None:
    scene = fake_backend.truth()
    estimates = NetworkEstimates(
        fake_backend.FakeBackend(fake_backend.camera(), scene), find_protocol("dma-paper", "ho3d"), default_hand()
    )
    other = replace(benchmark_frame(scene), model=replace(default_catalogue()["banana"], name="011_banana"))
    assert estimates.estimate(other) == (PosedFrame(), "the weights do not know the mesh of '011_banana'")


def test_weights_of_another_hand_are_refused() -> None:
    hand = replace(default_hand(), name="MANO", faces=default_hand().faces[::-1].copy())
    backend = fake_backend.FakeBackend(fake_backend.camera(), fake_backend.truth())
    with pytest.raises(UserError, match="MANO"):
        NetworkEstimates(backend, find_protocol("dma-paper", "ho3d"), hand)


WITHOUT_TORCH = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "onnxscript", "lightning_fabric"}:
            raise ImportError(name + " is blocked here")

sys.meta_path.insert(0, Blocker())
from hand_object_pose_training.command_line import main

sys.exit(main())
"""


def run_without_torch(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TORCH, "evaluate", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True)


def test_weights_are_measured_without_torch_and_their_submission_gives_the_same_numbers(tmp_path: Path) -> None:
    tree = exported("ho3d")
    done = run_without_torch(tree, "--dataset", "ho3d", "--out", tmp_path / "network")
    assert done.returncode == 0, done.stderr
    assert "| **ours**: compact" in done.stdout
    submission = tmp_path / "network" / "dma-paper" / "pred.zip"
    again = run_without_torch(tree, "--dataset", "ho3d", "--predictions", submission, "--out", tmp_path / "file")
    assert again.returncode == 0, again.stderr
    means = [
        json.loads((tmp_path / kind / "dma-paper" / "benchmark.json").read_text())["means"]
        for kind in ("network", "file")
    ]
    assert len(means[0]) == 8
    for title in ("hand MJE (cm)", "hand MME (cm)"):
        assert means[1][title]["value"] == pytest.approx(means[0][title]["value"], abs=2e-3)


def test_dexycb_frames_are_those_of_the_rule() -> None:
    """Half of the split's frames by a threshold at the median of the distances, which are measured here."""
    tree, hands = exported("dexycb"), Hands.default()
    catalogue, _ = load_objects(tree / "models")
    reader = DexYcbReader(tree, "s0", "test", hands)
    frames = list(map(reader.read, reader.keys()))
    distances = [
        cdist(frame.joints, transform_points(frame.object_pose, catalogue[frame.object_name].vertices)).min()
        for frame in frames
    ]
    near = float(np.median(distances))
    protocol = replace(find_protocol("dma-paper", "dexycb"), near=near, right_hands=False)
    kept = {frame.key for frame in ReaderFrames(reader, hands, catalogue, protocol).frames()}
    assert kept == {frame.key for frame, distance in zip(frames, distances, strict=True) if distance <= near}
    assert 0 < len(kept) < len(frames)
    # The tree's odd sequences are left-handed.
    right = ReaderFrames(reader, hands, catalogue, replace(protocol, near=None, right_hands=True)).frames()
    assert {frame.key for frame in right} == {frame.key for frame in frames if frame.side == "right"}


class Displaced:
    """Answers with the truth, the object 1 cm farther away."""

    name = "displaced"

    def estimate(self, frame: BenchmarkFrame) -> tuple[PosedFrame, str]:
        assert frame.truth.object_pose is not None
        pose = frame.truth.object_pose.copy()
        pose[2, 3] += 0.01
        return replace(frame.truth, object_pose=pose), ""


def test_rendered_samples_are_frames_of_their_own(tmp_path: Path) -> None:
    shown = fake_backend.camera(480, 480)
    image, labels = np.zeros((480, 480, 3), np.uint8), np.zeros((480, 480), np.uint8)
    depth = np.zeros((480, 480), np.float32)
    truths = [demo_data.scene(number) for number in range(8)]
    scenes = [RenderedScene(image, depth, labels, shown, truth) for truth in truths]
    write_shard(tmp_path / "shard_0.safetensors", scenes, sorted(default_catalogue()), {})
    source = RenderedFrames(ShardedSamples(tmp_path), default_catalogue())
    protocol = find_protocol("dma-paper", "synthetic")
    records, hands = measure(protocol, source, Displaced())
    means = table_means(records, protocol.columns)
    assert means["hand MJE (cm)"].value == pytest.approx(0, abs=1e-5)
    assert means["object MME (cm)"].value == pytest.approx(1, abs=1e-5)
    assert means["object MCE (cm)"].value == pytest.approx(1, abs=1e-5)
    # Scenes have nothing to do with each other, so that each is a block.
    assert means["hand MJE (cm)"].blocks == len(hands) == 8
    for frame, truth in zip(source.frames(), truths, strict=True):
        vertices = transform_points(truth.object_pose, default_catalogue()["mug"].vertices)
        pixels = shown.project(np.concatenate([truth.hand_vertices, vertices]))
        np.testing.assert_allclose(frame.box, [*pixels.min(axis=0), *pixels.max(axis=0)], atol=1e-3)


def rendered(folder: Path, hashes: dict[str, str]) -> Path:
    """A shard of two black pictures."""
    image, labels = np.zeros((256, 256, 3), np.uint8), np.zeros((256, 256), np.uint8)
    shown, depth = fake_backend.camera(256, 256), np.zeros((256, 256), np.float32)
    scenes = [RenderedScene(image, depth, labels, shown, demo_data.scene(number)) for number in range(2)]
    names = sorted(default_catalogue())
    write_shard(folder / "shard_0.safetensors", scenes, names, {OBJECT_HASHES: json.dumps(hashes)})
    return folder


def test_the_shipped_weights_are_measured_on_rendered_samples(tmp_path: Path) -> None:
    hashes = {name: model.hash for name, model in default_catalogue().items()}
    config = EvaluateConfig(rendered(tmp_path, hashes), "synthetic", out=tmp_path / "out")
    (page,) = evaluate(config)
    assert page.startswith("# Held-out synthetic scenes")
    assert "* 2 frames count, 2 (100.0%) have an estimate" in page
    row = next(line for line in page.splitlines() if line.startswith("| **ours**: compact"))
    assert all(float(cell) >= 0 for cell in row.split("|")[2:-2])


def test_rendered_samples_of_other_objects_and_other_files_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"other meshes of mug; render it anew"):
        list(evaluate(EvaluateConfig(rendered(tmp_path, {"mug": "0"}), "synthetic", out=tmp_path / "out")))
    save_file({"images": np.zeros(1)}, tmp_path / "shard_0.safetensors")
    with pytest.raises(UserError, match=r"expected rendered samples, found another \.safetensors file"):
        list(evaluate(EvaluateConfig(tmp_path, "synthetic", out=tmp_path / "out")))


def test_mistakes_are_explained_without_a_traceback(tmp_path: Path) -> None:
    done = run_without_torch(tmp_path, "--dataset", "ho3d", "--protocol", "live2")
    assert done.returncode == 2
    assert done.stderr.startswith("hand-object-train evaluate: --protocol: expected one of dma-paper")
