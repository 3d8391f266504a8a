"""The documentation's example of a reader, run as it is printed, on a directory in its own format."""

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from datasets_support import exported

from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose_training.datasets.contract import check_frames
from hand_object_pose_training.datasets.hands import Hands
from hand_object_pose_training.datasets.index import PreparedIndex
from hand_object_pose_training.datasets.object_files import load_objects
from hand_object_pose_training.datasets.prepare import prepare_index
from hand_object_pose_training.datasets.walker import WalkConfig

DOCUMENT = Path(__file__).parent.parent / "docs" / "datasets.md"


@pytest.fixture(scope="module")
def example():
    """The names that the example defines, and its text."""
    (text,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)
    names = {"__name__": "example"}
    exec(compile(text, str(DOCUMENT), "exec"), names)
    return names, text


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Eight exported images in the example's format, converted with nothing of the readers; a ninth unannotated."""
    root = tmp_path_factory.mktemp("mine")
    source = exported("dexycb")
    shutil.copytree(source / "models", root / "models")
    hand = default_hand()
    sequence = min(source.glob("2020*/*/pose.npz")).parent
    for number, camera in enumerate(sorted(folder for folder in sequence.iterdir() if folder.is_dir())):
        with np.load(camera / "labels_000000.npz") as labels:
            arrays = dict(labels)
        colour = yaml.safe_load((source / f"calibration/intrinsics/{camera.name}_640x480.yml").read_text())["color"]
        meta = yaml.safe_load((sequence / "meta.yml").read_text())
        calibration = source / f"calibration/mano_{meta['mano_calib'][0]}/mano.yml"
        parameters = arrays["pose_m"][0].astype(float)
        fingers = hand.hands_mean + parameters[3:48] @ hand.hands_components
        pose = np.vstack([arrays["pose_y"][meta["ycb_grasp_ind"]], [0, 0, 0, 1]])
        write(root, number, {
            "K": [[colour["fx"], 0, colour["ppx"]], [0, colour["fy"], colour["ppy"]], [0, 0, 1]],
            "side": meta["mano_sides"][0],
            "joints": arrays["joint_3d"][0].tolist(),
            "object": "011_banana",
            "object_pose": pose.tolist(),
            "pose": [*parameters[:3], *fingers],
            "betas": yaml.safe_load(calibration.read_text())["betas"],
            "translation": parameters[48:].tolist(),
        })  # fmt: skip
        seg = arrays["seg"]
        for kind, picture in (
            ("images", cv2.imread(str(camera / "color_000000.jpg"))),
            ("depth", cv2.imread(str(camera / "aligned_depth_to_color_000000.png"), cv2.IMREAD_UNCHANGED)),
            ("masks", np.where(seg == 255, 2, (seg > 0).astype(int)).astype(np.uint8)),
        ):
            path = root / kind / "one" / f"{number:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture)
    write(root, 8, {"K": []})
    return root


def write(root, number, values):
    path = root / "annotations" / "one" / f"{number:03d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def test_the_example_reads_prepares_and_keeps_the_contract(example, tree):
    names, text = example
    assert text.count("\n") <= 60
    objects, problems = load_objects(tree / "models")
    assert problems == []
    hands, out = Hands.default(), tree / "prepared" / "mine_train.index"
    report = prepare_index(names["MyReader"](tree), hands, objects, out, WalkConfig(workers=0), models=tree / "models")
    assert report.kept == 8
    assert report.left_out == {"not annotated": 1}
    index = PreparedIndex(out)
    assert check_frames((index[number] for number in range(8)), hands, objects) == []


def test_a_missing_mask_costs_its_frame_and_is_named(example, tree, tmp_path):
    root = shutil.copytree(tree, tmp_path / "mine", ignore=shutil.ignore_patterns("prepared"))
    (root / "masks" / "one" / "003.png").unlink()
    objects, _ = load_objects(root / "models")
    report = prepare_index(
        example[0]["MyReader"](root), Hands.default(), objects, root / "mine.index", WalkConfig(workers=0)
    )
    assert dict(report.left_out) == {"not annotated": 1, "missing file": 1}
    assert report.problems == [f"{root / 'masks/one/003.png'}: is missing"]


def test_the_examples_mistakes_are_found(example, tree, tmp_path):
    """The same reader on annotations in millimetres."""
    root = shutil.copytree(tree, tmp_path / "mine", ignore=shutil.ignore_patterns("prepared"))
    for path in root.glob("annotations/one/*.json"):
        values = json.loads(path.read_text())
        if "joints" in values:
            values["joints"] = (np.array(values["joints"]) * 1000).tolist()
            path.write_text(json.dumps(values))
    objects, _ = load_objects(root / "models")
    hands, out = Hands.default(), root / "mine.index"
    prepare_index(example[0]["MyReader"](root), hands, objects, out, WalkConfig(workers=0), models=root / "models")
    index = PreparedIndex(out)
    problems = check_frames((index[number] for number in range(8)), hands, objects)
    assert len(problems) >= 8
    assert all("units" in problem for problem in problems)
