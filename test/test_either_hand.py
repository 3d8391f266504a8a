"""A left hand is taken from the mirror, and its object from the picture: weights know each of them only there."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from depth_scenes import CAMERA, depth_of
from fake_backend import FakeBackend, Truth, camera, detections, frame_of, left_truth, truth, weights
from test_pose_uncertainty import uncertainty

from hand_object_pose.estimation.attention import AttentionMaps
from hand_object_pose.estimation.backend import LixelGeometry, NetworkOutput
from hand_object_pose.estimation.backends import load_backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.either_hand import attention_for_either_hand
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.lift import lixels_to_camera
from hand_object_pose.estimation.looking import Looking, Sight
from hand_object_pose.estimation.mirroring import mirror_camera, mirror_lixels, mirror_points
from hand_object_pose.estimation.object_fit import ObjectFit
from hand_object_pose.estimation.observation import Observation
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.estimation.timing import StageTimer
from hand_object_pose.estimation.view import View
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox, square_crop
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import inverse_pose, rotation_angle, transform_points
from hand_object_pose.geometry.signed_distance import exact_signed_distance
from hand_object_pose.objects.object_model import ObjectModel

CONFIG = EstimatorConfig(object_id="mug", hand_side="left", root_depth_mode="ground_truth", roi_mode="topic")


@dataclass
class Counting(FakeBackend):
    """Remembers how many images each evaluation took."""

    batches: list[int] = field(default_factory=list)

    def run(self, images: np.ndarray, objects: list[ObjectModel]) -> NetworkOutput:
        self.batches.append(len(images))
        return super().run(images, objects)


def process(backend: FakeBackend, config: EstimatorConfig = CONFIG, **fields: object) -> list[HandObjectEstimate]:
    scene, shown = backend.scene, backend.shown
    given = {"true_root_depth": scene.joints[0, 2], **detections(shown, scene), **fields}
    return Estimator(backend, config).process(frame_of(shown, **given)).pairs


def assert_true(pair: HandObjectEstimate, scene: Truth, side: str) -> None:
    assert (pair.valid, pair.reason) == (True, "")
    assert pair.hand is not None
    assert pair.object is not None
    assert (pair.hand.side, pair.object.valid) == (side, True)
    np.testing.assert_allclose(pair.hand.vertices, scene.hand, atol=2e-5)
    np.testing.assert_allclose(pair.hand.joints, scene.joints, atol=2e-5)
    np.testing.assert_allclose(pair.object.pose[:3, 3], scene.object_pose[:3, 3], atol=2e-5)
    assert rotation_angle(pair.object.pose[:3, :3] @ scene.object_pose[:3, :3].T) < 1e-3


@pytest.mark.parametrize("wrist", [(-0.03, 0.05, 0.6), (0.2, -0.1, 0.7), (-0.15, 0.12, 1.1)])
def test_the_truth_about_a_left_hand_and_its_object_goes_through(wrist: tuple[float, float, float]) -> None:
    backend = FakeBackend(camera(), left_truth(wrist), side="left")
    (pair,) = process(backend)
    assert_true(pair, backend.scene, "left")


def test_contacts_of_a_left_hand_are_those_with_the_object_itself() -> None:
    backend = FakeBackend(camera(), left_truth(reach=0.0), side="left")
    (pair,) = process(backend)
    assert pair.contacts is not None
    mesh = backend.weights.objects["mug"]
    inside = transform_points(inverse_pose(backend.scene.object_pose), backend.scene.hand)
    depth = np.maximum(-exact_signed_distance(inside, mesh), 0)  # type: ignore[arg-type]
    assert depth.max() > 0.002
    assert pair.contacts.penetration_max == pytest.approx(depth.max(), abs=1e-3)


def test_without_a_depth_image_covariances_are_those_of_hands_whose_errors_were_measured() -> None:
    for side, scene in (("right", truth()), ("left", left_truth())):
        backend = FakeBackend(camera(), scene, side)
        backend.weights = replace(backend.weights, uncertainty=uncertainty())
        (pair,) = process(backend, replace(CONFIG, hand_side=side))
        assert pair.object is not None
        assert pair.object.covariance_valid == (side == "right")


def test_a_right_hand_costs_one_look_and_a_left_one_two_in_the_same_evaluation() -> None:
    for side, scene in (("right", truth()), ("left", left_truth())):
        backend = Counting(camera(), scene, side)
        (pair,) = process(backend, replace(CONFIG, hand_side=side))
        assert_true(pair, scene, side)
        assert backend.batches == [1 if side == "right" else 2]


def test_left_and_right_hands_of_one_picture_keep_their_own_answers() -> None:
    scenes = {"right": truth((-0.14, 0.05, 0.6)), "left": left_truth((0.14, 0.05, 0.6))}
    backend = TwoSides(scenes)
    boxes = [detections(camera(), scene) for scene in scenes.values()]
    fields = {name: np.concatenate([one[name] for one in boxes]) for name in boxes[0]}
    pairs = process(backend, CONFIG, hand_sides=("right", "left"), **fields)
    for pair, (side, scene) in zip(pairs, scenes.items(), strict=True):
        assert_true(pair, scene, side)
    assert backend.batches == [3]


class TwoSides(Counting):
    """Answers each crop with the scene that is nearer to its middle."""

    def __init__(self, scenes: dict[str, Truth]) -> None:
        super().__init__(camera(), scenes["right"])
        self.scenes = scenes

    def answer(self, image: np.ndarray, model: ObjectModel) -> NetworkOutput:
        scale, offset = self._crop(image)
        middle = (offset + scale * image.shape[1] / 2)[0]
        self.side = min(
            self.scenes, key=lambda side: abs(self.shown.project(self.scenes[side].hand)[:, 0].mean() - middle)
        )
        self.scene = self.scenes[self.side]
        return super().answer(image, model)


def test_lixels_of_a_mirror_image_lift_to_the_mirror_image() -> None:
    """Through the mirror image's camera, and reflected through the picture's own."""
    geometry, shown, crop = LixelGeometry(128, 64, 0.3), camera(), CropBox(400.0, 60.0, 180.0)
    lixels = np.random.default_rng(1).uniform(1, 60, (1, 778, 3))
    there = View.of(frame_of(mirror_camera(shown)), opposite(crop, shown, 128), geometry)
    here = View.of(frame_of(shown), crop, geometry)
    depth = np.array([0.7])
    found = lixels_to_camera(mirror_lixels(lixels, geometry), here.camera.matrix[None], depth, geometry)
    expected = mirror_points(lixels_to_camera(lixels, there.camera.matrix[None], depth, geometry))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def opposite(crop: CropBox, shown: Camera, size: int) -> CropBox:
    """The crop of the mirror image whose pixels are those of ``crop``, ``size`` a side, in a mirror."""
    return CropBox(shown.width - 1 - crop.x - crop.side * (size - 1) / size, crop.y, crop.side)


def test_the_network_sees_the_mirror_image_of_a_right_hand_as_a_left_one() -> None:
    """With the shipped weights: the hand in a mirrored picture is the mirror image of that in the picture."""
    backend = load_backend(None, threads=1)
    image = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8).repeat(40, axis=0).repeat(40, axis=1)
    shown, crop, size = camera(), CropBox(150.0, 90.0, 300.0), backend.weights.lixels.image_size
    looking, model = Looking(backend, CONFIG), backend.weights.objects["mug"]
    right = Sight(Frame(image, shown, true_root_depth=0.6), crop, model, "right", ObjectFit())
    mirrored = Frame(image[:, ::-1], mirror_camera(shown), true_root_depth=0.6)
    left = Sight(mirrored, opposite(crop, shown, size), model, "left", ObjectFit())
    seen = [looking.look([sight], StageTimer())[0] for sight in (right, left)]
    hands = [one.hand() for one in seen if isinstance(one, Observation)]
    np.testing.assert_allclose(mirror_points(hands[1].vertices), hands[0].vertices, atol=1e-5)
    np.testing.assert_allclose(mirror_points(hands[1].joints), hands[0].joints, atol=1e-5)
    assert hands[1].side == "left"


def test_what_a_hand_attends_to_comes_from_its_own_look() -> None:
    image = np.random.default_rng(3).random((1, 3, 128, 128), np.float32)
    backend, known = Attending(), weights()
    model = known.objects["mug"]
    right, left = (attention_for_either_hand(backend, known, image, model, side) for side in ("right", "left"))
    ends = image[0, 0, 0, 0], image[0, 0, 0, -1]
    assert (right.to_hand, right.to_object) == (ends[0], ends[0])
    assert (left.to_hand, left.to_object) == (ends[1], ends[0])


class Attending:
    """Names the images by their first pixel."""

    def attention(self, images: np.ndarray, objects: list[ObjectModel]) -> list[AttentionMaps]:
        return [AttentionMaps(image[0, 0, 0], image[0, 0, 0]) for image, _ in zip(images, objects, strict=True)]


def observation(scene: Truth, backend: FakeBackend, **fields: object) -> Observation:
    boxes = detections(backend.shown, scene)
    crop = square_crop(np.concatenate([boxes["hand_boxes"], boxes["object_boxes"]]))
    looking = Looking(backend, replace(CONFIG, root_depth_mode="depth_image"))
    seen = looking.look_alone(frame_of(backend.shown, **fields), crop, backend.weights.objects["mug"], StageTimer())
    assert isinstance(seen, Observation)
    return seen


def test_the_object_of_a_left_hand_is_fitted_to_the_depth_image() -> None:
    scene, mug = left_truth(), weights().objects["mug"]
    backend = TooFar(CAMERA, scene, "left")
    hand = TriangleMesh(scene.hand, backend.weights.hand.faces_of("left"))
    depth = depth_of(hand, TriangleMesh(transform_points(scene.object_pose, mug.vertices), mug.faces))
    seen = observation(scene, backend, depth=depth)
    assert seen.object_residual < 0.002
    np.testing.assert_allclose(seen.lifted.object_pose[:3, 3], scene.object_pose[:3, 3], atol=0.003)
    assert np.linalg.norm(seen.lifted.hand - scene.hand, axis=1).mean() < 0.003


class TooFar(FakeBackend):
    """Votes for a place 4 cm behind the object's."""

    def answer(self, image: np.ndarray, model: ObjectModel) -> NetworkOutput:
        output = super().answer(image, model)
        return replace(output, translation=output.translation + np.array([0, 0, 0.04]))
