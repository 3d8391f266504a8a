"""Exported trees, read back with nothing but pickle, NumPy, OpenCV and PyYAML: formats, frames, pictures, depth."""

import json
import pickle
import pickletools
from itertools import pairwise

import cv2
import numpy as np
import pytest
import trimesh
import yaml
from datasets_support import distances_to_triangles, exported

from hand_object_pose.errors import UserError
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.objects.catalogue import ObjectCatalogue, default_catalogue
from hand_object_pose_training.datasets import dexycb_writer
from hand_object_pose_training.datasets.export import ExportDatasetConfig, export_dataset
from hand_object_pose_training.datasets.recording import Recorder

SCALE = 0.00012498664727900177
# The default objects are exported under these numbers of YCB.
YCB_NAMES = {3: "004_sugar_box", 4: "005_tomato_soup_can", 5: "006_mustard_bottle"}
YCB_NAMES |= {10: "011_banana", 14: "025_mug", 15: "035_power_drill"}


@pytest.fixture(scope="module")
def ho3d():
    return exported("ho3d")


@pytest.fixture(scope="module")
def dexycb():
    return exported("dexycb")


def lines(path):
    return path.read_text().split()


def ho3d_frames(root, split):
    for key in lines(root / f"{split}.txt"):
        folder, number = key.split("/")
        folder = root / split / folder
        annotation = pickle.loads((folder / "meta" / f"{number}.pkl").read_bytes())
        image = cv2.imread(str(folder / "rgb" / f"{number}.png"))
        depth = cv2.imread(str(folder / "depth" / f"{number}.png"), cv2.IMREAD_UNCHANGED)
        yield annotation, image, (depth[..., 2].astype(int) + 256 * depth[..., 1].astype(int)) * SCALE


def on_surface(points, depth, matrix):
    """Of points (N, 3), OpenCV frame: by how much each lies behind the measured surface at its pixel."""
    pixels = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, None)[0].reshape(-1, 2).round().astype(int)
    measured = depth[pixels[:, 1].clip(0, 479), pixels[:, 0].clip(0, 639)]
    return (points[:, 2] - measured)[measured > 0]


def test_ho3d_training_annotations_have_every_key_shape_and_type(ho3d):
    shapes = {
        "handPose": (48,),
        "handTrans": (3,),
        "handBeta": (10,),
        "handJoints3D": (21, 3),
        "objTrans": (3,),
        "objCorners3DRest": (8, 3),
        "objCorners3D": (8, 3),
        "camMat": (3, 3),
    }
    for annotation, image, depth in ho3d_frames(ho3d, "train"):
        assert {key: annotation[key].shape for key in shapes} == shapes
        assert annotation["objRot"].shape in {(3,), (3, 1)}
        assert isinstance(annotation["objName"], str)
        assert YCB_NAMES[annotation["objLabel"]] == annotation["objName"]
        assert isinstance(annotation["camIDList"], list)
        assert image.shape == (480, 640, 3)
        assert depth.shape == (480, 640)
        assert (annotation["handJoints3D"][:, 2] < 0).all()


def test_ho3d_pickles_open_with_old_numpy(ho3d):
    path = next((ho3d / "train").rglob("*.pkl"))
    names = {argument for opcode, argument, _ in pickletools.genops(path.read_bytes()) if opcode.name == "GLOBAL"}
    assert "numpy.core.multiarray _reconstruct" in names
    assert not any("_core" in name for name in names)


def test_ho3d_corners_are_the_meshs_and_are_posed_by_the_annotated_pose(ho3d):
    for annotation, _, _ in ho3d_frames(ho3d, "train"):
        mesh = trimesh.load(ho3d / "models" / annotation["objName"] / "textured_simple.obj", process=False)
        rest = annotation["objCorners3DRest"]
        np.testing.assert_allclose([rest.min(axis=0), rest.max(axis=0)], mesh.bounds, atol=0.004)
        posed = rest @ cv2.Rodrigues(annotation["objRot"])[0].T + annotation["objTrans"].ravel()
        np.testing.assert_allclose(annotation["objCorners3D"], posed, atol=1e-9)
        # Binary order: the four listed cycles of edges are axis parallel, hence change one coordinate each.
        for cycle in ((0, 1, 3, 2, 0), (4, 5, 7, 6, 4), (0, 4), (1, 5), (2, 6), (3, 7)):
            for first, second in pairwise(cycle):
                assert np.count_nonzero(np.abs(rest[first] - rest[second]) > 1e-6) == 1


@pytest.mark.parametrize("split", ["train", "evaluation"])
def test_ho3d_truth_lies_on_the_measured_surface(ho3d, split):
    verts = json.loads((ho3d / "evaluation_verts.json").read_text())
    layer = ManoLayer(default_hand())
    redness = []
    for number, (annotation, image, depth) in enumerate(ho3d_frames(ho3d, split)):
        if split == "train":
            pose = (annotation[name][None] for name in ("handPose", "handBeta", "handTrans"))
            vertices = layer(*pose).vertices[0]
        else:
            vertices = np.array(verts[number])
        model = trimesh.load(ho3d / "models" / annotation["objName"] / "textured_simple.obj", process=False)
        thing = model.vertices @ cv2.Rodrigues(annotation["objRot"])[0].T + annotation["objTrans"].ravel()
        behind = on_surface(np.concatenate([vertices, thing]) * [1, -1, -1], depth, annotation["camMat"])
        places = cv2.projectPoints(vertices * [1, -1, -1], np.zeros(3), np.zeros(3), annotation["camMat"], None)[0]
        columns, rows = places.reshape(-1, 2).round().astype(int).T.clip(0, [[639], [479]])
        blue, _, red = image[rows, columns].mean(axis=0)
        redness.append(red / blue)
        # Nearly half of a surface faces the camera, some of it is hidden; nearly nothing lies in front of it.
        assert (np.abs(behind) < 0.008).mean() > 0.1
        assert (behind < -0.008).mean() < 0.02
        assert abs(np.median(behind[np.abs(behind) < 0.008])) < 0.001
    # Skin is redder than blue, whatever the light: red and blue are not exchanged.
    assert np.median(redness) > 1.05


def test_ho3d_evaluation_hides_the_hand_and_tells_it_apart(ho3d):
    xyz = np.array(json.loads((ho3d / "evaluation_xyz.json").read_text()))
    assert xyz.shape == (len(lines(ho3d / "evaluation.txt")), 21, 3)
    for (annotation, _, _), joints in zip(ho3d_frames(ho3d, "evaluation"), xyz, strict=True):
        assert not {"handPose", "handTrans", "handBeta"} & set(annotation)
        assert annotation["handJoints3D"].shape == (3,)
        np.testing.assert_allclose(annotation["handJoints3D"], joints[0], atol=1e-5)
        left, top, right, bottom = annotation["handBoundingBox"]
        pixels = cv2.projectPoints(joints * [1, -1, -1], np.zeros(3), np.zeros(3), annotation["camMat"], None)[0]
        assert (pixels.reshape(-1, 2) > [left - 1, top - 1]).all()
        assert (pixels.reshape(-1, 2) < [right + 1, bottom + 1]).all()


def labels_of(root):
    for path in sorted(root.glob("2020*/*/*/labels_*.npz")):
        meta = yaml.safe_load((path.parents[1] / "meta.yml").read_text())
        with np.load(path) as arrays:
            yield path, meta, dict(arrays)


def matrix_of(root, serial):
    colour = yaml.safe_load((root / "calibration" / "intrinsics" / f"{serial}_640x480.yml").read_text())["color"]
    return np.array([[colour["fx"], 0, colour["ppx"]], [0, colour["fy"], colour["ppy"]], [0, 0, 1]])


def hand_of(root, meta, parameters):
    """Vertices and joints of ``pose_m`` by the convention that golden data of manopth pin down."""
    side, calibration = meta["mano_sides"][0], meta["mano_calib"][0]
    betas = yaml.safe_load((root / "calibration" / f"mano_{calibration}" / "mano.yml").read_text())["betas"]
    layer = ManoLayer(default_hand(side), use_pca=True, flat_hand_mean=False)
    mesh = layer(parameters[None, :48].astype(float), np.array([betas]), parameters[None, 48:].astype(float))
    return mesh.vertices[0], mesh.joints[0]


def test_dexycb_labels_agree_with_each_other_and_with_the_pictures(dexycb):
    sides, on_masks, seen = set(), [], []
    for path, meta, labels in labels_of(dexycb):
        kinds = {name: (array.shape, array.dtype.name) for name, array in labels.items()}
        assert kinds == {
            "seg": ((480, 640), "uint8"),
            "pose_y": ((len(meta["ycb_ids"]), 3, 4), "float32"),
            "pose_m": ((1, 51), "float32"),
            "joint_3d": ((1, 21, 3), "float32"),
            "joint_2d": ((1, 21, 2), "float32"),
        }
        sides.add(meta["mano_sides"][0])
        vertices, joints = hand_of(dexycb, meta, labels["pose_m"][0])
        np.testing.assert_allclose(labels["joint_3d"][0], joints, atol=1e-5)
        matrix = matrix_of(dexycb, path.parent.name)
        pixels = cv2.projectPoints(joints, np.zeros(3), np.zeros(3), matrix, None)[0].reshape(-1, 2)
        np.testing.assert_allclose(labels["joint_2d"][0], pixels, atol=0.01)
        number = meta["ycb_ids"][meta["ycb_grasp_ind"]]
        assert set(np.unique(labels["seg"])) <= {0, number, 255}
        place = (
            cv2.projectPoints(vertices, np.zeros(3), np.zeros(3), matrix, None)[0].reshape(-1, 2).round().astype(int)
        )
        on_mask = labels["seg"][place[:, 1].clip(0, 479), place[:, 0].clip(0, 639)]
        on_masks.append((on_mask > 0).mean())
        colour = cv2.imread(str(path.parent / path.name.replace("labels", "color").replace("npz", "jpg")))
        assert colour.shape == (480, 640, 3)
        name = path.name.replace("labels", "aligned_depth_to_color").replace("npz", "png")
        depth = cv2.imread(str(path.parent / name), cv2.IMREAD_UNCHANGED)
        assert depth.dtype == np.uint16
        pose = labels["pose_y"][meta["ycb_grasp_ind"]].astype(float)
        thing = default_thing(dexycb, number) @ pose[:, :3].T + pose[:, 3]
        behind = on_surface(np.concatenate([vertices, thing]), depth / 1000, matrix)
        seen.append((np.abs(behind) < 0.008).mean())
        assert (behind < -0.008).mean() < 0.02
    assert sides == {"right", "left"}
    # Some cameras see a hand past its arm, and an object past the hand.
    assert np.mean(on_masks) > 0.92
    assert min(on_masks) > 0.75
    assert np.mean(seen) > 0.2
    assert min(seen) > 0.03


def default_thing(root, number):
    path = root / "models" / YCB_NAMES[number] / "textured_simple.obj"
    return trimesh.load(path, process=False).vertices


def test_dexycb_world_poses_are_the_cameras_by_the_extrinsics(dexycb):
    """X_master = R X_camera + t, in every camera."""
    seen = 0
    for path, meta, labels in labels_of(dexycb):
        frame = int(path.stem[-6:])
        folder = dexycb / "calibration" / f"extrinsics_{meta['extrinsics']}"
        rows = yaml.safe_load((folder / "extrinsics.yml").read_text())["extrinsics"][path.parent.name]
        extrinsics = np.array(rows).reshape(3, 4)
        assert np.linalg.det(extrinsics[:, :3]) == pytest.approx(1)
        with np.load(path.parents[1] / "pose.npz") as poses:
            grasped, hand = poses["pose_y"][frame, meta["ycb_grasp_ind"]], poses["pose_m"][frame, 0]
            others = np.delete(poses["pose_y"][frame], meta["ycb_grasp_ind"], axis=0)
        assert (others == [0, 0, 0, 1, 0, 0, 0]).all()
        camera = labels["pose_y"][meta["ycb_grasp_ind"]].astype(float)
        np.testing.assert_allclose(extrinsics[:, :3] @ camera[:, 3] + extrinsics[:, 3], grasped[4:], atol=1e-5)
        x, y, z, w = grasped[:4].astype(float)
        turn = cv2.Rodrigues(2 * np.arccos(np.clip(w, -1, 1)) * np.array([x, y, z]) / np.linalg.norm([x, y, z]))[0]
        np.testing.assert_allclose(extrinsics[:, :3] @ camera[:, :3], turn, atol=1e-5)
        joints = hand_of(dexycb, meta, hand)[1]
        found = labels["joint_3d"][0] @ extrinsics[:, :3].T + extrinsics[:, 3]
        np.testing.assert_allclose(found, joints, atol=2e-5)
        seen += 1
    assert seen == 32


def test_in_a_long_sequence_the_first_frame_has_no_hand_as_it_happens_there(tmp_path, monkeypatch):
    """One camera, four frames."""
    monkeypatch.setattr(dexycb_writer, "SERIALS", dexycb_writer.SERIALS[:1])
    models = [default_catalogue()["mug"]]
    writer = dexycb_writer.DexYcbWriter(tmp_path, models, Recorder(default_catalogue()), seed=0)
    writer._write_sequence(0, 0, 4, lambda: None)
    found = list(labels_of(tmp_path))
    assert len(found) == 4
    for number, (path, meta, labels) in enumerate(found):
        with np.load(path.parents[1] / "pose.npz") as poses:
            assert poses["pose_m"][number].any() == (number > 0)
        assert labels["pose_y"][meta["ycb_grasp_ind"]].any()
        assert labels["pose_m"].any() == (number > 0)
        for name in ("joint_3d", "joint_2d"):
            assert (labels[name] == -1).all() == (number == 0), name


def test_dexycb_layout_is_complete_for_the_toolkit(dexycb):
    """The toolkit insists on 100 sequences for each of 10 subjects and reads every one's description and hand."""
    subjects = sorted(path for path in dexycb.glob("2020*"))
    assert len(subjects) == 10
    for subject in subjects:
        sequences = sorted(subject.iterdir())
        assert len(sequences) == 100
        for sequence in sequences:
            meta = yaml.safe_load((sequence / "meta.yml").read_text())
            assert (dexycb / "calibration" / f"mano_{meta['mano_calib'][0]}" / "mano.yml").is_file()
            assert len(meta["serials"]) == 8
            for serial in meta["serials"] if meta["num_frames"] else []:
                assert len(list((sequence / serial).glob("color_*.jpg"))) == meta["num_frames"]


@pytest.mark.parametrize("kind", ["ho3d", "dexycb"])
def test_models_are_the_default_objects_under_their_new_names(kind):
    catalogue = ObjectCatalogue.from_directory(exported(kind) / "models")
    meshes = {model.hash for model in default_catalogue().values()}
    assert {model.hash for model in catalogue.values()} == meshes
    assert catalogue["005_tomato_soup_can"].symmetries.is_symmetric
    for model in catalogue.values():
        mesh = trimesh.load(model.visual_mesh, process=False)
        assert mesh.visual.uv is not None
        assert mesh.visual.material.image.size[0] > 8
        assert distances_to_triangles(model.vertices[::50], mesh.triangles).max() < 0.003


def test_a_directory_in_use_is_not_written_into(ho3d):
    with pytest.raises(UserError, match="empty directory"):
        export_dataset(ExportDatasetConfig(ho3d, "ho3d", 8))
    with pytest.raises(UserError, match="at least 8"):
        export_dataset(ExportDatasetConfig(ho3d / "new", "ho3d", 2))
