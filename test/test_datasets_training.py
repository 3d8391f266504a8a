"""From an exported tree to trained weights, through the commands; and golden data for the contact filter."""

import json
from pathlib import Path

import numpy as np
import pytest
from datasets_support import distances_to_triangles, exported

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.weights_file import load_weights_info
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose_training.datasets.contact_filter import ContactFilter
from hand_object_pose_training.datasets.frame import AnnotatedFrame, FrameFiles
from hand_object_pose_training.datasets.prepare_command import PrepareConfig, prepare
from hand_object_pose_training.datasets.problems import LeftOutError
from hand_object_pose_training.datasets.training_data import TrainingData, open_samples
from hand_object_pose_training.main import Export, Train
from hand_object_pose_training.trainer import TrainConfig, Trainer

GOLDEN = Path(__file__).parent / "data" / "metrics"


def golden_frames():
    """The frames of the published filter's golden data, as a reader would hand them out."""
    with np.load(GOLDEN / "metrics_inputs.npz") as arrays:
        data = dict(arrays)
    for row, number in enumerate(data["obj_index"]):
        name = str(data["obj_names"][number])
        model = ObjectModel(name, data[f"obj_{name}_verts"].astype(float), data[f"obj_{name}_faces"])
        frame = AnnotatedFrame(
            dataset="golden",
            split="test",
            key=f"golden/{row}",
            camera=Camera(data["K"][row].astype(float), 640, 480),
            side="right",
            joints=data["hand_gt_joints"][row].astype(float),
            object_name=name,
            object_pose=pose_matrix(data["obj_gt_R"][row].astype(float), data["obj_gt_t"][row].astype(float)),
            files=FrameFiles(Path("none")),
            hand_vertices=data["hand_gt_verts"][row].astype(float),
        )
        yield frame, model


def passes(rule, frame, model):
    try:
        rule.check(frame, model)
    except LeftOutError:
        return False
    return True


def test_the_papers_filter_keeps_what_the_published_one_keeps():
    expected = json.loads((GOLDEN / "metrics_expected.json").read_text())["dexycb_contact_filter"]["kept"]
    rule = ContactFilter("joints_to_vertices")
    assert [passes(rule, *golden) for golden in golden_frames()] == expected
    assert all(passes(ContactFilter("none"), *golden) for golden in golden_frames())


def test_mesh_to_mesh_measures_to_the_surface_and_keeps_more():
    """A hand vertex is nearer than any joint, and a surface nearer than its vertices."""
    joints, meshes = ContactFilter("joints_to_vertices"), ContactFilter("mesh_to_mesh")
    kept = [(passes(joints, *golden), passes(meshes, *golden)) for golden in golden_frames()]
    assert all(mesh for joint, mesh in kept if joint)
    assert sum(mesh for _, mesh in kept) > sum(joint for joint, _ in kept)
    frame, model = next(golden_frames())
    distance = exact_distance(frame, model)
    assert passes(ContactFilter("mesh_to_mesh", near=distance + 1e-6), frame, model)
    assert not passes(ContactFilter("mesh_to_mesh", near=distance - 1e-6), frame, model)


def exact_distance(frame, model):
    """By brute force in trimesh, which shares no code with the filter; far vertices cannot be the nearest."""
    vertices = model.vertices @ frame.object_pose[:3, :3].T + frame.object_pose[:3, 3]
    roughly = np.linalg.norm(frame.hand_vertices[:, None] - vertices[None], axis=2).min(axis=1)
    return distances_to_triangles(frame.hand_vertices[np.argsort(roughly)[:100]], vertices[model.faces]).min()


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared")
    dexycb = prepare(PrepareConfig("dexycb", exported("dexycb"), out, contact="none", workers=0, quick=True))
    ho3d = prepare(PrepareConfig("ho3d", exported("ho3d"), out, workers=0, quick=True))
    return [path for path, _ in (*dexycb, *ho3d)]


def test_a_prepared_dataset_is_trained_on_validated_and_exported(indices, tmp_path, capsys, monkeypatch):
    # Half a minute that test_training.py spends already.
    monkeypatch.setattr("hand_object_pose_training.export.export_onnx", lambda path: None)
    train, held_out = (path for path in indices if "ho3d" in path.name)
    run, weights = tmp_path / "run", tmp_path / "trained.safetensors"
    Train(train, held_out, run, steps=1, batch_size=2, workers=0, device="cpu").run_command()
    assert "first batch" in capsys.readouterr().out
    Export(run, held_out, weights).run_command()
    info = load_weights_info(weights)
    assert set(info.objects) == set(TrainingData.of(train).catalogue) == {"011_banana"}
    assert np.isfinite(float(info.provenance["hand.mje_cm"]))


def test_mirrored_left_hands_are_trained_on(indices, tmp_path, capsys):
    train = next(path for path in indices if "dexycb" in path.name)
    data = TrainingData.of(train)
    assert {"004_sugar_box", "004_sugar_box.mirrored", "011_banana"} <= set(data.catalogue)
    config = TrainConfig(train, train, tmp_path / "run", steps=1, batch_size=8, workers=0, device="cpu")
    trainer = Trainer(config, data.hand, data.catalogue)
    batches = iter(trainer._loader())
    losses = [trainer._timed_step(batches)["total"].item() for _ in range(2)]
    assert np.isfinite(losses).all()


def test_samples_of_unknown_objects_and_other_hands_are_kept_out(indices):
    train = indices[0]
    data = TrainingData.of(train)
    known = {"011_banana": data.catalogue["011_banana"]}
    samples = open_samples(train, 128, data.hand, known)
    assert len(samples) == 8
    assert len(open_samples(train, 128, data.hand, data.catalogue)) == 16
    assert {sample.object_name for sample in samples} == {"011_banana"}
    with pytest.raises(UserError, match="expected frames"):
        open_samples(train, 128, data.hand, {"teapot": known["011_banana"]})
    with pytest.raises(UserError, match="same --models"):
        open_samples(train, 128, data.hand, {"011_banana": data.catalogue["004_sugar_box"]})
    with pytest.raises(UserError, match="same --mano"):
        open_samples(train, 128, default_hand("left"), known)
