"""`hand-object-pose predict` on pictures, directories and videos; the network is one that knows the truth."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from fake_backend import FakeBackend, boxes_of, camera, coordinate_image, truth

from hand_object_pose.cli import predict
from hand_object_pose.cli.main import main
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.still_image import search_boxes
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.objects.catalogue import default_catalogue

CAMERA = camera()
INTRINSICS = "610,590,310,250"


class NearsightedBackend(FakeBackend):
    """Less sure, and wrong, the more its crop misses the hand or the larger it is: what a search has to overcome."""

    def run(self, images, objects):  # type: ignore[no-untyped-def]
        scale, offset = self._crop(images[0])
        centre = scale * 64 + offset
        low, high = boxes_of(self.shown, self.scene.hand).reshape(2, 2)
        miss = np.linalg.norm(centre - (low + high) / 2) / 128 + scale[0] / 2
        self.spread = 1.0 + 8.0 * miss
        return super().run(images, objects)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    made = NearsightedBackend(CAMERA, truth())
    monkeypatch.setattr(predict, "load_backend", lambda *_: made)
    return made


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "scene.png"
    cv2.imwrite(str(path), cv2.cvtColor(np.rint(coordinate_image(CAMERA)).astype(np.uint8), cv2.COLOR_RGB2BGR))
    return path


def call(backend: FakeBackend, *arguments: object) -> int:
    depth = str(backend.scene.joints[0, 2])
    return main(["predict", *map(str, arguments), "--camera", INTRINSICS, "--object", "mug", "--root-depth", depth])


def test_json_and_glb_hold_the_truth(backend: FakeBackend, picture: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call(backend, picture, "--out", out) == 0
    content = json.loads((out / "scene.json").read_text())
    estimate = content["estimate"]
    assert estimate["valid"] is True
    np.testing.assert_allclose(estimate["hand"]["vertices"], backend.scene.hand, atol=1.5e-3)
    np.testing.assert_allclose(estimate["object"]["pose"], backend.scene.object_pose, atol=5e-3)
    assert content["hand_model_hash"] == backend.weights.hand.hash
    assert content["camera_matrix"][0] == [610.0, 0.0, 310.0]
    scene = trimesh.load_scene(out / "scene.glb")
    matrix, name = scene.graph["hand"]
    hand = transform_points(np.asarray(matrix), np.asarray(scene.geometry[name].vertices))
    np.testing.assert_allclose(hand * [1, -1, -1], estimate["hand"]["vertices"], atol=1e-6)
    matrix, name = scene.graph["object"]
    corners = transform_points(np.asarray(matrix), np.asarray(scene.geometry[name].vertices)) * [1, -1, -1]
    posed = transform_points(np.array(estimate["object"]["pose"]), default_catalogue()["mug"].vertices)
    np.testing.assert_allclose(np.ptp(corners, axis=0), np.ptp(posed, axis=0), atol=3e-3)


def test_overlay_covers_the_hand_and_nothing_else(backend: FakeBackend, picture: Path, tmp_path: Path) -> None:
    call(backend, picture, "--out", tmp_path)
    drawn, original = cv2.imread(str(tmp_path / "scene_overlay.png")), cv2.imread(str(picture))
    changed = np.abs(drawn.astype(int) - original).sum(axis=2) > 30
    pixels = np.rint(CAMERA.project(backend.scene.hand)).astype(int)
    assert changed[pixels[:, 1], pixels[:, 0]].mean() > 0.95
    assert changed[300:].mean() < 0.25


def test_search_finds_the_hand_without_a_box(backend: FakeBackend, picture: Path, tmp_path: Path) -> None:
    call(backend, picture, "--out", tmp_path)
    box = json.loads((tmp_path / "scene.json").read_text())["estimate"]["box"]
    x_min, y_min, x_max, y_max = boxes_of(CAMERA, backend.scene.hand)[0]
    assert box["x_min"] < x_min < x_max < box["x_max"]
    assert box["y_min"] < y_min < y_max < box["y_max"]
    assert box["x_max"] - box["x_min"] < 480
    assert backend.calls == len(search_boxes(CAMERA)) + 2


def test_search_covers_the_picture_at_every_size() -> None:
    boxes = search_boxes(CAMERA)
    for side in {box.x_max - box.x_min for box in boxes}:
        covered = np.zeros((480, 640), bool)
        for box in boxes:
            if box.x_max - box.x_min == side:
                covered[max(0, int(box.y_min)) : int(box.y_max) + 1, max(0, int(box.x_min)) : int(box.x_max) + 1] = True
        assert covered.all()
    assert len(boxes) < 60


def test_a_given_box_is_used_as_it_is(backend: FakeBackend, picture: Path, tmp_path: Path) -> None:
    call(backend, picture, "--out", tmp_path, "--box", "200,150,500,450")
    box = json.loads((tmp_path / "scene.json").read_text())["estimate"]["box"]
    assert box == {"x_min": 200, "y_min": 150, "x_max": 500, "y_max": 450}
    assert backend.calls == 1


def test_directories_and_videos(backend: FakeBackend, picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("b.png", "a.png"):
        (folder / name).write_bytes(picture.read_bytes())
    image = cv2.imread(str(picture))
    video = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 480))
    for _ in range(4):
        video.write(image)
    video.release()
    out = tmp_path / "out"
    assert call(backend, folder, tmp_path / "clip.avi", "--out", out, "--every", 2) == 0
    written = sorted(path.name for path in out.glob("*.json"))
    assert written == ["a.json", "b.json", "clip_000000.json", "clip_000002.json"]
    # The second frame of the video looks where the first one found the hand.
    assert backend.calls == 3 * (len(search_boxes(CAMERA)) + 2) + 1


def test_nothing_valid_is_a_failure_that_says_why(
    backend: FakeBackend, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(backend, picture, "--out", tmp_path, "--confidence-threshold", "0.9999") == 1
    assert "low confidence" in capsys.readouterr().out
    assert json.loads((tmp_path / "scene.json").read_text())["estimate"]["valid"] is False


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": "missing.png"}, "missing.png: no such file"),
        ({"--camera": "600,600"}, "--camera: expected four numbers fx,fy,cx,cy in pixels, found '600,600'"),
        ({"--camera": "0,600,320,240"}, "positive focal lengths"),
        ({"--object": "spoon"}, "'spoon' is not known"),
        ({"--root-depth": "-1"}, "--root-depth: expected 0.05 to 10 metres, found -1"),
        ({"--root-depth": "600"}, "--root-depth: expected 0.05 to 10 metres, found 600"),
        ({"--box": "1,2,3"}, "--box: expected four numbers"),
        ({"--box": "10,10,5,20"}, "--box: expected x_min below x_max"),
        ({"--box": "700,10,800,20"}, "--box: lies outside of "),
        ({"--confidence-threshold": "2"}, "--confidence-threshold: expected 0 to 1, found 2"),
    ],
)
def test_mistakes_are_said_without_a_traceback(
    backend: FakeBackend,
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    message: str,
) -> None:
    given = {"--camera": INTRINSICS, "--object": "mug", "--root-depth": "0.6", "--out": str(tmp_path)} | changes
    images = given.pop("images", str(picture))
    assert main(["predict", images, *(text for pair in given.items() for text in pair)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"not a picture", "expected a picture or a video"), (b"", "expected a picture, but the file is empty")],
)
def test_a_file_that_is_no_picture_is_named(
    content: bytes, words: str, backend: FakeBackend, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(content)
    assert call(backend, broken, "--out", tmp_path) == 2
    assert f"broken.png: {words}" in capsys.readouterr().err


def test_search_leaves_the_estimators_other_settings(backend: FakeBackend) -> None:
    from hand_object_pose.estimation.configuration import EstimatorConfig
    from hand_object_pose.estimation.frame import Frame
    from hand_object_pose.estimation.still_image import estimate_still

    config = EstimatorConfig(object_id="mug", root_depth_mode="ground_truth", contacts=False)
    estimator = Estimator(backend, config)
    frame = Frame(coordinate_image(CAMERA), CAMERA, true_root_depth=backend.scene.joints[0, 2])  # type: ignore[arg-type]
    assert estimate_still(estimator, frame).valid
    assert estimator.config.object_id == "mug"
    assert not estimator.config.contacts
