"""Preparing exported trees: damage is named and costs its frames only; indices are mapped, and hold what was read."""

import json
import pickle
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from datasets_support import exported, ho3d_annotation
from safetensors import safe_open

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.catalogue import ObjectCatalogue
from hand_object_pose_training.augmentation import NO_AUGMENTATION
from hand_object_pose_training.datasets.contract import check_frames
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.ho3d_reader import Ho3dReader
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.prepare import report_path
from hand_object_pose_training.datasets.prepare_command import PrepareConfig, prepare
from hand_object_pose_training.datasets.prepared_samples import PreparedSamples, StoredCrop
from hand_object_pose_training.samples import CropDataset, collate


@pytest.fixture(scope="module")
def ho3d():
    """Both indices of an exported tree."""
    return dict(zip(("train", "evaluation"), prepare(PrepareConfig("ho3d", exported("ho3d"), workers=0)), strict=True))


@pytest.fixture(scope="module")
def dexycb():
    config = PrepareConfig("dexycb", exported("dexycb"), workers=0, contact="none")
    return dict(zip(("train", "val", "test"), prepare(config), strict=True))


def test_an_index_holds_what_the_reader_read(ho3d):
    path, report = ho3d["train"]
    hands = Hands.default()
    reader, index = Ho3dReader(exported("ho3d"), "train", hands), PreparedIndex(path)
    assert len(index) == len(reader.keys()) == report.kept == report.listed
    for number, key in enumerate(reader.keys()):
        read, stored = reader.read(key), index[number]
        assert (stored.key, stored.object_name, stored.side) == (key, read.object_name, "right")
        assert stored.files == read.files
        for name in ("joints", "object_pose"):
            np.testing.assert_allclose(getattr(stored, name), getattr(read, name), atol=1e-6)
        np.testing.assert_allclose(stored.posed(hands).hand_vertices, read.posed(hands).hand_vertices, atol=1e-6)
        np.testing.assert_allclose(stored.camera.matrix, read.camera.matrix, rtol=1e-6)
    with pytest.raises(IndexError):
        index[len(index)]


@pytest.mark.parametrize("split", ["train", "evaluation"])
def test_exported_ho3d_keeps_the_contract(ho3d, split):
    path, report = ho3d[split]
    assert report.contract == []
    assert report.problems == []
    assert PreparedIndex(path)[0].has_hand


def test_exported_dexycb_keeps_the_contract_on_both_sides(dexycb):
    hands, catalogue = Hands.default(), ObjectCatalogue.from_directory(exported("dexycb"))
    sides = Counter()
    for path, report in dexycb.values():
        frames = list(map(PreparedIndex(path).__getitem__, range(report.kept)))
        assert check_frames(frames, hands, catalogue) == []
        sides += Counter(frame.side for frame in frames)
    assert sides == {"right": 16, "left": 16}


def test_an_index_is_mapped_and_travels_to_worker_processes(ho3d):
    path, _ = ho3d["train"]
    index = PreparedIndex(path)
    assert path.name in Path("/proc/self/maps").read_text()
    sent = pickle.dumps(index)
    assert len(sent) < 3000
    np.testing.assert_array_equal(pickle.loads(sent)[3].joints, index[3].joints)


def test_damage_of_every_kind_is_named_and_costs_only_its_frames(tmp_path):
    root = shutil.copytree(exported("ho3d"), tmp_path / "tree", ignore=shutil.ignore_patterns("prepared"))
    keys = (root / "train.txt").read_text().split()
    assert len(keys) >= 9

    def path(number, kind):
        sequence, frame = keys[number].split("/")
        return root / "train" / sequence / kind / f"{frame}.{'pkl' if kind == 'meta' else 'png'}"

    image = path(1, "rgb").read_bytes()
    path(1, "rgb").write_bytes(image[: len(image) // 2])
    path(2, "rgb").unlink()
    path(3, "rgb").write_bytes(b"not an image")
    path(4, "meta").write_bytes(path(4, "meta").read_bytes()[:700])
    path(5, "meta").write_bytes(b"cposix\nsystem\n(S'touch executed'\ntR.")
    path(6, "meta").write_bytes(pickle.dumps(dict.fromkeys(ho3d_annotation()), 2))
    path(7, "depth").unlink()
    path(8, "meta").write_bytes(pickle.dumps({**ho3d_annotation(), "objName": "019_pitcher_base"}, 2))
    with (root / "train.txt").open("a") as listing:
        listing.write("\n../../outside/0001\nMC1/9999\n")
    (root / "models" / "035_power_drill" / "textured_simple.obj").write_text("v 0 0 zero\n")
    ((index, report),) = prepare(PrepareConfig("ho3d", root, split="train", workers=0))

    expected = {
        "damaged file": 5,
        "missing file": 2,
        "not annotated": 1,
        "no usable mesh of object '019_pitcher_base'": 1,
    }
    assert dict(report.left_out) == expected
    assert report.listed == len(keys) + 2
    # The frame without depth is kept.
    assert report.kept == len(keys) - 7
    text = "\n".join(report.problems)
    named = [path(n, k).name for n, k in ((1, "rgb"), (2, "rgb"), (3, "rgb"), (4, "meta"), (5, "meta"), (7, "depth"))]
    assert all(name in text for name in [*named, "cut short", "posix.system", "outside", "9999", "035_power_drill"])
    assert not Path("executed").exists()
    assert [PreparedIndex(index)[n].key for n in range(2)] == [keys[0], keys[7]]
    saved = json.loads(report_path(index).read_text())
    assert saved["left_out"] == expected
    assert saved["problems"] == report.problems


@pytest.mark.parametrize("quick", [True, False])
def test_files_cut_short_are_found_by_a_quick_look_and_wrong_sizes_by_decoding(tmp_path, quick):
    root = shutil.copytree(exported("ho3d"), tmp_path / "tree", ignore=shutil.ignore_patterns("prepared"))
    keys = (root / "train.txt").read_text().split()
    short, small = (root / "train" / key.replace("/", "/rgb/") for key in keys[:2])
    short, small = short.with_suffix(".png"), small.with_suffix(".png")
    short.write_bytes(short.read_bytes()[:-20])
    cv2.imwrite(str(small), np.zeros((240, 320, 3), np.uint8))
    ((_, report),) = prepare(PrepareConfig("ho3d", root, split="train", workers=0, quick=quick))
    assert dict(report.left_out) == {"damaged file": 1 if quick else 2}
    assert any(str(short) in problem and "cut short" in problem for problem in report.problems)
    assert any(str(small) in problem and "640 x 480" in problem for problem in report.problems) == (not quick)


def test_the_evaluations_truth_cut_short_is_named_and_costs_the_hands_alone(tmp_path):
    root = shutil.copytree(exported("ho3d"), tmp_path / "tree", ignore=shutil.ignore_patterns("prepared"))
    truth = root / "evaluation_verts.json"
    truth.write_bytes(truth.read_bytes()[:-500])
    ((path, report),) = prepare(PrepareConfig("ho3d", root, split="evaluation", workers=0, quick=True))
    assert report.kept == report.listed
    assert [problem for problem in report.problems if str(truth) in problem]
    assert not PreparedIndex(path)[0].has_hand


def test_worker_processes_find_the_same(tmp_path, ho3d, monkeypatch):
    from hand_object_pose_training.datasets import prepare as module

    monkeypatch.setattr(module, "_PART", 4)
    config = PrepareConfig("ho3d", exported("ho3d"), tmp_path, split="train", workers=2, quick=True)
    ((path, _),) = prepare(config)
    # Not byte by byte: the order of safetensors' header entries is not defined.
    with safe_open(str(path), "numpy") as found, safe_open(str(ho3d["train"][0]), "numpy") as expected:
        assert found.metadata() == expected.metadata()
        assert sorted(found.keys()) == sorted(expected.keys())
        for name in sorted(found.keys()):
            np.testing.assert_array_equal(found.get_tensor(name), expected.get_tensor(name))


def test_nothing_to_keep_is_said_with_the_reasons(tmp_path):
    root = shutil.copytree(exported("ho3d"), tmp_path / "tree", ignore=shutil.ignore_patterns("prepared"))
    shutil.rmtree(root / "evaluation")
    with pytest.raises(UserError, match=r"no frame could be kept[\s\S]*missing file"):
        prepare(PrepareConfig("ho3d", root, split="evaluation", workers=0))


def test_an_empty_split_does_not_keep_the_others_from_being_prepared(tmp_path):
    root = shutil.copytree(exported("ho3d"), tmp_path / "tree", ignore=shutil.ignore_patterns("prepared"))
    shutil.rmtree(root / "train")
    (without, empty), (path, report) = prepare(PrepareConfig("ho3d", root, workers=0, quick=True))
    assert (without, empty.kept) == (None, 0)
    assert len(PreparedIndex(path)) == report.kept > 0


@pytest.mark.parametrize("blocked", ["prepared", "prepared/ho3d_v2_train.index"])
def test_what_cannot_be_written_is_said_in_words(tmp_path, blocked):
    """A file in the directory's place, and a directory in the index's."""
    if blocked == "prepared":
        (tmp_path / blocked).write_text("in the way")
    else:
        (tmp_path / blocked / "in the way").mkdir(parents=True)
    config = PrepareConfig("ho3d", exported("ho3d"), tmp_path / "prepared", split="train", workers=0, quick=True)
    with pytest.raises(UserError, match="cannot be written"):
        prepare(config)
    assert not list(tmp_path.rglob("*.tmp"))


def test_filters_are_recorded_with_their_counts(tmp_path):
    """The distances by brute force, not by the filters' own search."""
    config = PrepareConfig("dexycb", exported("dexycb"), tmp_path / "all", "train", contact="none", workers=0)
    ((everything, _),) = prepare(config)
    hands, catalogue = Hands.default(), ObjectCatalogue.from_directory(exported("dexycb"))
    index = PreparedIndex(everything)
    joints = []
    for number in range(len(index)):
        frame = index[number]
        thing = catalogue[frame.object_name].vertices @ frame.object_pose[:3, :3].T + frame.object_pose[:3, 3]
        joints.append(np.linalg.norm(frame.joints[:, None] - thing[None], axis=2).min())
    near = float(np.median(joints)) + 1e-6
    for rule, expected in (
        ("joints_to_vertices", int(np.sum(np.array(joints) <= near))),
        ("mesh_to_mesh", len(joints)),
    ):
        config = PrepareConfig(
            "dexycb", exported("dexycb"), tmp_path / rule, "train", workers=0, contact=rule, near=near
        )
        ((path, report),) = prepare(config)
        header = PreparedIndex(path).header
        assert report.kept == header.kept == expected
        assert header.contact_filter.startswith(f"{rule} {near * 1000:g} mm")
        assert header.listed == len(joints)
    assert 0 < np.sum(np.array(joints) <= near) < len(joints)
    assert hands.right.hash == header.hand_hash


def test_left_hands_can_be_skipped(tmp_path):
    config = PrepareConfig("dexycb", exported("dexycb"), tmp_path, "val", workers=0, left_hands="skip")
    with pytest.raises(UserError, match="left hand: 8"):
        prepare(config)


def test_a_left_hands_pictures_are_turned_round_with_its_annotation(dexycb):
    hands, index = Hands.default(), PreparedIndex(dexycb["val"][0])
    frame = index[int(np.flatnonzero(index.column("is_left"))[0])]
    mirrored = frame.as_right_hand(hands)
    np.testing.assert_array_equal(mirrored.image(), cv2.imread(str(frame.files.image))[:, ::-1, ::-1])
    depth = cv2.imread(str(frame.files.depth), cv2.IMREAD_UNCHANGED)[:, ::-1]
    np.testing.assert_allclose(mirrored.depth(), depth / 1000, rtol=1e-6)
    assert (mirrored.image() != frame.image()).any()


def test_inner_joints_are_the_annotated_ones(ho3d):
    """A frame whose joints lie elsewhere than its mesh's, as HO3D's do by some millimetres."""
    samples = PreparedSamples(PreparedIndex(ho3d["train"][0]), crop=StoredCrop(64))
    frame = samples.index[0].posed(samples.hands)
    moved = replace(frame, joints=frame.joints + 0.004)
    found = samples._joints(moved)
    tips = [4, 8, 12, 16, 20]
    np.testing.assert_allclose(found[tips], frame.hand_vertices[list(samples.hands.right.fingertips)], atol=1e-6)
    inner = np.setdiff1d(np.arange(21), tips)
    np.testing.assert_allclose(found[inner], moved.joints[inner], atol=1e-6)


@pytest.mark.parametrize("split", ["train", "val"])
def test_samples_of_an_index_train_like_rendered_ones(dexycb, split):
    """Through the crops of training: the object's truth projects onto the silhouette it is trained with."""
    samples = PreparedSamples(PreparedIndex(dexycb[split][0]), crop=StoredCrop(176))
    dataset = CropDataset(samples, samples.catalogue, 128, NO_AUGMENTATION)
    batch = collate([dataset[0, number] for number in range(len(dataset))])
    names = sorted(samples.catalogue)
    for number in range(len(batch.images)):
        model = samples.catalogue[names[batch.object_indices[number]]]
        is_left = bool(samples.index.column("is_left")[number])
        assert model.name.endswith(".mirrored") == is_left
        pose = batch.object_poses[number].numpy()
        points = (model.vertices @ pose[:3, :3].T + pose[:3, 3]) @ batch.camera_matrices[number].numpy().T
        pixels = (points[:, :2] / points[:, 2:]).round().astype(int).clip(0, 127)
        seen = batch.silhouettes[number].numpy().astype(bool)
        drawn = np.zeros((128, 128), bool)
        drawn[pixels[:, 1], pixels[:, 0]] = True
        # Every seen pixel of the object has a vertex within some pixels; the hand may hide vertices.
        rows, columns = np.nonzero(seen)
        near = np.array(
            [drawn[max(r - 3, 0) : r + 4, max(c - 3, 0) : c + 4].any() for r, c in zip(rows, columns, strict=True)]
        )
        assert near.mean() > 0.97
        assert batch.hand_vertices.shape[1:] == (778, 3)
    tips = batch.joints[:, [4, 8, 12, 16, 20]].numpy()
    np.testing.assert_allclose(tips, batch.hand_vertices[:, samples.hands.right.fingertips].numpy(), atol=1e-6)


def test_ho3d_silhouettes_show_what_the_depth_image_says_is_in_front(ho3d):
    """Vertices at the measured depth, where hand and object cover one another: their own label is drawn there."""
    samples = PreparedSamples(PreparedIndex(ho3d["train"][0]), crop=StoredCrop(352))
    right: dict[int, list[bool]] = {1: [], 2: []}
    for number in range(len(samples)):
        sample, frame = samples[number], samples.index[number]
        thing = transform_points(sample.object_pose, samples.catalogue[sample.object_name].vertices)
        parts = {1: thing, 2: sample.hand_vertices}
        drawn = {label: pixels_of(points, sample.camera_matrix) for label, points in parts.items()}
        for label, points in parts.items():
            column, row = pixels_of(points, frame.camera.matrix).clip(0, [639, 479]).T
            seen = np.abs(frame.depth()[row, column] - points[:, 2]) < 0.003
            hull = cv2.convexHull(drawn[3 - label].astype(np.int32))
            covered = [cv2.pointPolygonTest(hull, place, False) > 0 for place in drawn[label].tolist()]
            column, row = drawn[label][seen & covered].T
            right[label] += (sample.labels[row, column] == label).tolist()
    counts = {label: len(found) for label, found in right.items()}
    shares = {label: np.mean(found) for label, found in right.items()}
    assert min(counts.values()) > 100, counts
    assert min(shares.values()) > 0.85, shares


def pixels_of(points, matrix):
    """(N, 2) nearest pixels."""
    projected = points @ np.asarray(matrix).T
    return (projected[:, :2] / projected[:, 2:]).round().astype(int)


def test_moved_objects_and_other_hands_are_refused(tmp_path, ho3d):
    root = shutil.copytree(exported("ho3d"), tmp_path / "tree", ignore=shutil.ignore_patterns("prepared"))
    ((path, _),) = prepare(PrepareConfig("ho3d", root, split="train", workers=0, quick=True))
    name = PreparedIndex(path).object_names[0]
    shutil.move(root / "models" / name, root / "models" / "elsewhere")
    with pytest.raises(UserError, match=f"no mesh of object '{name}'"):
        PreparedSamples(PreparedIndex(path))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match="prepare it again"):
        PreparedIndex(path)
    with pytest.raises(UserError, match="no such index"):
        PreparedIndex(tmp_path / "none.index")
