"""Several hands in one image: who is who over time, and that none changes what is estimated of another."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fake_backend import FakeBackend, Truth, camera, detections, frame_of, left_truth, truth

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.association import assigned
from hand_object_pose.estimation.backend import NetworkOutput
from hand_object_pose.estimation.box_detector import DetectedBox, DetectedPair
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.region_of_interest import LEAST_OVERLAP, overlap
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.estimation.track import Track
from hand_object_pose.geometry.crops import CropBox
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.ros.detections import boxes_from_detections

CONFIG = EstimatorConfig(object_id="mug", root_depth_mode="fixed", root_depth_value=0.6)
LEFTMOST, RIGHTMOST = truth((-0.14, 0.05, 0.6)), truth((0.22, 0.02, 0.6), seed=3)


class TwoHands(FakeBackend):
    """Answers each crop with the scene that is nearer to its middle."""

    def __init__(self, *scenes: Truth) -> None:
        super().__init__(camera(), scenes[0])
        self.scenes = list(scenes)
        self.batches: list[int] = []

    def run(self, images: np.ndarray, objects: list[ObjectModel]) -> NetworkOutput:
        self.batches.append(len(images))
        return super().run(images, objects)

    def answer(self, image: np.ndarray, model: ObjectModel) -> NetworkOutput:
        scale, offset = self._crop(image)
        middle = offset + scale * image.shape[1] / 2
        centres = [self.shown.project(scene.hand).mean(axis=0) for scene in self.scenes]
        self.scene = self.scenes[int(np.argmin([np.linalg.norm(centre - middle) for centre in centres]))]
        return super().answer(image, model)


def boxes(*scenes: Truth) -> dict[str, np.ndarray]:
    found = [detections(camera(), scene) for scene in scenes]
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]} if found else {}


def pairs(estimator: Estimator, stamp: float, *scenes: Truth, **fields: object) -> list[HandObjectEstimate]:
    return estimator.process(frame_of(camera(), stamp=stamp, **boxes(*scenes), **fields)).pairs


def assert_shows(pair: HandObjectEstimate, scene: Truth) -> None:
    assert (pair.valid, pair.reason) == (True, "")
    assert pair.hand is not None
    np.testing.assert_allclose(pair.hand.joints, scene.joints, atol=1e-3)


@pytest.mark.parametrize("mode", ["tracking", "topic"])
def test_two_hands_are_two_pairs_of_one_evaluation(mode: str) -> None:
    backend = TwoHands(LEFTMOST, RIGHTMOST)
    first, second = pairs(Estimator(backend, replace(CONFIG, roi_mode=mode)), 0.0, LEFTMOST, RIGHTMOST)
    assert_shows(first, LEFTMOST)
    assert_shows(second, RIGHTMOST)
    assert backend.batches == [2]
    assert (first.track_id, second.track_id) == (1, 2)


def test_a_hand_is_estimated_as_if_it_were_alone() -> None:
    """Also over time: smoothing and grasp of one hand know nothing of the other."""
    together = Estimator(TwoHands(LEFTMOST, RIGHTMOST), CONFIG)
    alone = [Estimator(TwoHands(scene), CONFIG) for scene in (LEFTMOST, RIGHTMOST)]
    for step in range(5):
        scenes = [scene.moved(np.array([0.004, -0.002, 0.0]) * step) for scene in (LEFTMOST, RIGHTMOST)]
        together.backend.scenes = scenes  # type: ignore[attr-defined]
        seen = scenes if step % 3 == 0 else []
        for pair, scene, one in zip(pairs(together, step / 30, *seen), scenes, alone, strict=True):
            one.backend.scenes = [scene]  # type: ignore[attr-defined]
            (expected,) = pairs(one, step / 30, *([scene] if seen else []))
            assert_shows(pair, scene)
            assert pair.hand is not None
            assert expected.hand is not None
            np.testing.assert_array_equal(pair.hand.vertices, expected.hand.vertices)
            np.testing.assert_array_equal(pair.object.pose, expected.object.pose)  # type: ignore[union-attr]
            assert (pair.grasp, pair.box, pair.tracked) == (expected.grasp, expected.box, expected.tracked)
            assert (pair.hand.filtered is None) == (expected.hand.filtered is None) == (step < 2)
            if pair.hand.filtered is not None and expected.hand.filtered is not None:
                np.testing.assert_array_equal(pair.hand.filtered.joints, expected.hand.filtered.joints)


@pytest.mark.parametrize("mode", ["tracking", "topic"])
def test_ids_stay_whatever_the_order_of_detections(mode: str) -> None:
    estimator = Estimator(TwoHands(LEFTMOST, RIGHTMOST), replace(CONFIG, roi_mode=mode))
    for stamp, order in ((0.0, (LEFTMOST, RIGHTMOST)), (0.1, (RIGHTMOST, LEFTMOST)), (0.2, (RIGHTMOST, LEFTMOST))):
        first, second = pairs(estimator, stamp, *order)
        assert_shows(first, LEFTMOST)
        assert_shows(second, RIGHTMOST)
        assert (first.track_id, second.track_id) == (1, 2)
        assert first.tracked == second.tracked == (stamp > 0)


def track_at(crop: CropBox, side: str = "") -> Track:
    """A track that was seen there at 0 s."""
    track = Track(replace(CONFIG, roi_mode="topic"))
    track._last, track.side = (0.0, crop), side
    return track


def shown_to(tracks: list[Track], boxes: list[list[float]], sides: tuple[str, ...] = ()) -> list[list[float] | None]:
    """The hand's box that each track is shown; those that begin come last."""
    frame = Frame(np.zeros((480, 640, 3), np.uint8), camera(), 0.1, hand_boxes=np.array(boxes), hand_sides=sides)
    shown = assigned(tracks, frame, 2, 1.0, lambda: Track(CONFIG))
    return [None if view.hand_boxes is None else view.hand_boxes[0].tolist() for _, view in shown]


def test_detections_of_hands_side_by_side_go_with_the_track_that_they_overlap_most() -> None:
    # A hand's box alone is looked at one and a half times as wide.
    first, second = [100.0, 100.0, 200.0, 200.0], [150.0, 100.0, 250.0, 200.0]
    squares = [CropBox(75.0, 75.0, 150.0), CropBox(125.0, 75.0, 150.0)]
    assert overlap(*squares) > LEAST_OVERLAP
    for boxes in ([first, second], [second, first]):
        assert shown_to([track_at(square) for square in squares], boxes) == [first, second]


def test_of_two_detections_the_one_of_the_same_side_continues_a_track() -> None:
    """The other hand is passing just where the track is."""
    left, right = [100.0, 100.0, 200.0, 200.0], [130.0, 100.0, 230.0, 200.0]
    square = CropBox(75.0, 75.0, 150.0)
    assert shown_to([track_at(square, "right")], [left, right], ("left", "right")) == [right, left]
    # Where nobody knows the sides, place decides.
    assert shown_to([track_at(square, "right")], [left, right]) == [left, right]


def test_a_new_hand_takes_the_place_of_a_lost_track_first() -> None:
    elsewhere = [400.0, 100.0, 500.0, 200.0]
    followed, lost = track_at(CropBox(75.0, 75.0, 150.0)), Track(replace(CONFIG, roi_mode="topic"))
    assert shown_to([followed, lost], [elsewhere]) == [None, elsewhere]


def test_a_hand_that_comes_later_gets_a_number_of_its_own_and_one_that_leaves_is_dropped() -> None:
    estimator = Estimator(TwoHands(LEFTMOST, RIGHTMOST), CONFIG)
    assert [pair.track_id for pair in pairs(estimator, 0.0, RIGHTMOST)] == [1]
    assert [pair.track_id for pair in pairs(estimator, 0.1, LEFTMOST, RIGHTMOST)] == [1, 2]
    backend = estimator.backend
    assert isinstance(backend, TwoHands)
    # Only the second is confirmed by detections; the network is sure of nothing else.
    answer = backend.answer

    def doubting(image: np.ndarray, model: ObjectModel) -> NetworkOutput:
        output = answer(image, model)
        gone = backend.scene is RIGHTMOST
        return replace(output, hand_sigma=np.full_like(output.hand_sigma, 30.0)) if gone else output

    backend.answer = doubting  # type: ignore[method-assign]
    found = {stamp: pairs(estimator, stamp, LEFTMOST) for stamp in (0.3, 0.5, 0.7, 0.8)}
    assert [[pair.track_id for pair in seen] for seen in found.values()] == [[1, 2], [1, 2], [1, 2], [2]]
    assert [pair.valid for pair in found[0.3]] == [False, True]
    assert_shows(found[0.8][0], LEFTMOST)


def test_no_more_hands_than_wanted() -> None:
    estimator = Estimator(TwoHands(LEFTMOST, RIGHTMOST), replace(CONFIG, max_hands=1))
    (pair,) = pairs(estimator, 0.0, RIGHTMOST, LEFTMOST)
    assert_shows(pair, RIGHTMOST)
    with pytest.raises(UserError, match="max_hands"):
        replace(CONFIG, max_hands=0)


def test_each_hand_holds_the_object_that_is_nearest_to_it() -> None:
    estimator = Estimator(TwoHands(LEFTMOST, RIGHTMOST), replace(CONFIG, object_id=""))
    first, second = pairs(estimator, 0.0, LEFTMOST, RIGHTMOST, object_ids=("mug", "bottle"))
    assert (first.object.name, second.object.name) == ("mug", "bottle")  # type: ignore[union-attr]
    # Tracks remember their objects.
    first, second = pairs(estimator, 0.1)
    assert (first.object.name, second.object.name) == ("mug", "bottle")  # type: ignore[union-attr]


def test_the_detected_side_counts_and_stays_with_the_track() -> None:
    backend = FakeBackend(camera(), left_truth(), side="left")
    estimator = Estimator(backend, CONFIG)
    sides = []
    for stamp, fields in ((0.0, {**boxes(backend.scene), "hand_sides": ("left",)}), (0.1, {}), (0.2, {})):
        (pair,) = estimator.process(frame_of(camera(), stamp=stamp, **fields)).pairs
        assert pair.hand is not None
        np.testing.assert_allclose(pair.hand.joints, backend.scene.joints, atol=1e-3)
        sides.append(pair.hand.side)
    assert sides == ["left"] * 3


def test_without_tracking_a_jump_is_another_hand() -> None:
    estimator = Estimator(TwoHands(LEFTMOST, RIGHTMOST), replace(CONFIG, roi_mode="topic", max_hands=1))
    found = [pairs(estimator, 0.1 * number, scene)[0] for number, scene in enumerate([LEFTMOST] * 3 + [RIGHTMOST] * 2)]
    assert [pair.track_id for pair in found] == [1, 1, 1, 2, 2]
    assert pairs(estimator, 2.0, RIGHTMOST)[0].track_id == 3


@pytest.mark.parametrize(("class_id", "side"), [("hand_left", "left"), ("Right Hand", "right"), ("hand", "")])
def test_sides_are_read_from_class_ids(class_id: str, side: str) -> None:
    found = boxes_from_detections(message((class_id, 0.9, 10.0)), ["mug"])
    assert found.sides == (side,)


def test_several_hands_may_hold_different_objects_and_a_single_one_only_the_best() -> None:
    seen = [("mug", 0.9, 10.0), ("bottle", 0.8, 50.0), ("hand_left", 0.7, 20.0)]
    alone = boxes_from_detections(message(*seen), ["mug", "bottle"])
    assert (alone.object_id, alone.object_ids) == ("mug", ("mug",))
    both = boxes_from_detections(message(*seen, ("hand_right", 0.95, 40.0)), ["mug", "bottle"])
    assert (both.object_ids, both.sides) == (("mug", "bottle"), ("right", "left"))
    chosen = boxes_from_detections(message(*seen, ("hand_right", 0.95, 40.0)), ["mug", "bottle"], "bottle")
    assert (chosen.object_id, chosen.object_ids) == ("bottle", ("bottle",))


def message(*seen: tuple[str, float, float]) -> SimpleNamespace:
    """A Detection2DArray of (class id, score, x)."""

    def detection(class_id: str, score: float, x: float) -> SimpleNamespace:
        hypothesis = SimpleNamespace(class_id=class_id, score=score)
        centre = SimpleNamespace(position=SimpleNamespace(x=x, y=5.0))
        box = SimpleNamespace(center=centre, size_x=10.0, size_y=10.0)
        return SimpleNamespace(results=[SimpleNamespace(hypothesis=hypothesis)], bbox=box)

    return SimpleNamespace(detections=[detection(*one) for one in seen])


class FakeDetector:
    """Sees what it is told."""

    def __init__(self) -> None:
        self.scene: Truth | None = None
        self.calls = 0

    def detect(self, _: np.ndarray) -> DetectedPair:
        self.calls += 1
        if self.scene is None:
            return DetectedPair(None, None)
        found = detections(camera(), self.scene)
        return DetectedPair(*(DetectedBox(found[name][0], 0.9) for name in ("hand_boxes", "object_boxes")))


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> FakeDetector:
    fake = FakeDetector()
    monkeypatch.setattr("hand_object_pose.estimation.own_boxes.BoxDetector", lambda: fake)
    return fake


def test_auto_begins_with_the_built_in_detector_and_needs_it_no_more_while_it_tracks(detector: FakeDetector) -> None:
    estimator = Estimator(TwoHands(LEFTMOST), replace(CONFIG, roi_mode="auto"))
    (nothing,) = pairs(estimator, 0.0)
    assert (nothing.valid, nothing.roi_source, nothing.box) == (False, "detector", None)
    assert "built-in detector finds no hand" in nothing.reason
    detector.scene = LEFTMOST
    begun = [pairs(estimator, 0.1 * number)[0] for number in range(1, 5)]
    assert [pair.roi_source for pair in begun] == ["detector", "tracking", "tracking", "tracking"]
    assert [pair.track_id for pair in begun] == [1] * 4
    for pair in begun:
        assert_shows(pair, LEFTMOST)
    assert detector.calls == 2


def test_auto_asks_the_detector_again_after_an_estimate_that_is_not_valid(detector: FakeDetector) -> None:
    detector.scene = LEFTMOST
    backend = TwoHands(LEFTMOST)
    estimator = Estimator(backend, replace(CONFIG, roi_mode="auto"))
    assert pairs(estimator, 0.0)[0].valid
    detector.scene = RIGHTMOST
    backend.spread = 30.0
    assert not pairs(estimator, 0.1)[0].valid
    assert detector.calls == 1
    backend.spread, backend.scenes = 0.5, [RIGHTMOST]
    (again,) = pairs(estimator, 0.2)
    assert_shows(again, RIGHTMOST)
    assert (again.roi_source, again.track_id, detector.calls) == ("detector", 2, 2)


def test_auto_asks_the_detector_again_after_a_long_gap(detector: FakeDetector) -> None:
    """The last estimate was valid, but of two seconds ago."""
    detector.scene = LEFTMOST
    backend = TwoHands(LEFTMOST)
    estimator = Estimator(backend, replace(CONFIG, roi_mode="auto"))
    assert pairs(estimator, 0.0)[0].valid
    detector.scene, backend.scenes = RIGHTMOST, [RIGHTMOST]
    (again,) = pairs(estimator, 2.0)
    assert_shows(again, RIGHTMOST)
    assert (again.roi_source, again.track_id, detector.calls) == ("detector", 2, 2)


def test_auto_prefers_given_detections(detector: FakeDetector) -> None:
    detector.scene = RIGHTMOST
    estimator = Estimator(TwoHands(LEFTMOST, RIGHTMOST), replace(CONFIG, roi_mode="auto"))
    (pair,) = pairs(estimator, 0.0, LEFTMOST)
    assert (pair.roi_source, detector.calls) == ("topic", 0)
    assert_shows(pair, LEFTMOST)
