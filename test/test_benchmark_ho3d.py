"""HO3D as a benchmark: errors that were put into an exported tree come out, and the submission has the server's form.

Predictions are made here from the tree's own JSON files, so that neither our writer nor our reader judges itself.
"""

import csv
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets_support import exported
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UserError
from hand_object_pose.hand.joints import JOINT_NAMES
from hand_object_pose_training.benchmark.command import EvaluateConfig, evaluate
from hand_object_pose_training.benchmark.file_estimates import read_estimates
from hand_object_pose_training.benchmark.ho3d_submission import read_submission, write_submission
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.datasets.hands import Hands, ManoParameters
from hand_object_pose_training.datasets.ho3d_reader import Ho3dReader
from hand_object_pose_training.datasets.object_files import load_objects

# As the dataset's documentation lists them: base to end of each finger, then the tips.
HO3D_JOINTS = [
    "wrist",
    *(f"{finger}_{number}" for finger in ("index", "middle", "little", "ring", "thumb") for number in (1, 2, 3)),
    *(f"{finger}_4" for finger in ("thumb", "index", "middle", "ring", "little")),
]
# Files hold a hundredth of a millimetre; the largest such error of a point, cm.
ROUNDING = 2e-3


@pytest.fixture(scope="module")
def tree() -> Path:
    return exported("ho3d")


@pytest.fixture(scope="module")
def truth(tree: Path) -> tuple[np.ndarray, np.ndarray]:
    """Joints (N, 21, 3) and vertices (N, 778, 3) as in the tree: OpenGL frame, HO3D's order."""
    return tuple(np.array(json.loads((tree / f"evaluation_{name}.json").read_text())) for name in ("xyz", "verts"))  # type: ignore[return-value]


def measured(tree: Path, out: Path, joints: np.ndarray, vertices: np.ndarray, protocol: str) -> dict[str, float]:
    """Means by column of predictions in HO3D's form."""
    file = out / "pred.json"
    file.write_text(json.dumps([joints.tolist(), vertices.tolist()]))
    list(evaluate(EvaluateConfig(tree, "ho3d", (protocol,), predictions=file, out=out)))
    content = json.loads((out / protocol / "benchmark.json").read_text())
    return {title: mean["value"] for title, mean in content["means"].items()}


def test_a_displacement_is_found_where_nothing_is_aligned_and_nowhere_else(tree, truth, tmp_path) -> None:
    joints, vertices = (points + np.array([0.006, -0.003, 0.002]) for points in truth)
    released = measured(tree, tmp_path, joints, vertices, "dma-release")
    assert released["hand MJE (cm)"] == pytest.approx(0.7, abs=1e-4)
    assert released["hand MME (cm)"] == pytest.approx(0.7, abs=1e-4)
    # All errors are 7 mm: 0 below, 1 above, and half a step in which the curve rises.
    step = 50 / 99
    rises = np.ceil(7 / step)
    assert released["hand MJE AUC"] == pytest.approx(((99 - rises) + 0.5) / 99, abs=1e-6)
    paper = measured(tree, tmp_path, joints, vertices, "dma-paper")
    assert paper["hand MJE (cm)"] == pytest.approx(0, abs=1e-4)
    assert paper["hand MME (cm)"] == pytest.approx(0, abs=1e-4)


def test_a_hand_turned_about_its_wrist_errs_by_the_chords(tree, truth, tmp_path) -> None:
    """A turn by t moves a point at distance d from the axis by 2 d sin(t / 2)."""
    turn, axis = 0.2, np.array([2.0, -1.0, 2.0]) / 3
    matrix, wrists = Rotation.from_rotvec(turn * axis).as_matrix(), truth[0][:, :1]
    turned = [(points - wrists) @ matrix.T + wrists for points in truth]
    chords = [
        100 * np.mean(2 * np.sin(turn / 2) * np.linalg.norm(np.cross(points - wrists, axis), axis=-1))
        for points in truth
    ]
    paper = measured(tree, tmp_path, turned[0], turned[1], "dma-paper")
    assert paper["hand MJE (cm)"] == pytest.approx(chords[0], abs=ROUNDING)
    assert paper["hand MME (cm)"] == pytest.approx(0, abs=ROUNDING)
    released = measured(tree, tmp_path, turned[0], turned[1], "dma-release")
    assert released["hand MJE (cm)"] == pytest.approx(chords[0], abs=1e-4)
    assert released["hand MME (cm)"] == pytest.approx(chords[1], abs=1e-4)


def test_a_larger_hand_errs_by_its_joints_distances_from_the_wrist(tree, truth, tmp_path) -> None:
    wrists = truth[0][:, :1]
    grown = [1.1 * (points - wrists) + wrists for points in truth]
    paper = measured(tree, tmp_path, grown[0], grown[1], "dma-paper")
    assert paper["hand MJE (cm)"] == pytest.approx(0, abs=1e-4)
    relative = measured(tree, tmp_path, grown[0], grown[1], "hoisdf")
    expected = 1000 * np.mean(0.1 * np.linalg.norm(truth[0] - wrists, axis=-1))
    assert relative["MJE (mm)"] == pytest.approx(expected, abs=1e-3)
    assert relative["PA joints (mm)"] == pytest.approx(0, abs=1e-3)


def test_one_frame_wrong_is_one_frame_wrong(tree, truth, tmp_path) -> None:
    joints, vertices = (points.copy() for points in truth)
    joints[1] += [0, 0, 0.02]
    released = measured(tree, tmp_path, joints, vertices, "dma-release")
    assert released["hand MJE (cm)"] == pytest.approx(2.0 / len(joints), abs=1e-4)
    assert released["hand MME (cm)"] == pytest.approx(0, abs=1e-4)
    rows = list(csv.DictReader((tmp_path / "dma-release" / "frames.csv").open()))
    assert [row["key"] for row in rows] == (tree / "evaluation.txt").read_text().split()
    errors = [float(row["hand.mje_camera_cm"]) for row in rows]
    np.testing.assert_allclose(errors, [0, 2] + [0] * (len(rows) - 2), atol=1e-4)


def test_what_is_not_in_the_file_is_a_dash_not_a_number(tree, truth, tmp_path) -> None:
    file = tmp_path / "pred.json"
    file.write_text(json.dumps([points.tolist() for points in truth]))
    (page,) = evaluate(EvaluateConfig(tree, "ho3d", predictions=file, out=tmp_path))
    ours = next(line for line in page.splitlines() if line.startswith("| **ours**"))
    cells = [cell.strip() for cell in ours.split("|")[2:-2]]
    assert cells[0] == cells[2] == "0.00"
    assert cells[4:] == ["-"] * 4


def test_synthetic_numbers_never_stand_beside_published_ones(tree, truth, tmp_path) -> None:
    file = tmp_path / "pred.json"
    file.write_text(json.dumps([points.tolist() for points in truth]))
    (page,) = evaluate(EvaluateConfig(tree, "ho3d", predictions=file, out=tmp_path))
    assert "ArtiBoost" not in page
    assert "* **beware**: synthetic pictures (SYNTHETIC.txt)" in page


def test_a_table_holds_one_protocols_rows_only(tree, truth, tmp_path) -> None:
    """Without the exporter's note a tree passes for a small part of HO3D."""
    part = tmp_path / "part"
    shutil.copytree(tree, part, ignore=shutil.ignore_patterns("SYNTHETIC.txt", "train"))
    file = tmp_path / "pred.json"
    file.write_text(json.dumps([points.tolist() for points in truth]))
    paper, hoisdf = evaluate(EvaluateConfig(part, "ho3d", ("dma-paper", "hoisdf"), predictions=file, out=tmp_path))
    assert "| dense mutual attention | 2.38 | 0.560 | 1.06 | 0.789 | 5.7 | 2.3 | 1.3 | 85.6 |" in paper
    assert "ArtiBoost" in paper
    assert "VPHO |" not in paper
    assert "| VPHO | 19.9 | 8.5 | 27.1 | 14.3 |" in hoisdf
    assert "| dense mutual attention |" not in hoisdf
    assert f"* **beware**: {len(truth[0])} frames are listed, published numbers are about 11524" in paper


@pytest.fixture(scope="module")
def annotated(tree: Path) -> list[AnnotatedFrame]:
    """The evaluation split's frames."""
    reader = Ho3dReader(tree, "evaluation", Hands.default())
    return list(map(reader.read, reader.keys()))


def measured_arrays(tree: Path, out: Path, protocol: str, **arrays: Any) -> dict[str, float]:
    """Means by column of predictions by key."""
    keys = (tree / "evaluation.txt").read_text().split()
    np.savez(out / "other.npz", keys=np.array(keys), **arrays)
    list(evaluate(EvaluateConfig(tree, "ho3d", (protocol,), predictions=out / "other.npz", out=out)))
    content = json.loads((out / protocol / "benchmark.json").read_text())
    return {title: mean["value"] for title, mean in content["means"].items()}


def test_a_displaced_object_errs_by_its_displacement(tree, annotated, tmp_path) -> None:
    """3 mm, 4 mm and 12 mm along the axes are 13 mm, whatever is measured between matching points."""
    poses = np.stack([frame.object_pose for frame in annotated])
    poses[:, :3, 3] += [0.003, 0.004, 0.012]
    paper = measured_arrays(tree, tmp_path, "dma-paper", object_poses=poses)
    assert set(paper) == {"object MME (cm)", "ADD-S (cm)"}
    assert paper["object MME (cm)"] == pytest.approx(1.3, abs=1e-6)
    assert 0 < paper["ADD-S (cm)"] < 1.3
    hoisdf = measured_arrays(tree, tmp_path, "hoisdf", object_poses=poses)
    assert hoisdf["OCE (mm)"] == pytest.approx(13, abs=1e-5)


def test_an_object_turned_about_its_boxs_centre_errs_by_the_chords(tree, annotated, tmp_path) -> None:
    objects, _ = load_objects(tree / "models")
    turn = Rotation.from_rotvec([0, 0, 0.3]).as_matrix()
    poses, chords = [], []
    for frame in annotated:
        vertices = objects[frame.object_name].vertices
        centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        about = np.eye(4)
        about[:3, :3], about[:3, 3] = turn, centre - turn @ centre
        poses.append(frame.object_pose @ about)
        chords.append(np.mean(2 * np.sin(0.15) * np.linalg.norm((vertices - centre)[:, :2], axis=1)))
    paper = measured_arrays(tree, tmp_path, "dma-paper", object_poses=np.stack(poses))
    assert paper["object MME (cm)"] == pytest.approx(100 * np.mean(chords), abs=1e-6)
    hoisdf = measured_arrays(tree, tmp_path, "hoisdf", object_poses=np.stack(poses))
    assert hoisdf["OCE (mm)"] == pytest.approx(0, abs=1e-5)


def test_parameters_of_a_hand_are_posed(tree, annotated, tmp_path) -> None:
    """Any hand will do: its mesh given as such has the same errors as its parameters."""
    rng, hands, count = np.random.default_rng(1), Hands.default(), len(annotated)
    pose, betas, translation = rng.normal(0, 0.2, (count, 48)), rng.normal(0, 1, (count, 10)), np.zeros((count, 3))
    translation += [0, 0, 0.6]
    rows = zip(pose, betas, translation, strict=True)
    meshes = [hands.mesh("right", ManoParameters(*row)) for row in rows]
    vertices, joints = (np.stack(part) for part in zip(*meshes, strict=True))
    parameters = measured_arrays(tree, tmp_path, "dma-release", pose=pose, betas=betas, translation=translation)
    assert parameters["hand MJE (cm)"] > 1
    assert parameters == pytest.approx(measured_arrays(tree, tmp_path, "dma-release", vertices=vertices, joints=joints))


def test_frames_that_a_file_lacks_are_counted(tree, annotated, tmp_path) -> None:
    poses = np.stack([frame.object_pose for frame in annotated])
    poses[0] = np.nan
    np.savez(tmp_path / "other.npz", keys=[frame.key for frame in annotated[:-1]], object_poses=poses[:-1])
    (page,) = evaluate(EvaluateConfig(tree, "ho3d", predictions=tmp_path / "other.npz", out=tmp_path))
    assert f"* {len(annotated)} frames count, {len(annotated) - 2} (" in page
    assert "* without an estimate: 1: not in the file" in page
    assert "* without an estimate: 1: not a number in the file" in page


def test_a_row_over_fewer_frames_says_so(tree, annotated, tmp_path) -> None:
    poses = np.stack([frame.object_pose for frame in annotated])
    np.savez(tmp_path / "other.npz", keys=[frame.key for frame in annotated[:-1]], object_poses=poses[:-1])
    (page,) = evaluate(EvaluateConfig(tree, "ho3d", predictions=tmp_path / "other.npz", out=tmp_path))
    assert f"* **beware**: our row is over the frames with an estimate; 1 of {len(annotated)} have none" in page


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"object_poses": np.zeros((1, 4, 4))}, "0 keys"),
        ({"keys": ["a/0"], "pose": np.zeros((1, 48))}, "pose with betas"),
        ({"keys": ["a/0"], "object_poses": np.zeros((1, 3, 4))}, r"\(1, 4, 4\), found \(1, 3, 4\)"),
        ({"keys": ["a/0"], "object_poses": np.zeros((1, 4, 4), object)}, "expected predictions"),
    ],
)
def test_other_arrays_are_refused_in_words(tmp_path, arrays, words) -> None:
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(UserError, match=words):
        read_estimates(tmp_path / "other.npz", "ho3d", 1, Hands.default(), {})


def test_the_zip_holds_the_servers_file(tmp_path) -> None:
    """Each joint is known by its name, and lies right of, above and before the camera."""
    points = {name: [0.01 * number, 0.1, 0.5 + 0.001 * number] for number, name in enumerate(JOINT_NAMES)}
    joints = np.array([[points[name] for name in JOINT_NAMES]] * 3)
    vertices = np.arange(3 * 778 * 3).reshape(3, 778, 3) / 1e4
    write_submission(tmp_path / "pred.zip", joints, vertices)

    with zipfile.ZipFile(tmp_path / "pred.zip") as archive:
        assert archive.namelist() == ["pred.json"]
        content = json.loads(archive.read("pred.json"))
    assert len(content) == 2
    xyz, verts = map(np.array, content)
    assert xyz.shape == (3, 21, 3)
    assert verts.shape == (3, 778, 3)
    for number, name in enumerate(HO3D_JOINTS):
        x, y, z = points[name]
        np.testing.assert_allclose(xyz[2, number], [x, -y, -z], atol=1e-9, err_msg=name)
    np.testing.assert_allclose(verts, vertices * [1, -1, -1], atol=5.1e-6)


def test_the_zip_is_read_back(tmp_path) -> None:
    rng = np.random.default_rng(0)
    joints, vertices = rng.uniform(0.1, 0.9, (2, 21, 3)), rng.uniform(0.1, 0.9, (2, 778, 3))
    write_submission(tmp_path / "pred.zip", joints, vertices)
    for found, expected in zip(read_submission(tmp_path / "pred.zip", 2), (joints, vertices), strict=True):
        np.testing.assert_allclose(found, expected, atol=5.1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda joints, vertices: [joints[:1], vertices], "expected 2 frames"),
        (lambda joints, vertices: [[*joints, joints[0]], [*vertices, vertices[0]]], "expected 2 frames"),
        (lambda joints, vertices: [joints], r"expected \[xyz, verts\]"),
        (lambda joints, vertices: [vertices, joints], "numbers, found"),
        (lambda joints, vertices: [np.negative(joints).tolist(), vertices], "looks along -z"),
        (lambda joints, vertices: [np.full((2, 21, 3), np.nan).tolist(), vertices], "finite"),
        (lambda joints, vertices: {"xyz": joints, "verts": vertices}, "expected"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path, change, words) -> None:
    joints, vertices = np.full((2, 21, 3), -0.5).tolist(), np.full((2, 778, 3), -0.5).tolist()
    (tmp_path / "pred.json").write_text(json.dumps(change(joints, vertices)))
    with pytest.raises(UserError, match=words):
        read_submission(tmp_path / "pred.json", 2)
    (tmp_path / "pred.zip").write_bytes(b"no archive")
    with pytest.raises(UserError, match="expected a zip"):
        read_submission(tmp_path / "pred.zip", 2)
