"""The square the network looks at: containment, detections, tracking and its end."""

import numpy as np
import pytest

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.region_of_interest import (
    Detections,
    Fixed,
    FullFrame,
    overlap,
)
from hand_object_pose.estimation.tracking_region import Tracking
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.crops import CropBox
from hand_object_pose.geometry.projection import distort, undistort_boxes

CAMERA = Camera(np.array([[600.0, 0, 320.0], [0, 600.0, 240.0], [0, 0, 1]]), 640, 480)
IMAGE = np.zeros((480, 640, 3), np.uint8)
HAND = np.array([[200.0, 150, 280, 260]])
OBJECT = np.array([[260.0, 160, 340, 230]])


def frame(stamp: float = 0.0, hand: np.ndarray | None = None, held: np.ndarray | None = None) -> Frame:
    return Frame(IMAGE, CAMERA, stamp, hand_boxes=hand, object_boxes=held)


def cloud(u: float, v: float = 240.0, depth: float = 0.6, size: float = 0.1) -> np.ndarray:
    """Points (8, 3) of a cube centred on the ray through a pixel."""
    corners = np.stack(np.meshgrid(*[[-0.5, 0.5]] * 3), axis=-1).reshape(-1, 3) * size
    return corners + CAMERA.unproject(np.array([u, v]), np.asarray(depth))


def contains(crop: CropBox | None, box: np.ndarray) -> bool:
    assert crop is not None
    return crop.x <= box[0] and crop.y <= box[1] and crop.x + crop.side >= box[2] and crop.y + crop.side >= box[3]


def test_full_frame_holds_the_image() -> None:
    crop = FullFrame().propose(frame()).crop
    assert contains(crop, np.array([-0.5, -0.5, 639.5, 479.5]))
    assert crop is not None
    assert crop.side == 640


def test_fixed_box_is_grown_to_a_square() -> None:
    crop = Fixed(np.array([10.0, 20, 110, 60])).propose(frame()).crop
    assert crop == CropBox(10.0, -10.0, 100.0)


def test_detection_takes_the_best_hand_and_the_object_nearest_to_it() -> None:
    hands = np.concatenate([HAND, HAND + 300])
    objects = np.concatenate([OBJECT + 200, OBJECT])
    region = Detections(margin=1.25).propose(frame(hand=hands, held=objects))
    assert region.source == "topic"
    assert region.crop is not None
    assert region.crop.side == pytest.approx(140 * 1.25)
    np.testing.assert_allclose(region.crop.centre, [270, 205])


def test_a_lone_hand_leaves_more_room() -> None:
    both = Detections().propose(frame(hand=HAND, held=HAND)).crop
    lone = Detections().propose(frame(hand=HAND)).crop
    assert both is not None
    assert lone is not None
    assert lone.side > both.side


@pytest.mark.parametrize("boxes", [{}, {"hand": np.zeros((0, 4)), "held": np.zeros((0, 4))}])
def test_no_detection_is_no_region(boxes: dict) -> None:
    region = Detections().propose(frame(**boxes))
    assert region.crop is None
    assert "no detection" in region.reason


def test_tracking_begins_with_the_full_frame_until_a_detector_answers() -> None:
    tracking = Tracking()
    assert tracking.propose(frame(0.0)).source == "full_frame"
    assert tracking.propose(frame(0.1, HAND, OBJECT)).source == "topic"
    waiting = tracking.propose(frame(0.2))
    assert waiting.crop is None
    assert "no detection" in waiting.reason


def test_track_holds_the_points_with_its_margin() -> None:
    tracking = Tracking(margin=1.25)
    tracking.update(frame(0.0), cloud(300))
    region = tracking.propose(frame(0.03))
    pixels = CAMERA.project(cloud(300))
    assert region.source == "tracking"
    assert contains(region.crop, np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]))
    assert region.crop is not None
    assert region.crop.side == pytest.approx(np.ptp(pixels, axis=0).max() * 1.25)


def test_track_runs_ahead_of_a_steady_motion() -> None:
    tracking = Tracking()
    for step in range(4):
        tracking.update(frame(step * 0.1), cloud(200 + 15 * step))
    crop = tracking.propose(frame(0.4)).crop
    tracking.reset()
    tracking.update(frame(0.4), cloud(260))
    there = tracking.propose(frame(0.4)).crop
    assert crop is not None
    assert there is not None
    np.testing.assert_allclose(crop.centre, there.centre, atol=1)


def test_a_jump_moves_the_prediction_by_a_quarter_of_the_side_at_most() -> None:
    tracking = Tracking()
    tracking.update(frame(0.0), cloud(100))
    tracking.update(frame(0.001), cloud(400))
    here, ahead = tracking.propose(frame(0.001)).crop, tracking.propose(frame(0.1)).crop
    assert here is not None
    assert ahead is not None
    assert ahead.x - here.x == pytest.approx(here.side / 4)


def test_over_a_long_gap_the_square_is_not_moved_on_any_further() -> None:
    tracking = Tracking(longest_prediction=0.2)
    tracking.update(frame(0.0), cloud(300))
    tracking.update(frame(0.1), cloud(306))
    here, soon, later = (tracking.propose(frame(stamp)).crop for stamp in (0.1, 0.2, 0.5))
    assert here is not None
    assert soon is not None
    assert later is not None
    assert 5 < soon.x - here.x < 8
    assert later.x - here.x == pytest.approx(2 * (soon.x - here.x))


def test_track_survives_invalid_frames_and_ends_after_lost_after() -> None:
    tracking = Tracking(lost_after=0.5)
    tracking.propose(frame(0.0, HAND, OBJECT))
    tracking.update(frame(0.0), cloud(300))
    tracking.update(frame(0.2), None)
    assert tracking.propose(frame(0.45)).source == "tracking"
    assert tracking.propose(frame(0.51)).crop is None
    assert tracking.propose(frame(0.52, HAND, OBJECT)).source == "topic"


def test_a_detection_elsewhere_takes_over_and_one_nearby_does_not() -> None:
    tracking = Tracking()
    tracking.update(frame(0.0), cloud(270, 205))
    assert tracking.propose(frame(0.1, HAND, OBJECT)).source == "tracking"
    assert tracking.propose(frame(0.1, HAND + 250, OBJECT + 250)).source == "topic"


@pytest.mark.parametrize(("share", "source"), [(0.25, "tracking"), (0.15, "topic")])
def test_a_track_is_lost_to_a_detection_that_overlaps_it_by_less_than_a_fifth(share: float, source: str) -> None:
    tracking = Tracking()
    tracking.update(frame(0.0), cloud(270, 205))
    tracked = tracking.propose(frame(0.0)).crop
    assert tracked is not None
    # Intersection over union of equal squares, one moved by d sides: (1 - d) / (1 + d).
    moved = tracked.x + tracked.side * (1 - share) / (1 + share)
    inner = tracked.side * (1 - 1 / 1.25) / 2
    box = np.array([[moved + inner, tracked.y + inner, moved + tracked.side - inner, tracked.y + tracked.side - inner]])
    assert tracking.propose(frame(0.0, box, box)).source == source


def test_a_detection_nearby_moves_the_square_halfway_to_it() -> None:
    tracking = Tracking()
    tracking.update(frame(0.0), cloud(270, 205))
    tracked, corrected = tracking.propose(frame(0.0)).crop, tracking.propose(frame(0.0, HAND, OBJECT)).crop
    detected = Detections().propose(frame(0.0, HAND, OBJECT)).crop
    assert tracked is not None
    assert corrected is not None
    assert detected is not None
    assert corrected.side == pytest.approx((tracked.side + detected.side) / 2)
    np.testing.assert_allclose(corrected.centre, (tracked.centre + detected.centre) / 2)
    assert abs(tracked.side - detected.side) > 5


def test_the_square_shrinks_slowly_and_grows_at_once() -> None:
    """An estimate of what the square cuts off is too small: following it at once would cut off more each time."""
    tracking = Tracking(fastest_shrinking=0.3)
    tracking.update(frame(0.0), cloud(300))
    before = tracking.propose(frame(0.0)).crop
    tracking.update(frame(0.25), cloud(300, size=0.05))
    after = tracking.propose(frame(0.25)).crop
    tracking.update(frame(0.3), cloud(300, size=0.2))
    grown = tracking.propose(frame(0.3)).crop
    tracking.reset()
    tracking.update(frame(0.3), cloud(300, size=0.2))
    large = tracking.propose(frame(0.3)).crop
    assert before is not None
    assert after is not None
    assert after.side == pytest.approx(before.side * 0.7**0.25)
    np.testing.assert_allclose(after.centre, before.centre, atol=1)
    assert grown == large


def test_time_that_runs_backwards_ends_the_track() -> None:
    tracking = Tracking()
    tracking.update(frame(5.0), cloud(300))
    assert tracking.propose(frame(1.0)).source == "full_frame"


def test_an_estimate_behind_the_camera_or_outside_the_image_is_not_followed() -> None:
    for points in (cloud(300, depth=0.6) * [1, 1, -1], cloud(3000)):
        tracking = Tracking()
        tracking.update(frame(0.0), points)
        assert tracking.propose(frame(0.01)).source == "full_frame"


def test_reset_forgets() -> None:
    tracking = Tracking()
    tracking.propose(frame(0.0, HAND, OBJECT))
    tracking.update(frame(0.0), cloud(300))
    tracking.reset()
    # Also that a detector answered once.
    assert tracking.propose(frame(0.01)).source == "full_frame"


def test_overlap_of_squares() -> None:
    square = CropBox(0, 0, 10)
    assert overlap(square, square) == 1
    assert overlap(square, CropBox(5, 0, 10)) == pytest.approx(50 / 150)
    assert overlap(square, CropBox(20, 0, 10)) == 0


@pytest.mark.parametrize("model", ["plumb_bob", "equidistant"])
def test_boxes_of_distorted_images_hold_what_they_held(model: str) -> None:

    bent = np.array([-0.25, 0.08, 0.0, 0.0]) if model == "equidistant" else np.array([-0.25, 0.08, 0.0, 0.0, 0.0])
    camera = Camera(CAMERA.matrix, 640, 480, model, bent)
    points = cloud(560, 400)
    raw = distort(camera, points)
    box = np.concatenate([raw.min(axis=0), raw.max(axis=0)])
    straight = undistort_boxes(camera, box[None])[0]
    pixels = camera.project(points)
    exact = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    assert np.abs(exact - box).max() > 12
    np.testing.assert_allclose(straight, exact, atol=8)
