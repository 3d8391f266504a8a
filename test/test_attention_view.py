"""Attention on the meshes: the network's own, of the vertices at the contact, for what the network was shown."""

from dataclasses import dataclass, field, replace

import fake_backend
import numpy as np
import pytest
import trimesh
from fake_backend import FakeBackend

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.attention import AttentionMaps
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.evaluation.frame_record import VALID, FrameRecord
from hand_object_pose.evaluation.report.attention_view import (
    CONTACT_DISTANCE,
    attention_picture,
    attention_shares,
    heat_colours,
)
from hand_object_pose.evaluation.report.shown_frames import ShownFrames
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.replay.frame_keeper import FrameKeeper
from hand_object_pose.replay.scored_frame import ScoredFrame

NEAR_HAND, NEAR_THING = np.arange(40, 60), np.arange(7)


def points_with_a_contact() -> tuple[TriangleMesh, TriangleMesh]:
    """Some hand and object vertices half a centimetre from each other, all others far away."""
    hand, thing = np.zeros((778, 3)), np.zeros((1000, 3))
    hand[:, 0], thing[:, 0] = -1.0, 1.0
    hand[NEAR_HAND, 0], thing[NEAR_THING, 0] = -0.25 * CONTACT_DISTANCE, 0.25 * CONTACT_DISTANCE
    return TriangleMesh(hand, np.zeros((0, 3), int)), TriangleMesh(thing, np.zeros((0, 3), int))


def test_only_vertices_at_the_contact_are_asked() -> None:
    rng = np.random.default_rng(0)
    to_hand, to_object = rng.random((778, 1000)), rng.random((1000, 778))
    to_hand[NEAR_HAND], to_object[NEAR_THING] = 0.0, 0.0
    to_hand[NEAR_HAND, 30], to_object[NEAR_THING, 50] = 1.0, 1.0

    found = attention_shares(AttentionMaps(to_hand, to_object), *points_with_a_contact())

    assert (found.hand_vertices, found.object_vertices) == (len(NEAR_HAND), len(NEAR_THING))
    assert found.on_object is not None
    assert found.on_hand is not None
    # All attention is on one vertex: so many times an even share as there are vertices.
    assert (found.on_object.argmax(), found.on_object.max(), found.on_object.sum()) == (30, 1000, 1000)
    assert (found.on_hand.argmax(), found.on_hand.max(), found.on_hand.sum()) == (50, 778, 778)
    assert "20 hand and 7 object vertices within 1 cm: red is hand 778.0, object 1000.0 times" in found.caption


def test_without_a_contact_all_vertices_are_asked_and_the_caption_says_so() -> None:
    hand, thing = points_with_a_contact()
    maps = AttentionMaps(np.full((778, 1000), 1e-3), None)

    found = attention_shares(maps, hand, replace(thing, vertices=thing.vertices + 1.0))

    assert found.on_object is not None
    np.testing.assert_allclose(found.on_object, 1.0)
    assert found.on_hand is None
    assert "none is within 1 cm" in found.caption
    assert "red is object 1.0 times" in found.caption


def test_the_most_attended_side_is_red_and_the_least_blue() -> None:
    """A ball whose attention grows to the right: red at the right of the first view, at the left from behind."""
    ball = trimesh.creation.icosphere(radius=0.05)
    mesh = TriangleMesh(np.asarray(ball.vertices) + np.array([0, 0, 0.7]), np.asarray(ball.faces))
    values = mesh.vertices[:, 0] - mesh.vertices[:, 0].min()
    shares = attention_shares(AttentionMaps(None, None), *points_with_a_contact())

    picture = attention_picture(replace(shares, on_object=values), {"hand": mesh, "object": mesh}).astype(int)

    assert picture.shape == (240, 960, 3)
    grey, front, back = picture[:, :240], picture[:, 480:720], picture[:, 720:]
    assert np.ptp(grey, axis=2).max() == 0
    for tile, is_right in ((front, True), (back, False)):
        red, blue = (np.nonzero(tile[..., one] - tile[..., other] > 60)[1].mean() for one, other in ((0, 2), (2, 0)))
        assert (red > 140 > 100 > blue) if is_right else (red < 100 < 140 < blue)
    colours = heat_colours(mesh, np.ones(len(mesh.vertices)))
    # A mesh of one value is as red as it can be.
    assert np.all(colours[:, 0] > 100)
    assert np.all(colours[:, 1:] == 0)


@dataclass
class Attending(FakeBackend):
    """Remembers what it was shown, and attends evenly, or says why it cannot."""

    shown_to_network: list[np.ndarray] = field(default_factory=list)
    asked: list[tuple[np.ndarray, ObjectModel]] = field(default_factory=list)
    problem: str = ""

    def run(self, images: np.ndarray, objects: list[ObjectModel]):
        """See FakeBackend."""
        self.shown_to_network.append(images)
        return super().run(images, objects)

    def attention(self, images: np.ndarray, objects: list[ObjectModel]) -> list[AttentionMaps]:
        """Even."""
        if self.problem:
            raise UserError(self.problem)
        self.asked.append((images, objects[0]))
        return [AttentionMaps(np.full((778, 1000), 1 / 1000), np.full((1000, 778), 1 / 778))] * len(images)


def kept_of(backend: Attending, side: str, detected: str = "") -> ShownFrames:
    """What is kept of a bag of one frame; ``detected``: which side the detection says the hand is."""
    config = EstimatorConfig("mug", side, roi_mode="topic", root_depth_mode="ground_truth", contacts=False)
    estimator = Estimator(backend, config)
    shown, scene = backend.shown, backend.scene
    frame = fake_backend.frame_of(
        shown, true_root_depth=float(scene.joints[0, 2]), **fake_backend.detections(shown, scene)
    )
    frame = replace(frame, image=frame.image.astype(np.uint8), hand_sides=(detected,) if detected else ())
    keeper = FrameKeeper(backend.weights, 1, backend)
    result = estimator.process(frame)
    keeper.see(frame, result, ScoredFrame(FrameRecord(1, VALID), result.pairs[0]))
    return keeper.shown()


@pytest.mark.parametrize(("side", "detected"), [("right", ""), ("left", ""), ("right", "left"), ("left", "right")])
def test_attention_is_asked_for_what_the_network_was_shown(side: str, detected: str) -> None:
    scene = fake_backend.left_truth() if "left" in (detected or side) else fake_backend.truth()
    backend = Attending(fake_backend.camera(), scene, detected or side)

    (frame,) = kept_of(backend, side, detected).frames

    ((asked, model),) = backend.asked
    assert asked.std() > 0.01
    np.testing.assert_allclose(asked, backend.shown_to_network[-1], atol=1.5 / 255)
    assert model.name == "mug"
    assert "attention" in frame.pictures
    assert frame.attention.startswith("attention of ")


def test_why_there_is_no_attention_is_said() -> None:
    backend = Attending(fake_backend.camera(), fake_backend.truth(), problem="export it again")

    shown = kept_of(backend, "right")

    assert shown.no_attention == "export it again"
    assert "attention" not in shown.frames[0].pictures
