"""The built-in detector: its geometry, its training's arithmetic, and that the shipped weights find rendered hands."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_backend import FakeBackend, camera, truth

from hand_object_pose.errors import UserError
from hand_object_pose.estimation import own_boxes
from hand_object_pose.estimation.box_detector import (
    DEFAULT_WEIGHTS,
    INPUT_HEIGHT,
    INPUT_WIDTH,
    BoxDetector,
    Letterbox,
    best_boxes,
    letterboxed,
    network_input,
)
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.weights_file import file_hash


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (480, 640), (100, 90)])
def test_boxes_go_where_their_pixels_go(size: tuple[int, int]) -> None:
    width, height = size
    box = np.array([0.25 * width, 0.3 * height, 0.6 * width, 0.7 * height]).round()
    image = np.zeros((height, width, 3), np.uint8)
    image[int(box[1]) : int(box[3]) + 1, int(box[0]) : int(box[2]) + 1] = 255
    shrunk, fit = letterboxed(image)
    assert shrunk.shape == (INPUT_HEIGHT, INPUT_WIDTH, 3)
    rows, columns = np.nonzero(shrunk[..., 0] > 128)
    found = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    rim = np.array([-0.5, -0.5, 0.5, 0.5])
    expected = fit.from_image(box + rim) - rim
    np.testing.assert_allclose(found, expected, atol=0.51)
    np.testing.assert_allclose(fit.to_image(fit.from_image(box)), box)


def test_the_surest_cell_of_each_class_gives_the_box() -> None:
    rng = np.random.default_rng(0)
    scores, boxes = rng.uniform(0, 0.8, (3, 2, 4, 5)), rng.normal(size=(3, 2, 4, 4, 5))
    scores[1, 0, 2, 3] = 0.9
    best, sure = best_boxes(scores, boxes)
    np.testing.assert_array_equal(best[1, 0], boxes[1, 0, :, 2, 3])
    assert sure[1, 0] == 0.9
    np.testing.assert_array_equal(sure, scores.max(axis=(2, 3)))


def test_missing_and_damaged_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.onnx.*hand-object-train detector"):
        BoxDetector(tmp_path / "none.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(UserError, match=r"broken\.onnx"):
        BoxDetector(tmp_path / "broken.onnx")


def test_generalised_overlap_equals_torchvisions() -> None:
    torch = pytest.importorskip("torch")
    from torchvision.ops import generalized_box_iou

    from hand_object_pose_training.box_detector.losses import generalised_overlap

    corners = torch.tensor(np.random.default_rng(1).uniform(0, 100, (2, 40, 4)))
    boxes = torch.cat([corners[..., :2], corners[..., :2] + 1 + corners[..., 2:]], dim=-1)
    found = generalised_overlap(boxes[0, :, None, :, None, None], boxes[1, :, None, :, None, None])
    expected = generalized_box_iou(boxes[0], boxes[1]).diagonal()
    np.testing.assert_allclose(found.squeeze(), expected, rtol=1e-9)


def test_heat_is_one_at_the_middle_and_none_where_nothing_is() -> None:
    torch = pytest.importorskip("torch")
    from hand_object_pose_training.box_detector.losses import heat_of
    from hand_object_pose_training.box_detector.network import cell_centres

    boxes = torch.tensor([[[60.0, 40.0, 100.0, 80.0], [150.0, 100.0, 400.0, 300.0]]])
    heat = heat_of(boxes, torch.tensor([[1.0, 1.0]]), 18, 24)
    for number, middle in enumerate([(80.0, 60.0), ((150 + 191) / 2, (100 + 143) / 2)]):
        row, column = np.unravel_index(int(heat[0, number].argmax()), (18, 24))
        assert heat[0, number, row, column] == 1
        centre = cell_centres(18, 24)[:, row, column]
        np.testing.assert_allclose(centre, middle, atol=4.001)
    assert heat_of(boxes, torch.tensor([[0.0, 1.0]]), 18, 24)[0, 0].max() == 0


def test_perfect_answers_cost_nothing() -> None:
    torch = pytest.importorskip("torch")
    from hand_object_pose_training.box_detector.losses import detection_loss, heat_of

    boxes = torch.tensor([[[60.0, 40.0, 100.0, 80.0], [20.0, 30.0, 70.0, 90.0]]])
    present = torch.tensor([[1.0, 0.0]])
    heat = heat_of(boxes, present, 18, 24)
    logits = torch.where(heat > 0.999, 20.0, -20.0)
    perfect = detection_loss(logits, boxes[..., None, None].expand(1, 2, 4, 18, 24), boxes, present)
    assert float(perfect["total"]) < 1e-6
    # What is said of an object that is not there costs; where its box would be does not.
    moved = boxes + torch.tensor([[[0.0], [50.0]]])
    same = detection_loss(logits, moved[..., None, None].expand(1, 2, 4, 18, 24), boxes, present)
    assert float(same["total"]) < 1e-6
    wrong = detection_loss(
        torch.full_like(logits, -20.0), boxes[..., None, None].expand(1, 2, 4, 18, 24), boxes, present
    )
    assert float(wrong["score"]) > 5


def test_augmented_boxes_stay_around_what_they_hold() -> None:
    pytest.importorskip("torch")
    from hand_object_pose_training.box_detector.augmentation import augmented
    from hand_object_pose_training.box_detector.frames import LabelledFrames

    image = np.full((180, 240, 3), 40, np.uint8)
    box = np.array([100, 60, 160, 120])
    image[box[1] : box[3] + 1, box[0] : box[2] + 1] = 220
    boxes = np.stack([box, box]).astype(np.float32)
    frames = LabelledFrames(np.stack([image] * 24), np.stack([boxes] * 24), np.full((24, 2), True))
    changed = augmented(frames, np.random.default_rng(4))
    places = []
    for number in range(24):
        grey = cv2.GaussianBlur(changed.images[number], (0, 0), 1.0).mean(axis=2)
        inside = grey > (grey.min() + 3 * grey.max()) / 4
        rows, columns = np.nonzero(inside)
        found = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
        size = np.array([INPUT_WIDTH, INPUT_HEIGHT] * 2) - 1
        np.testing.assert_allclose(found, np.clip(changed.boxes[number, 0], 0, size), atol=3)
        places.append(changed.boxes[number, 0])
    assert np.ptp(places, axis=0).min() > 20


def test_small_frames_show_what_the_camera_shows() -> None:
    """A frame that is rendered small is the large image shrunk; its boxes hold what the large image's hold."""
    pytest.importorskip("torch")
    pytest.importorskip("embreex")
    from hand_object_pose.synthetic.appearance import CameraLook
    from hand_object_pose_training.box_detector import frames

    sampler, renderer = frames._tools()
    scene = sampler.sample(np.random.default_rng(11))
    scene = replace(scene, appearance=replace(scene.appearance, camera=CameraLook()))
    small, bars = frames._small(scene)
    large = renderer.render(scene, np.random.default_rng(0)).image
    expected, fit = letterboxed(large, 480, 360)
    found = renderer.render(small, np.random.default_rng(0)).image
    difference = np.abs(expected.astype(int) - found)[~bars]
    assert difference.mean() < 4
    assert (expected[bars] == 114).all()
    centre = fit.from_image(np.tile(scene.camera.project(scene.truth.joints[:1]), 2))[0]
    np.testing.assert_allclose(small.camera.project(scene.truth.joints[:1])[0], centre[:2], atol=1e-6)


def test_what_is_exported_is_what_was_trained(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    import onnxruntime

    from hand_object_pose_training.box_detector.command import add_provenance, export_detector
    from hand_object_pose_training.box_detector.network import BoxNetwork

    torch.manual_seed(0)
    network = BoxNetwork().eval()
    export_detector(network, tmp_path / "boxes.onnx")
    add_provenance(tmp_path / "boxes.onnx", {"data": "none"})
    session = onnxruntime.InferenceSession(str(tmp_path / "boxes.onnx"), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 255, (3, INPUT_HEIGHT, INPUT_WIDTH, 3)).astype(np.uint8)
    scores, boxes = session.run(None, {"image": network_input(images)})
    with torch.inference_mode():
        logits, expected = network(torch.from_numpy(network_input(images)))
    np.testing.assert_allclose(scores, logits.sigmoid(), atol=1e-5)
    np.testing.assert_allclose(boxes, expected, atol=1e-2)
    assert session.get_modelmeta().custom_metadata_map == {"data": "none"}


def test_results_are_counted_by_class() -> None:
    pytest.importorskip("torch")
    from hand_object_pose_training.box_detector.measuring import measured

    true = np.tile([0.0, 0, 10, 10], (5, 2, 1))
    found = true + np.array([[0, 0, 0, 0], [5, 0, 5, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])[:, None]
    present = np.array([[True, True], [True, False], [True, True], [False, True], [False, False]])
    scores = np.array([[0.9, 0.1], [0.5, 0.9], [0.1, 0.9], [0.2, 0.9], [0.7, 0.2]])
    hand = measured(found, scores, true, present, 0.4)["hand"]
    assert (hand.shown, hand.absent, hand.empty) == (3, 2, 1)
    assert (hand.found, hand.false_alarms, hand.empty_alarms) == (pytest.approx(2 / 3), 0.5, 1.0)
    # Half moved beside, two boxes share a third of what both cover.
    assert hand.mean_overlap == pytest.approx((1 + 1 / 3) / 2)
    assert hand.well_found == pytest.approx(1 / 3)


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from hand_object_pose_training.box_detector.config import DetectorConfig
    from hand_object_pose_training.box_detector.frames import LabelledFrames
    from hand_object_pose_training.box_detector.trainer import DetectorTrainer

    rng = np.random.default_rng(2)
    boxes = np.tile(np.array([[60.0, 50, 120, 110], [90, 70, 160, 130]], np.float32), (6, 1, 1))
    frames = LabelledFrames(rng.integers(0, 255, (6, 180, 240, 3)).astype(np.uint8), boxes, np.full((6, 2), True))
    config = DetectorConfig(tmp_path / "whole", steps=4, batch_size=3)
    whole = DetectorTrainer(config, frames)
    whole.run()
    interrupted = replace(config, out=tmp_path / "parts")
    first = DetectorTrainer(interrupted, frames)
    first._step()
    first._step()
    first.save()
    second = DetectorTrainer(interrupted, frames)
    assert second.step == 2
    second.run()
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value, rtol=0, atol=0)
    with pytest.raises(UserError, match="learning_rate"):
        DetectorTrainer(replace(interrupted, learning_rate=0.5), frames)
    begun = DetectorTrainer(replace(config, out=tmp_path / "more", start_from=whole.state_path), frames)
    assert (begun.step, begun.steps_before) == (0, 4)
    torch.testing.assert_close(begun.network.state_dict(), whole.network.state_dict())
    with pytest.raises(UserError, match="nowhere"):
        DetectorTrainer(replace(config, out=tmp_path / "none", start_from=tmp_path / "nowhere"), frames)


def test_settings_that_need_a_detector_that_is_missing_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node refuses such a parameter, and must not go on with half of it."""

    def missing() -> BoxDetector:
        raise UserError("no such weights")

    monkeypatch.setattr(own_boxes, "BoxDetector", missing)
    estimator = Estimator(FakeBackend(camera(), truth()), EstimatorConfig("mug", max_hands=1))
    with pytest.raises(UserError, match="no such weights"):
        estimator.set_config(replace(estimator.config, roi_mode="auto", max_hands=2))

    assert estimator.config == EstimatorConfig("mug", max_hands=1)


def test_letterbox_of_the_inputs_own_size_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 255, (INPUT_HEIGHT, INPUT_WIDTH, 3)).astype(np.uint8)
    shrunk, fit = letterboxed(image)
    np.testing.assert_array_equal(shrunk, image)
    assert fit == Letterbox(1.0, 0, 0)


def test_the_page_is_about_the_shipped_weights() -> None:
    page = Path(__file__).resolve().parent.parent / "docs" / "box_detector.md"
    assert file_hash(DEFAULT_WEIGHTS) in page.read_text()
    assert DEFAULT_WEIGHTS.stat().st_size < 2_000_000


def test_shipped_weights_find_rendered_hands_and_objects() -> None:
    """Whole images of scenes that no training saw; an empty background is left alone."""
    pytest.importorskip("embreex")
    from hand_object_pose.geometry.crops import projected_box
    from hand_object_pose.geometry.se3 import transform_points
    from hand_object_pose.hand.default_hand import default_hand
    from hand_object_pose.objects.catalogue import default_catalogue
    from hand_object_pose.synthetic.render import SceneRenderer
    from hand_object_pose.synthetic.scene_sampler import SceneSampler

    detector, catalogue = BoxDetector(), default_catalogue()
    sampler, renderer = SceneSampler(default_hand(), catalogue), SceneRenderer(default_hand(), catalogue)
    shared = []
    for seed in range(8):
        scene = sampler.sample(np.random.default_rng([4_040, seed]))
        found = detector.detect(renderer.render(scene, np.random.default_rng(seed)).image)
        vertices = transform_points(scene.truth.object_pose, catalogue[scene.truth.object_name].vertices)
        for one, points in ((found.hand, scene.truth.hand_vertices), (found.object, vertices)):
            box = np.zeros(4) if one is None else one.box
            shared.append(_overlap(box, projected_box(scene.camera, points)))
    assert np.median(shared) > 0.5
    nothing = detector.detect(np.full((480, 640, 3), 90, np.uint8))
    assert (nothing.hand, nothing.object) == (None, None)


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    inner = np.maximum(np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2]), 0).prod()
    return float(inner / ((first[2:] - first[:2]).prod() + (second[2:] - second[:2]).prod() - inner))
