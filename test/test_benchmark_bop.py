"""BOP's result files as predictions for DexYCB: errors put in come out, by the toolkit's numbers of scenes."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from datasets_support import exported
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UserError
from hand_object_pose_training.benchmark.bop_estimates import COLUMNS, BopEstimates
from hand_object_pose_training.benchmark.command import EvaluateConfig, evaluate
from hand_object_pose_training.datasets.dexycb_layout import SERIALS, SUBJECTS, YCB_NAMES
from hand_object_pose_training.datasets.dexycb_reader import DexYcbReader
from hand_object_pose_training.datasets.frame import AnnotatedFrame
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.object_files import load_objects

Row = list[str]


@pytest.fixture(scope="module")
def tree() -> Path:
    return exported("dexycb")


@pytest.fixture(scope="module")
def frames(tree: Path) -> list[AnnotatedFrame]:
    reader = DexYcbReader(tree, "s0", "test", Hands.default())
    return [reader.read(key) for key in reader.keys()]  # noqa: SIM118


def scene_of(tree: Path, key: str) -> int:
    """By the toolkit's rule, from the tree's folders: setup s0 tests every fifth sequence of all but two subjects."""
    subject, sequence, serial, _ = key.split("/")
    names = sorted(folder.name for folder in (tree / subject).iterdir())
    assert len(names) == 100
    number = names.index(sequence)
    assert number % 5 == 4
    place = (SUBJECTS.index(subject) - 2) * 20 + number // 5
    return 8 * place + SERIALS.index(serial)


def row_of(tree: Path, frame: AnnotatedFrame, pose: np.ndarray, score: float = 0.9) -> Row:
    turn, place = (" ".join(map(repr, map(float, part.ravel()))) for part in (pose[:3, :3], 1000 * pose[:3, 3]))
    thing = str(YCB_NAMES.index(frame.object_name) + 1)
    return [str(scene_of(tree, frame.key)), str(int(frame.key[-6:])), thing, str(score), turn, place, "-1"]


def measured(tree: Path, tmp_path: Path, rows: Sequence[Row]) -> dict[str, float]:
    path = tmp_path / "results_dexycb-test.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    config = EvaluateConfig(tree, "dexycb", ("hfl-net",), predictions=path, out=tmp_path / "out")
    assert "results_dexycb-test.csv" in "".join(evaluate(config))
    content = json.loads((tmp_path / "out" / "hfl-net" / "benchmark.json").read_text())
    return {title: entry["value"] for title, entry in content["means"].items() if entry["value"] is not None}


def moved(pose: np.ndarray, shift: Sequence[float] | np.ndarray) -> np.ndarray:
    found = pose.copy()
    found[:3, 3] += shift
    return found


def test_the_truth_has_no_error_and_there_are_no_hands(tree: Path, frames: list[AnnotatedFrame], tmp_path) -> None:
    means = measured(tree, tmp_path, [row_of(tree, frame, frame.object_pose) for frame in frames])

    assert set(means) == {"MCE (mm)", "OCE (mm)", "ADD-S (mm)"}
    assert list(means.values()) == pytest.approx([0, 0, 0], abs=1e-6)


def test_a_shift_in_millimetres_is_the_error_in_millimetres(tree: Path, frames, tmp_path) -> None:
    """Boxes along the camera's axes move as the object does; of several rows of an object, the surest one counts."""
    shift = np.array([3.0, -4.0, 12.0]) / 1000
    rows = [row_of(tree, frame, moved(frame.object_pose, shift), 0.8) for frame in frames]
    rows += [row_of(tree, frame, moved(frame.object_pose, 10 * shift), 0.3) for frame in frames]
    rows += [[*row[:2], "21" if row[2] != "21" else "20", "1.0", *row[4:]] for row in rows]

    means = measured(tree, tmp_path, rows)

    assert means["MCE (mm)"] == pytest.approx(13, abs=1e-5)
    assert means["OCE (mm)"] == pytest.approx(13, abs=1e-5)
    assert 0 < means["ADD-S (mm)"] <= 13


def test_a_turn_about_the_boxs_centre_moves_everything_but_the_centre(tree: Path, frames, tmp_path) -> None:
    """Only if R is read row by row and t belongs to the origin of the dataset's own meshes."""
    objects, _ = load_objects(tree / "models")
    turn, rows = Rotation.from_rotvec([0.1, -0.2, 0.5]).as_matrix(), []
    for frame in frames:
        vertices = objects[frame.object_name].vertices
        centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
        about = np.eye(4)
        about[:3, :3], about[:3, 3] = turn, centre - turn @ centre
        rows.append(row_of(tree, frame, frame.object_pose @ about))

    means = measured(tree, tmp_path, rows)

    assert means["OCE (mm)"] == pytest.approx(0, abs=1e-5)
    assert means["MCE (mm)"] > 1


def test_images_that_a_file_lacks_are_counted(tree: Path, frames, tmp_path) -> None:
    """The toolkit asks for every fourth image only."""
    kept = frames[::2]
    measured(tree, tmp_path, [row_of(tree, frame, frame.object_pose) for frame in kept])
    page = (tmp_path / "out" / "hfl-net" / "benchmark.md").read_text()
    assert f"without an estimate: {len(frames) - len(kept)}: not in the file" in page


GOOD = ["8", "4", "14", "0.5", "1 0 0 0 1 0 0 0 1", "1 2 3", "-1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda row: [*row[:4], "1 0 0 0 1 0 0 0", *row[5:]], "line 2: expected whole numbers"),
        (lambda row: ["eight", *row[1:]], "line 2: expected whole numbers"),
        (lambda row: row[:3], "line 2: expected whole numbers"),
        (lambda row: [*row[:4], "1 0 0 0 1 0 0 0 -1", *row[5:]], "expected a rotation"),
        (lambda row: [*row[:4], "9 0 0 0 9 0 0 0 9", *row[5:]], "expected a rotation"),
        (lambda row: [*row[:5], "1 2 nan", row[6]], "finite"),
    ],
)
def test_other_rows_are_refused_with_their_line(change: Callable[[Row], Row], words: str, tmp_path: Path) -> None:
    path = tmp_path / "poses.csv"
    path.write_text("\n".join([",".join(COLUMNS), ",".join(change(GOOD))]))
    with pytest.raises(UserError, match=words):
        BopEstimates.read(path, {})


def test_other_files_and_datasets_are_refused_in_words(tree: Path, tmp_path: Path) -> None:
    path = tmp_path / "poses.csv"
    for text, words in (("a,b\n1,2\n", "first line scene_id"), (",".join(COLUMNS), "found none")):
        path.write_text(text)
        with pytest.raises(UserError, match=words):
            BopEstimates.read(path, {})
    with pytest.raises(UserError, match="BOP does not number"):
        list(evaluate(EvaluateConfig(exported("ho3d"), "ho3d", predictions=path, out=tmp_path)))
