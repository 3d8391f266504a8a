"""`hand-object-train inspect`: right trees pass with their numbers; every kind of mistake is noticed and named."""

import json
import pickle
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
import yaml
from datasets_support import exported
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose_training import main as commands
from hand_object_pose_training.datasets import frame as frame_module
from hand_object_pose_training.datasets import ho3d_convention, images
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.prepare_command import PrepareConfig, prepare
from hand_object_pose_training.inspection.command import Inspect, InspectConfig, inspect
from hand_object_pose_training.inspection.faults import TruthLimits, faults
from hand_object_pose_training.inspection.frame_source import FrameSource
from hand_object_pose_training.inspection.inspected_split import inspect_split, spread
from hand_object_pose_training.inspection.picture import write_picture
from hand_object_pose_training.inspection.plain_frame import PlainFrame
from hand_object_pose_training.inspection.seen_surface import draw, projected


def prepared(kind, root, split):
    """An index of a split, made without looking at pictures."""
    config = PrepareConfig(kind, root, root / "prepared", split, contact="none", workers=0, quick=True, checked=0)
    ((path, _),) = prepare(config)
    return path


@pytest.fixture
def tree(tmp_path):
    def copied(kind):
        return shutil.copytree(exported(kind), tmp_path / kind, ignore=shutil.ignore_patterns("prepared"))

    return copied


@pytest.fixture
def exported_index(tmp_path):
    """Of an exported tree that is not changed."""

    def made(kind, split):
        root = exported(kind)
        config = PrepareConfig(kind, root, tmp_path, split, contact="none", workers=0, quick=True, checked=0)
        ((path, _),) = prepare(config)
        return path

    return made


def only_split(path):
    (split,) = inspect(InspectConfig((path,)))
    assert split.frames
    return split


def rewritten_pickles(root, change):
    for path in root.glob("train/*/meta/*.pkl"):
        content = pickle.loads(path.read_bytes())
        change(content)
        path.write_bytes(pickle.dumps(content, protocol=2))


def rewritten_labels(root, change):
    for path in root.glob("2020*/*/*/labels_*.npz"):
        with np.load(path) as arrays:
            content = dict(arrays)
        change(content)
        np.savez_compressed(path, **content)


def rewritten_yaml(paths, change):
    for path in paths:
        content = yaml.safe_load(path.read_text())
        change(content)
        path.write_text(yaml.safe_dump(content))


def rewritten_cameras(root, change, serial="*"):
    rewritten_yaml(root.glob(f"calibration/intrinsics/{serial}_640x480.yml"), change)


def rewritten_sequences(root, change):
    """Those with frames; the others have a description alone."""
    rewritten_yaml([path for path in root.glob("2020*/*/meta.yml") if len(list(path.parent.iterdir())) > 1], change)


def rescaled_depth(root, pattern, factor):
    for path in root.glob(pattern):
        raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if raw.ndim == 2:
            raw = (raw * factor).round().clip(0, 65535).astype(np.uint16)
        else:
            value = (raw[..., 2] + 256.0 * raw[..., 1]) * factor
            value = value.round().clip(0, 65535).astype(int)
            raw = np.stack([value * 0, value // 256, value % 256], axis=2).astype(np.uint8)
        cv2.imwrite(str(path), raw)


def rows_of(text, split):
    """The cells of a split's rows in all tables, by their columns."""
    found, columns = {}, []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line[1:-1].split("|")]
        if cells[0] == "split":
            columns = cells
        elif cells[0] == split:
            found |= dict(zip(columns, cells, strict=True))
    return found


def number(cell):
    return float(cell.split(",")[0].strip(" %"))


def test_the_command_prints_the_shares_of_right_trees(tmp_path, capsys):
    for kind in ("ho3d", "dexycb"):
        prepare(PrepareConfig(kind, exported(kind), tmp_path, contact="none", workers=0, quick=True, checked=0))
    capsys.readouterr()
    assert Inspect((tmp_path,), frames=8).run_command() == 0
    text = capsys.readouterr().out
    assert text.count("the truth is right") == 5
    for split in ("ho3d_v2 train", "ho3d_v2 evaluation", "dexycb s0_train", "dexycb s0_val", "dexycb s0_test"):
        row = rows_of(text, split)
        assert number(row["depth, median (mm)"]) < 2
        assert number(row["within 1 cm"]) > 97
        assert number(row["measured / expected"]) == pytest.approx(1, abs=0.002)
        assert number(row["sample to files (mm)"]) < 0.01
        if "dexycb" in split:
            assert number(row["hand on its mask"]) > 97
            assert number(row["object on its mask"]) > 90
            assert number(row["joints on either"]) > 90
            assert number(row["`joint_2d` (pixels)"]) < 0.1
        if split != "ho3d_v2 evaluation":
            assert number(row["joints to MANO's (mm)"]) < 0.01
    assert number(rows_of(text, "ho3d_v2 evaluation")["joints to the mesh's (mm)"]) < 5
    assert number(rows_of(text, "ho3d_v2 train")["object's corners (mm)"]) < 0.1


def upside_down(content):
    """Translations whose y is OpenCV's, as a reader without the flip of y would have them."""
    regressor = default_hand().joint_regressor[0]
    wrist = regressor @ (default_hand().v_template + default_hand().shapedirs @ content["handBeta"])
    flip = np.array([1, -1, 1])
    content["handTrans"] = (wrist + content["handTrans"]) * flip - wrist
    content["objTrans"], content["handJoints3D"] = content["objTrans"] * flip, content["handJoints3D"] * flip


def other_fingers(content):
    """Index and thumb: a quarter of the joints, which the median over all joints does not notice."""
    content["handJoints3D"] = content["handJoints3D"][[0, 13, 14, 15, *range(4, 13), 1, 2, 3, *range(16, 21)]]


def tips_backwards(content):
    content["handJoints3D"] = content["handJoints3D"][[*range(16), 20, 19, 18, 17, 16]]


def other_shape(content):
    content["handBeta"] = content["handBeta"] + 6.0


def other_origin(content):
    content["objTrans"] = content["objTrans"] + [0.0, 0.0, 0.03]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (upside_down, "it lies elsewhere"),
        (other_fingers, "joint order"),
        (tips_backwards, "order of the tips"),
        (other_shape, "their side, the shape"),
        (other_origin, "annotated corners"),
        (other_origin, "seen vertices of the object lie"),
    ],
)
def test_mistakes_in_ho3ds_annotations_are_named(tree, change, said, capsys):
    root = tree("ho3d")
    rewritten_pickles(root, change)
    path = prepared("ho3d", root, "train")
    assert Inspect((path,)).run_command() == 1
    text = capsys.readouterr().out
    assert "ho3d_v2 train: the truth is wrong" in text
    assert said in text
    assert "our reader is wrong" not in text


@pytest.mark.parametrize(
    ("kind", "split", "factor"), [("ho3d", "train", 10), ("dexycb", "test", 10), ("dexycb", "val", 0.1)]
)
def test_another_unit_of_depth_is_named_as_such(tree, kind, split, factor):
    root = tree(kind)
    rescaled_depth(root, "train/*/depth/*.png" if kind == "ho3d" else "2020*/*/*/aligned*.png", factor)
    faults = only_split(prepared(kind, root, split)).faults
    assert [fault.partition(" lie ")[0] for fault in faults] == [
        "seen vertices of the hand",
        "seen vertices of the object",
    ]
    for fault in faults:
        (times,) = re.findall(r"([\d.]+) times the expected one everywhere, which is a unit", fault)
        assert float(times) == pytest.approx(factor, rel=0.01)


def scaled_camera(content):
    content["color"]["fx"] *= 1.3
    content["color"]["ppx"] += 40


def mirrored_hand(content):
    content["mano_sides"] = ["left" if content["mano_sides"] == ["right"] else "right"]


def renumbered_hand(content):
    content["seg"][content["seg"] == 255] = 22


def moved_hand(metres):
    def change(content):
        content["joint_3d"] = content["joint_3d"] + np.float32([metres, 0, 0])
        content["pose_m"] = content["pose_m"] + np.float32([0] * 48 + [metres, 0, 0])

    return change


@pytest.mark.parametrize(
    ("split", "rewrite", "change", "said"),
    [
        ("val", rewritten_cameras, scaled_camera, ["matrix of another camera", "`joint_2d`"]),
        ("test", rewritten_sequences, mirrored_hand, ["MANO files"]),
        ("val", rewritten_labels, moved_hand(0.05), ["seen vertices of the hand", "`joint_2d`"]),
        ("test", rewritten_labels, moved_hand(2.0), ["0% of the hand's vertices are seen"]),
    ],
)
def test_mistakes_in_dexycbs_files_are_named(tree, split, rewrite, change, said):
    """In one split there is a left hand, in the other there are right ones, too."""
    root = tree("dexycb")
    rewrite(root, change)
    text = "\n".join(only_split(prepared("dexycb", root, split)).faults)
    assert all(words in text for words in said), text
    assert "our reader is wrong" not in text


def test_one_camera_of_eight_is_named_by_its_frames(tree):
    root = tree("dexycb")
    rewritten_cameras(root, scaled_camera, "840412060917")
    split = only_split(prepared("dexycb", root, "val"))
    assert {frame.key.split("/")[2] for frame in split.wrong} == {"840412060917"}
    assert any("by themselves" in fault for fault in split.faults)


def unflipped_depths(points):
    return points * [1, -1, -1] + [0, 0, 0.1]


@pytest.mark.parametrize(
    ("module", "name", "value", "kind", "said"),
    [
        (ho3d_convention, "flip_points", unflipped_depths, "ho3d", "off what a plain reading"),
        (images, "HO3D_DEPTH_SCALE", 0.001, "ho3d", "off what a plain reading"),
        (ho3d_convention, "MANO_WITH_TIPS_TO_STANDARD", tuple(range(21)), "ho3d", "joint order"),
        (frame_module, "mirror_pose", lambda pose: pose, "dexycb", "off what a plain reading"),
        (frame_module, "mirror_camera", lambda camera: camera, "dexycb", "shifts projections"),
    ],
)
def test_mistakes_of_our_reader_are_told_from_those_of_the_files(tree, monkeypatch, module, name, value, kind, said):
    root = tree(kind)
    monkeypatch.setattr(module, name, value)
    text = "\n".join(only_split(prepared(kind, root, "train" if kind == "ho3d" else "val")).faults)
    assert said in text
    assert "our reader is wrong" in text


def test_another_id_of_the_hand_in_the_mask_is_named(tree):
    root = tree("dexycb")
    rewritten_labels(root, renumbered_hand)
    assert any("the hand's id" in fault for fault in only_split(prepared("dexycb", root, "test")).faults)


def test_ho3ds_rendered_segmentation_is_used_where_it_is(tree):
    """At a quarter of the size, colours unknown; drawn here from the depth image, and then moved aside."""
    root = tree("ho3d")
    path = prepared("ho3d", root, "train")
    assert "hand" not in only_split(path).together
    for depth in root.glob("train/*/depth/*.png"):
        raw = cv2.imread(str(depth), cv2.IMREAD_UNCHANGED).astype(float)
        metres = (raw[..., 2] + 256 * raw[..., 1]) * 0.00012498664727900177
        content = pickle.loads((depth.parents[1] / "meta" / f"{depth.stem}.pkl").read_bytes())
        near = (metres > 0) & (metres < 0.35 - content["objTrans"].ravel()[2])
        seg = np.zeros((120, 160, 3), np.uint8)
        # A quarter of the size, without the holes that the camera leaves along borders.
        seg[near.reshape(120, 4, 160, 4).any(axis=(1, 3))] = (0, 0, 255)
        place = root / "HO3D_v2_segmentations_rendered" / "train" / depth.parents[1].name / "seg" / f"{depth.stem}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place), seg)
    split = only_split(path)
    assert split.faults == []
    assert split.together["hand"].mean() > 0.95
    assert split.together["joints"].mean() > 0.9
    for place in root.glob("HO3D_v2*/train/*/seg/*.jpg"):
        cv2.imwrite(str(place), np.roll(cv2.imread(str(place)), 60, axis=1))
    assert any("fall on" in fault for fault in only_split(path).faults)


def test_frames_that_cannot_be_checked_are_named_and_cost_nothing_else(tree, capsys):
    root = tree("ho3d")
    path = prepared("ho3d", root, "train")
    first, second, third = (root / "train" / key for key in (root / "train.txt").read_text().split()[:3])
    depth = first.parent / "depth" / f"{first.name}.png"
    depth.write_bytes(depth.read_bytes()[:1000])
    (second.parent / "meta" / f"{second.name}.pkl").unlink()
    (third.parent / "meta" / f"{third.name}.pkl").write_bytes(b"cposix\nsystem\n(S'touch executed'\ntR.")
    assert Inspect((path,)).run_command() == 0
    text = capsys.readouterr().out
    assert "3 frames not checked" in text
    assert all(f"{place.parent.name}/{place.name}" in text for place in (first, second, third))
    assert not Path("executed").exists()
    shutil.rmtree(root / "train")
    with pytest.raises(UserError, match="not one of"):
        inspect(InspectConfig((path,)))


def resized(path, size):
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), cv2.resize(pixels, size, interpolation=cv2.INTER_NEAREST))


def of_another_kind(path, _):
    channels = 4 - np.atleast_3d(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)).shape[2]
    cv2.imwrite(str(path), np.zeros((480, 640, channels), np.uint8))


def cut_short(path, _):
    path.write_bytes(path.read_bytes()[:2000])


def gone(path, _):
    path.unlink()


PICTURES = [
    ("image", resized, (320, 240), "expected 640 x 480 pixels as its camera, found 320 x 240"),
    ("image", cut_short, None, "cut short"),
    ("image", gone, None, "is missing"),
    ("depth", resized, (320, 240), "expected 640 x 480 pixels as its camera, found 320 x 240"),
    # In the corner of a larger one there would be something to compare with.
    ("depth", resized, (1280, 960), "expected 640 x 480 pixels as its camera, found 1280 x 960"),
    ("depth", cut_short, None, "cannot be decoded"),
    ("depth", of_another_kind, None, ""),
]


@pytest.mark.parametrize(("kind", "split"), [("ho3d", "train"), ("dexycb", "val")])
def test_pictures_of_another_size_and_damaged_ones_are_named(tree, tmp_path, kind, split):
    """Each in another frame; they cost neither the numbers nor the picture of the last one."""
    source = FrameSource(PreparedIndex(prepared(kind, tree(kind), split)))
    frames = [source.index[number] for number in range(len(PICTURES) + 1)]
    for frame, (file, change, size, _) in zip(frames, PICTURES, strict=False):
        change(getattr(frame.files, file), size)
    found = inspect_split(source, list(range(len(frames))), TruthLimits(), lambda: None)
    assert [frame.key for frame in found.frames] == [frames[-1].key]
    assert (found.faults, found.too_few) == ([], "only 1 of 8 frames can be (at least 50%)")
    for reason, frame, (file, _, _, said) in zip(found.unchecked, frames, PICTURES, strict=False):
        assert reason.startswith(f"{frame.key}: {getattr(frame.files, file)}: ")
        assert said in reason
    write_picture(tmp_path / "frames.jpg", [found], count=4)
    assert cv2.imread(str(tmp_path / "frames.jpg")).shape[0] == 240


def without(name):
    return lambda content: content.pop(name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("camMat"), "KeyError: 'camMat'"),
        (lambda content: content.update(objRot=None), "not as the format says"),
        (lambda content: content.update(handPose=np.zeros(45)), "not as the format says"),
        (lambda content: content.update(camMat="text"), "not as the format says"),
    ],
)
def test_annotations_of_another_form_are_named_with_their_file(tree, change, said):
    root = tree("ho3d")
    path = prepared("ho3d", root, "train")
    rewritten_pickles(root, change)
    with pytest.raises(UserError, match=r"not one of \d+ frames .*meta/\d+\.pkl: ") as error:
        inspect(InspectConfig((path,), frames=2))
    assert said in str(error.value)


def unknown_compression(path):
    """As a flipped bit leaves it: the archive asks for a method that does not exist."""
    data = bytearray(path.read_bytes())
    for start, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.find(start) + place
        data[at : at + 2] = b"\x63\x00"
    path.write_bytes(bytes(data))


def half_as_large(path):
    with np.load(path) as arrays:
        content = dict(arrays)
    np.savez_compressed(path, **{**content, "seg": content["seg"][::2, ::2]})


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("labels", unknown_compression, "NotImplementedError"),
        ("labels", half_as_large, "found 320 x 240 pixels"),
        ("meta", lambda path: path.write_text("mano_sides: [right\n a: b: c"), "ParserError"),
        ("meta", lambda path: path.write_bytes(b"\xff\xfe"), "UnicodeDecodeError"),
        ("meta", lambda path: path.write_text("mano_sides: []\nycb_ids: [1]\nycb_grasp_ind: 0\n"), "IndexError"),
        ("intrinsics", lambda path: path.write_text("- a\n"), "TypeError"),
        ("mano", lambda path: path.unlink(), "No such file"),
    ],
)
def test_damaged_files_of_dexycb_are_named(tree, name, change, said):
    root = tree("dexycb")
    path = prepared("dexycb", root, "val")
    frame = PreparedIndex(path)[0]
    sequence, serial, _ = frame.key.rsplit("/", 2)
    calibration = root / "calibration"
    meta = root / sequence / "meta.yml"
    of_hand = f"mano_{yaml.safe_load(meta.read_text())['mano_calib'][0]}"
    file = {
        "labels": frame.files.mask,
        "meta": meta,
        "intrinsics": calibration / "intrinsics" / f"{serial}_640x480.yml",
        "mano": calibration / of_hand / "mano.yml",
    }[name]
    change(file)
    source = FrameSource(PreparedIndex(path))
    split = inspect_split(source, [0], TruthLimits(), lambda: None)
    (reason,) = split.unchecked
    assert reason.startswith(f"{frame.key}: {file}: ")
    assert said in reason
    assert "\n" not in reason


def test_a_split_that_cannot_be_read_is_not_passed_over(tree, capsys):
    root = tree("ho3d")
    paths = prepared("ho3d", root, "train"), prepared("ho3d", root, "evaluation")
    shutil.rmtree(root / "evaluation")
    assert Inspect(paths, frames=3).run_command() == 1
    text = capsys.readouterr().out
    assert "ho3d_v2 train: the truth is right" in text
    assert re.search(r"ho3d_v2 evaluation: not checked\*\*, only 0 of \d frames can be", text)


def test_a_moved_dataset_is_found_by_its_new_root(tree, tmp_path, exported_index):
    """With its objects, which were prepared from below the old one."""
    root = tree("ho3d")
    path = prepared("ho3d", root, "train")
    moved = root.rename(tmp_path / "moved")
    path = moved / path.relative_to(root)
    with pytest.raises(UserError, match="where it is now: --root"):
        inspect(InspectConfig((path,)))
    (split,) = inspect(InspectConfig((path, path), frames=3, root=moved))
    assert len(split.frames) == 3
    assert split.faults == []
    with pytest.raises(UserError, match="one by one"):
        inspect(InspectConfig((path, exported_index("dexycb", "val")), root=moved))


def rewritten_index(path, change, **named):
    """With other tensors and entries of the header."""
    with safe_open(str(path), "numpy") as file:
        metadata = file.metadata()
    header = {**json.loads(metadata["header"]), **named}
    save_file(change(load_file(path)), path, metadata={**metadata, "header": json.dumps(header)})


def test_an_index_without_frames_is_refused(exported_index):
    path = exported_index("ho3d", "train")
    rewritten_index(path, lambda tensors: {name: tensor[:0] for name, tensor in tensors.items()})
    with pytest.raises(UserError, match="expected frames, found none"):
        inspect(InspectConfig((path,)))


def test_samples_that_are_no_numbers_are_not_overlooked(exported_index):
    path = exported_index("ho3d", "train")
    nan = np.full((12, 21, 3), np.nan, np.float32)
    rewritten_index(path, lambda tensors: {**tensors, "joints": nan.astype(tensors["joints"].dtype)})
    (found,) = inspect(InspectConfig((path,), frames=2))
    assert any("off what a plain reading" in fault for fault in found.faults), found.faults


def test_a_wall_behind_the_hand_is_no_unit():
    """Twice as far and even: what a hand in the wrong place lies before."""
    far = {"depth_hand": np.full(100, 0.6), "ratio_hand": np.full(100, 2.0)}
    none = {"reader": np.zeros(1), "shift": np.zeros(1)}
    (fault,) = faults({**none, **far}, TruthLimits())
    assert "which is no unit: it lies elsewhere" in fault
    (fault,) = faults({**none, **far, "ratio_hand": np.full(100, 8.0)}, TruthLimits())
    assert "which is a unit" in fault


def test_another_joint_order_in_the_evaluations_list_is_named(tree):
    """Where there are no parameters, the listed mesh tells."""
    root = tree("ho3d")
    path = root / "evaluation_xyz.json"
    joints = np.array(json.loads(path.read_text()))
    path.write_text(json.dumps(joints[:, [0, 13, 14, 15, *range(4, 13), 1, 2, 3, *range(16, 21)]].tolist()))
    (fault,) = only_split(prepared("ho3d", root, "evaluation")).faults
    assert "from their mesh's" in fault


def test_without_the_hands_of_the_evaluation_split_the_object_is_checked(tree):
    root = tree("ho3d")
    for name in ("xyz", "verts"):
        (root / f"evaluation_{name}.json").unlink()
    split = only_split(prepared("ho3d", root, "evaluation"))
    assert split.faults == split.wrong == []
    assert not {"inner", "regressed"} & set(split.together)
    assert len(split.together["depth_object"]) > 100


def test_pictures_and_mistakes_of_the_user(tmp_path, monkeypatch, capsys):
    path = prepare(PrepareConfig("dexycb", exported("dexycb"), tmp_path, "val", contact="none", workers=0, quick=True))
    index, picture = path[0][0], tmp_path / "pictures" / "frames.png"
    assert Inspect((index,), frames=3, picture=picture, pictured=2).run_command() == 0
    found = cv2.imread(str(picture))
    assert found.shape == (2 * 240, 3 * 240, 3)
    for words, said in [
        ([str(tmp_path / "none.index")], "no such index"),
        ([str(tmp_path / "pictures")], "no index in this directory"),
        ([], "expected an index"),
        ([str(index), "--frames", "0"], "at least 1"),
        ([str(index), "--seed", "-1"], "expected at least 0, found -1"),
        ([str(index), "--picture", str(tmp_path / "frames.text")], "ends in .jpg or .png"),
    ]:
        monkeypatch.setattr("sys.argv", ["hand-object-train", "inspect", *words])
        assert commands.main() == 2
        assert said in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_costs_no_numbers(exported_index, monkeypatch, capsys):
    path = exported_index("ho3d", "train")
    picture = path / "frames.png"
    monkeypatch.setattr(
        "sys.argv", ["hand-object-train", "inspect", str(path), "--frames", "1", "--picture", str(picture)]
    )
    assert commands.main() == 2
    said = capsys.readouterr()
    assert "the truth is right" in said.out
    assert str(picture) in said.err


def test_frames_are_spread_over_the_index():
    chosen = spread(1000, 10, seed=0)
    assert [number // 100 for number in chosen] == list(range(10))
    assert spread(7, 10, seed=3) == list(range(7))
    assert spread(1000, 10, seed=1) != chosen == spread(1000, 10, seed=0)


def sphere(centre, radius):
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    return np.asarray(mesh.vertices) + centre, np.asarray(mesh.faces)


def test_the_drawn_surface_is_that_of_spheres():
    """Closed form: a ray meets a sphere at c.d - sqrt((c.d)^2 - c.c + r^2); the nearer one hides the other."""
    matrix = np.array([[500.0, 0, 160], [0, 520.0, 120], [0, 0, 1]])
    spheres = [(np.array([0.0, 0.0, 0.8]), 0.1), (np.array([0.06, 0.02, 0.6]), 0.05)]
    meshes = [sphere(*each) for each in spheres]
    surface = draw(matrix, (320, 240), meshes)
    row, column = np.nonzero(surface.owner >= 0)
    rays = np.stack([(column - 160) / 500, (row - 120) / 520, np.ones(len(row))], axis=1)
    depths = []
    for centre, radius in spheres:
        along, square = rays @ centre, (rays**2).sum(axis=1)
        inside = along**2 - square * (centre @ centre - radius**2)
        depths.append(np.where(inside > 0, (along - np.sqrt(np.maximum(inside, 0))) / square, np.inf))
    exact = np.min(depths, axis=0)
    known = np.isfinite(exact)
    assert known.mean() > 0.95
    assert np.median(np.abs(surface.depth[row, column] - exact)[known]) < 2e-4
    assert (surface.owner[row, column] == np.argmin(depths, axis=0))[known].mean() > 0.99
    for number, (vertices, _) in enumerate(meshes):
        pixels = np.round(projected(vertices, matrix)).astype(int)
        seen = surface.sees(number, vertices, pixels)
        centre, _radius = spheres[number]
        facing = np.einsum("ij,ij->i", vertices - centre, vertices) < 0
        assert not (seen & ~facing).any()
        if number == 1:
            assert seen[facing].mean() > 0.8


def test_a_mirrored_plain_frame_projects_to_mirrored_columns():
    rng = np.random.default_rng(0)
    matrix = np.array([[500.0, 0, 300], [0, 520.0, 250], [0, 0, 1]])
    points = rng.uniform([-0.2, -0.2, 0.5], [0.2, 0.2, 0.9], (21, 3))
    labels = rng.integers(0, 3, (480, 640)).astype(np.uint8)
    plain = PlainFrame(matrix, points, np.eye(4), points, points, projected(points, matrix), points[:8], None, labels)
    mirrored = plain.mirrored(640)
    before, after = projected(points, matrix), projected(mirrored.joints, mirrored.camera_matrix)
    np.testing.assert_allclose(after, np.stack([639 - before[:, 0], before[:, 1]], axis=1), atol=1e-9)
    np.testing.assert_allclose(mirrored.joint_pixels, after, atol=1e-9)
    row, column = before.round().astype(int)[:, ::-1].T
    np.testing.assert_array_equal(mirrored.labels[row, 639 - column], labels[row, column])


def test_splits_of_another_dataset_are_referred_to_the_contract(exported_index):
    path = exported_index("ho3d", "train")
    rewritten_index(path, lambda tensors: tensors, dataset="mine")
    with pytest.raises(UserError, match="contract"):
        inspect(InspectConfig((path,)))
