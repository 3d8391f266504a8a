"""Counts add up whatever happens, stamp gaps, pairing, detections and the verdict about it all."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_object_pose.ros.counters import Counters, Fate, StampGaps
from hand_object_pose.ros.detections import DetectionSlot, boxes_from_detections
from hand_object_pose.ros.pairing import Pairing
from hand_object_pose.ros.status import Observations, Outcome, Problem, State, TopicFacts, evaluate

MILLISECOND = 1_000_000


def test_counts_of_several_threads_add_up():
    counters = Counters()

    def work(fate):
        for _ in range(500):
            counters.add("received")
            counters.settle(fate)

    threads = [threading.Thread(target=work, args=(fate,)) for fate in Fate]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = counters.snapshot()
    assert counts.received == 500 * len(Fate)
    assert counts.pending == 0
    assert all(getattr(counts, fate.value) == 500 for fate in Fate)


@given(st.sets(st.integers(20, 199), max_size=60), st.integers(0, 2))
@settings(deadline=None)
def test_stamp_gaps_count_the_images_that_are_missing(missing, jitter):
    gaps = StampGaps()
    noise = np.random.default_rng(0).integers(-jitter, jitter + 1, 202) * MILLISECOND
    sent = [number for number in range(202) if number not in missing]
    period = 33 * MILLISECOND
    assert sum(gaps.lost(10**18 + number * period + int(noise[number])) for number in sent) == len(missing)


def stamped(stamp: int, **values) -> SimpleNamespace:
    header = SimpleNamespace(stamp=SimpleNamespace(sec=stamp // 10**9, nanosec=stamp % 10**9), frame_id="camera")
    return SimpleNamespace(header=header, **({"width": 64, "height": 48} | values))


def test_an_image_waits_for_partners_in_any_order():
    for order in ("iid", "idi", "dii"):
        pairing = Pairing(True, 0, 0.05)
        out, seen = [], 0
        for letter in order:
            if letter == "d":
                out += pairing.add_depth(stamped(5))
            elif seen == 0:
                seen = 1
                out += pairing.add_image(stamped(5, name="image"), 0, 1, 0.0)
            else:
                out += pairing.add_info(stamped(5))
        (bundle,) = out
        assert bundle.info_exact
        assert bundle.depth is not None
        assert bundle.sequence == 1


def test_the_newest_fitting_info_stands_in_and_waiting_ends():
    pairing = Pairing(False, 0, 0.05)
    pairing.add_info(stamped(1, width=64))
    pairing.add_info(stamped(2, width=320))
    assert pairing.add_image(stamped(9), 0, 1, 0.0) == []
    assert pairing.expire(0.04) == []
    (bundle,) = pairing.expire(0.06)
    assert (bundle.info.width, bundle.info_exact) == (64, False)
    # It has learned that infos of the same stamp do not come.
    assert len(pairing.add_image(stamped(10), 0, 2, 1.0)) == 1
    assert pairing.add_info(stamped(10)) == []
    assert pairing.add_image(stamped(11), 0, 3, 2.0) == []
    assert pairing.add_info(stamped(11))[0].info_exact


def test_a_partner_that_came_before_its_image_is_expected_again():
    pairing = Pairing(False, 0, 0.05)
    pairing.add_image(stamped(1), 0, 1, 0.0)
    pairing.expire(1.0)
    pairing.add_info(stamped(2))
    assert pairing.add_image(stamped(2), 0, 2, 1.0)[0].info_exact
    assert pairing.add_image(stamped(3), 0, 3, 1.1) == []
    assert pairing.add_info(stamped(3))[0].info_exact


def test_a_depth_of_the_same_stamp_is_preferred_to_a_near_one():
    pairing = Pairing(True, 10, 0.05)
    pairing.add_info(stamped(100))
    assert pairing.add_depth(stamped(95, name="near")) == []
    assert pairing.add_image(stamped(100), 0, 1, 0.0) == []
    assert pairing.add_depth(stamped(100, name="exact"))[0].depth.name == "exact"
    # A depth camera whose stamps never fit: after one vain wait the nearest is taken at once.
    pairing.add_info(stamped(200))
    pairing.add_depth(stamped(205, name="near"))
    assert pairing.add_image(stamped(200), 0, 2, 0.0) == []
    assert pairing.expire(0.1)[0].depth.name == "near"
    pairing.add_info(stamped(300))
    assert pairing.add_image(stamped(300), 0, 3, 0.2) == []
    assert pairing.add_depth(stamped(305, name="near"))[0].depth.name == "near"


def test_a_newer_image_pushes_the_held_one_out():
    pairing = Pairing(True, 2 * MILLISECOND, 0.05)
    pairing.add_info(stamped(0))
    assert pairing.add_image(stamped(30 * MILLISECOND), 0, 1, 0.0) == []
    (pushed,) = pairing.add_image(stamped(60 * MILLISECOND), 0, 2, 0.01)
    assert (pushed.sequence, pushed.depth) == (1, None)
    assert pairing.clear()
    assert not pairing.clear()
    late = stamped(90 * MILLISECOND)
    assert pairing.add_image(late, 0, 3, 0.02) == []
    assert pairing.expire(0.2)[0].info is not None


def detection(class_id, score, x=10.0, y=20.0, width=6.0, height=8.0):
    hypothesis = SimpleNamespace(hypothesis=SimpleNamespace(class_id=class_id, score=score))
    centre = SimpleNamespace(position=SimpleNamespace(x=x, y=y))
    return SimpleNamespace(results=[hypothesis], bbox=SimpleNamespace(center=centre, size_x=width, size_y=height))


def test_detections_are_sorted_into_hands_and_known_objects_best_first():
    seen = [
        detection("mug", 0.4),
        detection("right_hand", 0.9, x=50.0),
        detection("carton", 0.8),
        detection("cat", 1.0),
    ]
    boxes = boxes_from_detections(SimpleNamespace(detections=seen), ["mug", "carton"])
    assert (boxes.object_id, boxes.ignored) == ("carton", ("cat",))
    np.testing.assert_array_equal(boxes.hands, [[47, 16, 53, 24]])
    chosen = boxes_from_detections(SimpleNamespace(detections=seen), ["mug", "carton"], "mug")
    assert (chosen.object_id, len(chosen.objects)) == ("mug", 1)
    assert boxes_from_detections(SimpleNamespace(detections=[]), ["mug"]).objects is None


def test_detections_are_used_once_and_not_when_too_old_or_of_the_future():
    slot = DetectionSlot(0.5)
    slot.put(stamped(10**9))
    assert slot.take(10**9 - 1) is None
    assert slot.take(10**9 + 10**8) is not None
    assert slot.take(10**9 + 10**8) is None
    slot.put(stamped(10**9))
    assert slot.take(2 * 10**9) is None


GOOD = Observations(
    now=100.0,
    active=True,
    image=TopicFacts("/image", "sensor_msgs/msg/Image", 1),
    lost_after=0.5,
    stale_after=1.0,
    last_image=99.9,
    last_valid=99.9,
    outcome=Outcome.VALID,
)
LOW = Problem("low confidence", "/image")


@pytest.mark.parametrize(
    ("changes", "state", "word"),
    [
        ({}, State.RUNNING, ""),
        ({"fatal": Problem("hung")}, State.ERROR, "hung"),
        ({"active": False}, State.WAITING, "not active"),
        ({"setup": Problem("teapot")}, State.WAITING, "teapot"),
        ({"last_image": None, "image": TopicFacts("/a", "T")}, State.WAITING, "nobody publishes /a"),
        ({"last_image": None, "image": TopicFacts("/a", "T", 0, ("U",))}, State.WAITING, "published as U"),
        ({"last_image": None, "image": TopicFacts("/a", "T", 1, (), True)}, State.WAITING, "quality of service"),
        ({"last_image": None}, State.WAITING, "no image has arrived"),
        ({"last_image": 98.0}, State.STALE, "no image arrives any more"),
        ({"last_image": 98.0, "image": TopicFacts("/a", "T")}, State.STALE, "nobody publishes"),
        ({"outcome": Outcome.NONE}, State.WAITING, "first image"),
        ({"outcome": Outcome.UNFIT, "problem": Problem("8UC3", "/image")}, State.WAITING, "8UC3"),
        ({"waiting_since": 99.1}, State.RUNNING, ""),
        ({"waiting_since": 98.9}, State.LOST, "longer than 1 s"),
        # After a pause the first image has only just arrived.
        ({"last_valid": 90.0, "waiting_since": 99.9}, State.RUNNING, ""),
        ({"outcome": Outcome.INVALID, "problem": LOW}, State.RUNNING, ""),
        ({"outcome": Outcome.INVALID, "problem": LOW, "last_valid": 99.0}, State.LOST, "low confidence"),
        ({"outcome": Outcome.INVALID, "problem": LOW, "last_valid": None}, State.WAITING, "low confidence"),
    ],
)
def test_the_first_unmet_condition_is_named(changes, state, word):
    verdict = evaluate(replace(GOOD, **changes))
    assert verdict.state == state
    assert word in verdict.problem.reason
    assert bool(verdict.problem.reason) == (state != State.RUNNING)


def test_the_states_are_those_of_the_message():
    messages = pytest.importorskip("hand_object_pose_msgs.msg")
    assert all(getattr(messages.Status, state.name) == state for state in State)
