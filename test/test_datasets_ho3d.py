"""HO3D's reader on hand-made files: frame, joint order, MANO parameters, odd annotations, hostile pickles."""

import json
import pickle
from pathlib import Path

import cv2
import mano_golden
import numpy as np
import pytest
from datasets_support import K, ho3d_annotation, write_ho3d
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import ForeignDataError, UserError
from hand_object_pose.hand.joints import JOINT_NAMES
from hand_object_pose_training.datasets.hands import Hands, ManoParameters
from hand_object_pose_training.datasets.ho3d_convention import flip_hand
from hand_object_pose_training.datasets.ho3d_reader import Ho3dReader
from hand_object_pose_training.datasets.images import HO3D_DEPTH_SCALE, encode_ho3d_depth, read_depth
from hand_object_pose_training.datasets.problems import FileProblemError, LeftOutError

KEY = "ABF10/0012"
# As the dataset's documentation lists them: base to end of each finger, then the tips.
HO3D_JOINTS = [
    "wrist",
    *(f"{finger}_{number}" for finger in ("index", "middle", "little", "ring", "thumb") for number in (1, 2, 3)),
    *(f"{finger}_4" for finger in ("thumb", "index", "middle", "ring", "little")),
]


@pytest.fixture(scope="module")
def hands():
    return Hands(mano_golden.hand("right"))


def read(root: Path, hands, split="train", **changes):
    write_ho3d(root, {KEY: ho3d_annotation(**changes)}, split)
    return Ho3dReader(root, split, hands).read(KEY)


def test_a_point_right_of_and_above_the_axis_appears_right_and_above(tmp_path, hands):
    """OpenGL: x right, y up, the camera looks along -z; 10 cm right and 20 cm up at 50 cm."""
    joints = np.tile([0.1, 0.2, -0.5], (21, 1))
    frame = read(tmp_path, hands, handJoints3D=joints, objTrans=np.array([0.1, 0.2, -0.5]))
    expected = [320 + 600 * 0.1 / 0.5, 240 - 610 * 0.2 / 0.5]
    np.testing.assert_allclose(frame.camera.project(frame.joints), np.tile(expected, (21, 1)), atol=1e-9)
    np.testing.assert_allclose(frame.camera.project(frame.object_pose[:3, 3]), expected, atol=1e-9)
    assert frame.root_depth == pytest.approx(0.5)


def test_joints_are_known_by_name(tmp_path, hands):
    points = {
        name: np.array([0.01 * number, 0.002 * number**2, -0.5 - 0.01 * number])
        for number, name in enumerate(HO3D_JOINTS)
    }
    frame = read(tmp_path, hands, handJoints3D=np.stack([points[name] for name in HO3D_JOINTS]))
    for number, name in enumerate(JOINT_NAMES):
        x, y, z = points[name]
        np.testing.assert_allclose(frame.joints[number], [x, -y, -z], atol=1e-12, err_msg=name)


@pytest.mark.parametrize("row", range(4))
def test_parameters_pose_the_hand_where_manopth_does(tmp_path, hands, row):
    """manopth's own outputs in millimetres, OpenGL frame; the flip of points is all that is done to them here."""
    golden = {name: mano_golden.expected()[f"r_aa_flat_trans/{name}"][row] for name in ("pose", "betas", "trans")}
    frame = read(tmp_path, hands, handPose=golden["pose"], handBeta=golden["betas"], handTrans=golden["trans"])
    expected = mano_golden.expected()["r_aa_flat_trans/verts"][row] / 1000 * [1, -1, -1]
    np.testing.assert_allclose(frame.posed(hands).hand_vertices, expected, atol=2e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_the_object_moves_as_its_corners_do(tmp_path, hands, shape):
    rotation, translation = np.array([0.4, -1.2, 0.7]), np.array([0.05, 0.1, -0.5])
    rest = np.random.default_rng(0).normal(0, 0.1, (8, 3))
    posed = cv2.Rodrigues(rotation)[0] @ rest.T + translation[:, None]
    frame = read(tmp_path, hands, objRot=rotation.reshape(shape), objTrans=translation)
    found = frame.object_pose[:3, :3] @ rest.T + frame.object_pose[:3, 3:]
    np.testing.assert_allclose(found, np.diag([1, -1, -1]) @ posed, atol=1e-12)
    assert np.linalg.det(frame.object_pose[:3, :3]) == pytest.approx(1)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("module", [b"numpy.core", b"numpy._core"])
def test_pickles_of_both_protocols_and_generations_of_numpy(tmp_path, hands, protocol, module):
    write_ho3d(tmp_path, {KEY: ho3d_annotation()}, protocol=protocol)
    path = tmp_path / "train" / "ABF10" / "meta" / "0012.pkl"
    other = {b"numpy.core": b"numpy._core", b"numpy._core": b"numpy.core"}[module]
    data = path.read_bytes()
    if other in data and protocol == 4:
        # Protocol 4 stores each name with its length.
        names = {len(word): word for word in (other + b".multiarray", other + b".numeric")}
        for length, word in names.items():
            new = word.replace(other, module)
            data = data.replace(bytes([length]) + word, bytes([len(new)]) + new)
        # The frame that encloses them is as long as before only with names as long as before.
        data = _without_frames(data)
    else:
        data = data.replace(b"c" + other, b"c" + module)
    assert module in data
    path.write_bytes(data)
    frame = Ho3dReader(tmp_path, "train", hands).read(KEY)
    np.testing.assert_array_equal(frame.camera.matrix, K)


def _without_frames(data: bytes) -> bytes:
    """The FRAME opcodes of protocol 4 are optional."""
    assert data[2:3] == b"\x95"
    return data[:2] + data[11:]


class Malicious:
    def __reduce__(self):
        import os

        return os.system, ("touch executed",)


def test_a_hostile_pickle_is_named_and_not_executed(tmp_path, hands, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ForeignDataError, match=r"0012\.pkl.*system"):
        read(tmp_path, hands, handPose=Malicious())
    assert not (tmp_path / "executed").exists()
    pickle.loads(pickle.dumps(Malicious(), 2))  # the same content does act on a plain reader
    assert (tmp_path / "executed").exists()


def test_frames_without_annotation_are_left_out_and_damaged_ones_named(tmp_path, hands):
    with pytest.raises(LeftOutError, match="not annotated"):
        read(tmp_path, hands, **dict.fromkeys(ho3d_annotation()))
    with pytest.raises(FileProblemError, match="handJoints3D"):
        read(tmp_path, hands, handJoints3D=np.zeros((20, 3)))
    with pytest.raises(FileProblemError, match="finite"):
        read(tmp_path, hands, objTrans=np.array([np.nan, 0, 0]))
    path = tmp_path / "train" / "ABF10" / "meta" / "0012.pkl"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match=r"0012\.pkl"):
        Ho3dReader(tmp_path, "train", hands).read(KEY)
    path.unlink()
    with pytest.raises(FileProblemError, match="missing"):
        Ho3dReader(tmp_path, "train", hands).read(KEY)


def test_lists_are_read_without_the_folders(tmp_path, hands):
    write_ho3d(tmp_path, {key: ho3d_annotation() for key in ("SM2/0007", "ABF10/0012")})
    write_ho3d(tmp_path / "other", {"SM2/0008": ho3d_annotation()})
    assert list(Ho3dReader(tmp_path, "train", hands).keys()) == ["SM2/0007", "ABF10/0012"]
    with pytest.raises(UserError, match=r"evaluation\.txt"):
        Ho3dReader(tmp_path, "evaluation", hands)
    with pytest.raises(UserError, match="validation"):
        Ho3dReader(tmp_path, "validation", hands)


@pytest.mark.parametrize("shape", [(3,), (1, 3)])
def test_evaluation_frames_know_the_wrist_and_with_the_public_truth_the_hand(tmp_path, hands, shape):
    changes = {"handJoints3D": np.array([0.1, 0.2, -0.5]).reshape(shape), "handBoundingBox": [10, 20, 110, 220]}
    annotation = {
        key: value
        for key, value in ho3d_annotation(**changes).items()
        if key not in ("handPose", "handTrans", "handBeta")
    }
    write_ho3d(tmp_path, {KEY: annotation, "SM1/0001": annotation}, "evaluation")
    frame = Ho3dReader(tmp_path, "evaluation", hands).read(KEY)
    np.testing.assert_allclose(frame.joints[0], [0.1, -0.2, 0.5])
    assert np.isnan(frame.joints[1:]).all()
    assert not frame.has_hand
    np.testing.assert_array_equal(frame.box, [10, 20, 110, 220])

    truth = np.random.default_rng(0).normal(0, 0.1, (2, 778, 3)).round(4)
    (tmp_path / "evaluation_verts.json").write_text(json.dumps(truth.tolist()))
    (tmp_path / "evaluation_xyz.json").write_text(json.dumps(truth[:, :21].tolist(), indent=1))
    frame = Ho3dReader(tmp_path, "evaluation", hands).read("SM1/0001")
    np.testing.assert_allclose(frame.hand_vertices, truth[1] * [1, -1, -1], atol=1e-7)
    thumb_tip = HO3D_JOINTS.index("thumb_4")
    np.testing.assert_allclose(frame.joints[4], truth[1, thumb_tip] * [1, -1, -1], atol=1e-7)

    (tmp_path / "evaluation_verts.json").write_text(json.dumps(truth[:1].tolist()))
    damaged = Ho3dReader(tmp_path, "evaluation", hands)
    assert "evaluation_verts.json" in damaged.problems[0]
    assert damaged.read(KEY).hand_vertices is None


def test_version_3_is_told_by_its_images(tmp_path, hands):
    """Also where the first listed image is missing."""
    write_ho3d(tmp_path, {"ABF10/0001": ho3d_annotation(), KEY: ho3d_annotation(handVertContact=np.zeros(778, bool))})
    image = tmp_path / "train" / "ABF10" / "rgb" / "0012.jpg"
    image.parent.mkdir()
    cv2.imwrite(str(image), np.zeros((480, 640, 3), np.uint8))
    reader = Ho3dReader(tmp_path, "train", hands)
    assert reader.dataset == "ho3d_v3"
    assert reader.read(KEY).image().shape == (480, 640, 3)


def test_depth_is_decoded_as_documented_and_encoded_so(tmp_path):
    """metres = (R + 256 G) * scale; OpenCV writes B, G, R."""
    raw = np.array([[0, 1, 255], [256, 4000, 65535]])
    blue_green_red = np.stack([np.full_like(raw, 7), raw // 256, raw % 256], axis=-1).astype(np.uint8)
    path = tmp_path / "0000.png"
    cv2.imwrite(str(path), blue_green_red)
    np.testing.assert_allclose(read_depth(path, "ho3d"), raw * 0.00012498664727900177, rtol=1e-6)
    depth = np.random.default_rng(0).uniform(0, 8, (5, 7)).astype(np.float32)
    cv2.imwrite(str(path), encode_ho3d_depth(depth)[..., ::-1])
    assert np.abs(read_depth(path, "ho3d") - depth).max() <= HO3D_DEPTH_SCALE / 2 + 1e-6


def test_flipping_a_hand_twice_gives_it_back(hands):
    rng = np.random.default_rng(1)
    hand = ManoParameters(rng.normal(0, 0.5, 48), rng.normal(0, 1, 10), rng.normal(0, 0.3, 3))
    wrist = hands.rest_wrist("right", hand.betas)
    back = flip_hand(flip_hand(hand, wrist), wrist)
    np.testing.assert_allclose(back.translation, hand.translation, atol=1e-12)
    turn = Rotation.from_rotvec(back.pose[:3]) * Rotation.from_rotvec(hand.pose[:3]).inv()
    assert turn.magnitude() < 1e-9
