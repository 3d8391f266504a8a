"""DexYCB's reader on hand-made files: splits, parameters of both sides, odd annotations and YAML."""

from dataclasses import replace
from pathlib import Path

import mano_golden
import numpy as np
import pytest
import trimesh
import yaml

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.object_model import Symmetries
from hand_object_pose.objects.symmetry_file import rotation_about
from hand_object_pose_training.datasets.dexycb_layout import SERIALS, SETUPS, SPLITS, SUBJECTS, YCB_NAMES, split_of
from hand_object_pose_training.datasets.dexycb_reader import DexYcbReader
from hand_object_pose_training.datasets.hands import Hands, ManoParameters
from hand_object_pose_training.datasets.mirrored_objects import mirrored_object
from hand_object_pose_training.datasets.problems import FileProblemError, LeftOutError

SUBJECT = SUBJECTS[2]
MUG = YCB_NAMES.index("025_mug") + 1


@pytest.fixture(scope="module")
def hands():
    return Hands(mano_golden.hand("right"), mano_golden.hand("left"))


def cells(setup, split):
    chosen = split_of(setup, split)
    return {(s, c, i) for s in chosen.subjects for c in chosen.serials for i in chosen.sequences}


@pytest.mark.parametrize("setup", SETUPS)
def test_splits_are_disjoint_and_complete(setup):
    train, val, test = (cells(setup, split) for split in SPLITS)
    assert not train & val
    assert not train & test
    assert not val & test
    assert len(train | val | test) == 10 * 8 * 100


def test_splits_follow_the_toolkits_rule():
    """Counts and members worked out by hand from the rule's text."""
    assert [len(cells("s0", split)) for split in SPLITS] == [800 * 8, 40 * 8, 160 * 8]
    assert {s for s, _, _ in cells("s0", "val")} == {0, 1}
    assert {i % 5 for _, _, i in cells("s0", "test")} == {4}
    assert {s for s, _, _ in cells("s1", "test")} == {7, 8}
    assert {s for s, _, _ in cells("s1", "val")} == {6}
    assert {c for _, c, _ in cells("s2", "test")} == {7}
    assert {i for _, _, i in cells("s3", "val")} == {*range(15, 20), *range(95, 100)}
    assert {i for _, _, i in cells("s3", "test")} == {*range(35, 40), *range(55, 60), *range(75, 80)}
    with pytest.raises(UserError, match="s4"):
        split_of("s4", "train")


def write_tree(root: Path, side="right", row=0, num_frames=2, **labels):
    """One subject with 100 sequences, of which number 0 has frames, annotated with manopth's outputs."""
    for number in range(100):
        folder = root / SUBJECT / f"20200820_{number:06d}"
        folder.mkdir(parents=True)
        meta = {
            "serials": list(SERIALS),
            "num_frames": num_frames if number == 0 else 0,
            "extrinsics": "20200702_151821",
            "ycb_ids": [3, MUG],
            "ycb_grasp_ind": 1,
            "mano_sides": [side],
            "mano_calib": ["somebody"],
        }
        (folder / "meta.yml").write_text(yaml.safe_dump(meta))
    golden = {
        name: mano_golden.expected()[f"{side[0]}_pca45_mean_trans/{name}"][row]
        for name in ("pose", "betas", "trans", "joints")
    }
    calibration = root / "calibration"
    (calibration / "intrinsics").mkdir(parents=True)
    (calibration / "mano_somebody").mkdir()
    (calibration / "mano_somebody" / "mano.yml").write_text(yaml.safe_dump({"betas": golden["betas"].tolist()}))
    for serial in SERIALS:
        (calibration / "intrinsics" / f"{serial}_640x480.yml").write_text(
            "color:\n  fx: 615.5\n  fy: 614.5\n  ppx: 312.25\n  ppy: 241.75\n"
        )
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    poses = np.zeros((2, 3, 4), np.float32)
    poses[1] = np.concatenate([turn, [[0.1], [0.2], [0.7]]], axis=1)
    arrays = {
        "seg": np.zeros((480, 640), np.uint8),
        "pose_y": poses,
        "pose_m": np.concatenate([golden["pose"], golden["trans"]])[None].astype(np.float32),
        "joint_3d": (golden["joints"] / 1000)[None].astype(np.float32),
        "joint_2d": np.zeros((1, 21, 2), np.float32),
        **labels,
    }
    for serial in SERIALS:
        folder = root / SUBJECT / "20200820_000000" / serial
        folder.mkdir()
        for frame in range(num_frames):
            np.savez_compressed(folder / f"labels_{frame:06d}.npz", **arrays)
    return root, arrays


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("row", [0, 3])
def test_parameters_pose_the_hand_where_manopth_does(tmp_path, hands, side, row):
    root, arrays = write_tree(tmp_path, side, row, num_frames=1)
    reader = DexYcbReader(root, "s0", "train", hands)
    frame = reader.read(reader.keys()[0])
    expected = mano_golden.expected()[f"{side[0]}_pca45_mean_trans/verts"][row] / 1000
    np.testing.assert_allclose(frame.posed(hands).hand_vertices, expected, atol=3e-6)
    np.testing.assert_allclose(frame.joints, arrays["joint_3d"][0], atol=1e-7)
    assert (frame.side, frame.object_name) == (side, "025_mug")
    np.testing.assert_allclose(frame.object_pose[:3], arrays["pose_y"][1])
    np.testing.assert_allclose(frame.camera.matrix, [[615.5, 0, 312.25], [0, 614.5, 241.75], [0, 0, 1]])


def test_a_mirrored_left_hand_shows_in_the_mirrored_picture_what_the_hand_shows_in_the_picture(tmp_path, hands):
    root, _ = write_tree(tmp_path, "left", num_frames=1)
    reader = DexYcbReader(root, "s0", "train", hands)
    frame = replace(reader.read(reader.keys()[0]).posed(hands), box=np.array([10.0, 20.0, 300.5, 400.0]))
    mirrored = frame.as_right_hand(hands)
    template = np.random.default_rng(0).normal(0, 0.1, (50, 3))
    pairs = [
        (frame.hand_vertices, mirrored.hand_vertices),
        (frame.joints, mirrored.joints),
        (
            template @ frame.object_pose[:3, :3].T + frame.object_pose[:3, 3],
            template * [-1, 1, 1] @ mirrored.object_pose[:3, :3].T + mirrored.object_pose[:3, 3],
        ),
    ]
    for before, after in pairs:
        u, v = frame.camera.project(before).T
        np.testing.assert_allclose(mirrored.camera.project(after), np.stack([639 - u, v], axis=1), atol=1e-6)
    np.testing.assert_array_equal(mirrored.box, [338.5, 20.0, 629.0, 400.0])
    assert mirrored.side == "right"
    assert mirrored.object_name == "025_mug.mirrored"
    assert np.linalg.det(mirrored.object_pose[:3, :3]) == pytest.approx(1)
    # The synthetic left hand is the right one's exact mirror image: the result is a right hand of the same pose.
    right = hands.mesh("right", _mirrored_parameters(frame.hand))[0]
    np.testing.assert_allclose(mirrored.hand_vertices, right, atol=1e-6)


def _mirrored_parameters(hand):
    pose = hand.pose.reshape(16, 3) * [1, -1, -1]
    return ManoParameters(pose.ravel(), hand.betas, hand.translation * [-1, 1, 1])


def test_a_mirrored_object_shows_its_outside_and_keeps_its_symmetries():
    """Off its origin, where a point of an axis that was not mirrored would show; and with an oblique turn."""
    can, shift = default_catalogue()["can"], np.array([0.05, 0.02, -0.01])
    oblique = np.array([0.48, 0.6, 0.64])
    turns = np.stack([np.eye(4), rotation_about(oblique, shift, 2.0)])
    symmetries = Symmetries(turns, oblique[None], shift[None])
    model = replace(can, vertices=can.vertices + shift, symmetries=symmetries)
    mirrored = mirrored_object(model)
    mirror = np.array([-1, 1, 1])
    np.testing.assert_array_equal(mirrored.vertices, model.vertices * mirror)
    volumes = [trimesh.Trimesh(m.vertices, m.faces, process=False).volume for m in (model, mirrored)]
    assert volumes[1] == pytest.approx(volumes[0])
    assert volumes[0] > 0
    for before, after in zip(turns, mirrored.symmetries.discrete, strict=True):
        shown = transform_points(before, model.vertices) * mirror
        np.testing.assert_allclose(transform_points(after, mirrored.vertices), shown, atol=1e-12)
    # In a mirror things turn the other way.
    shown = transform_points(rotation_about(oblique, shift, -1.0), model.vertices) * mirror
    turn = rotation_about(mirrored.symmetries.axes[0], mirrored.symmetries.axis_points[0], 1.0)
    np.testing.assert_allclose(transform_points(turn, mirrored.vertices), shown, atol=1e-12)


def test_order_is_the_toolkits_cameras_before_frames(tmp_path, hands):
    root, _ = write_tree(tmp_path)
    keys = DexYcbReader(root, "s1", "train", hands).keys()
    sequence = f"{SUBJECT}/20200820_000000"
    assert list(keys) == [f"{sequence}/{serial}/{frame:06d}" for serial in SERIALS for frame in range(2)]
    last_camera = DexYcbReader(root, "s2", "test", hands)
    assert list(last_camera.keys()) == [f"{sequence}/{SERIALS[7]}/{frame:06d}" for frame in range(2)]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"pose_m": np.zeros((1, 51), np.float32)}, "no hand"),
        ({"joint_3d": np.full((1, 21, 3), -1, np.float32)}, "no hand"),
        ({"pose_y": np.zeros((2, 3, 4), np.float32)}, "no object"),
    ],
)
def test_frames_without_annotation_are_left_out(tmp_path, hands, labels, reason):
    root, _ = write_tree(tmp_path, num_frames=1, **labels)
    reader = DexYcbReader(root, "s0", "train", hands)
    with pytest.raises(LeftOutError, match=reason):
        reader.read(reader.keys()[0])


def test_damaged_and_missing_files_are_named_and_cost_only_their_frames(tmp_path, hands):
    root, _ = write_tree(tmp_path)
    sequence = root / SUBJECT / "20200820_000000"
    (sequence / SERIALS[0] / "labels_000000.npz").write_bytes(b"PK\x03\x04 cut short")
    (sequence / SERIALS[0] / "labels_000001.npz").unlink()
    (root / "calibration" / "intrinsics" / f"{SERIALS[1]}_640x480.yml").write_text("color: {fx: [}")
    (root / SUBJECT / "20200820_000001" / "meta.yml").write_text("num_frames: many")
    (root / SUBJECT / "20200820_000002" / "meta.yml").unlink()
    reader = DexYcbReader(root, "s0", "train", hands)
    assert sum("meta.yml" in problem for problem in reader.problems) == 2
    assert len(reader.keys()) == 16
    for key, expected in zip(reader.keys(), ["labels_000000", "labels_000001", SERIALS[1]], strict=False):
        with pytest.raises(FileProblemError, match=expected):
            reader.read(key)
    assert reader.read(reader.keys()[4]).side == "right"


def test_yaml_with_python_tuples_is_read_and_other_objects_are_refused(tmp_path, hands):
    root, _ = write_tree(tmp_path, num_frames=1)
    path = root / "calibration" / "mano_somebody" / "mano.yml"
    betas = yaml.safe_load(path.read_text())["betas"]
    path.write_text("betas: !!python/tuple\n" + "".join(f"- {value}\n" for value in betas))
    reader = DexYcbReader(root, "s0", "train", hands)
    np.testing.assert_allclose(reader.read(reader.keys()[0]).hand.betas, betas)
    path.write_text("betas: !!python/object/apply:os.system ['touch executed']\n")
    reader = DexYcbReader(root, "s0", "train", hands)
    with pytest.raises(FileProblemError, match=r"mano\.yml"):
        reader.read(reader.keys()[0])


@pytest.mark.parametrize("place", [-1, 2])
def test_a_grasped_object_that_is_not_on_the_table_is_named(tmp_path, hands, place):
    root, _ = write_tree(tmp_path, num_frames=1)
    path = root / SUBJECT / "20200820_000000" / "meta.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "ycb_grasp_ind": place}))
    reader = DexYcbReader(root, "s0", "train", hands)
    assert not reader.keys()
    assert any(str(path) in problem for problem in reader.problems)


def test_a_part_of_a_subject_is_not_renumbered(tmp_path, hands):
    root, _ = write_tree(tmp_path, num_frames=1)
    names = sorted(path.name for path in (root / SUBJECT).iterdir())
    for name in names[1:50]:
        (root / SUBJECT / name / "meta.yml").unlink()
        (root / SUBJECT / name).rmdir()
    with pytest.raises(UserError, match=r"100 sequences, found 51.*sequences\.txt"):
        DexYcbReader(root, "s0", "train", hands)
    assert len(DexYcbReader(root, "s1", "train", hands).keys()) == 8
    (root / "sequences.txt").write_text("".join(f"{SUBJECT}/{name}\n" for name in names))
    reader = DexYcbReader(root, "s0", "train", hands)
    assert len(reader.keys()) == 8
    # Number 54 is held out by s0 (54 % 5 == 4): what is on the disk as number 5 must not stand for it.
    assert not any(names[54] in sequence for sequence in reader._sequences)


def test_a_directory_that_is_no_dexycb_is_refused(tmp_path, hands):
    with pytest.raises(UserError, match="expected DexYCB"):
        DexYcbReader(tmp_path, "s0", "train", hands)
