"""The grasp state: its definition at one moment, and its hysteresis in distance and in time."""

import itertools

import numpy as np
import pytest

from hand_object_pose.estimation.grasp_state import GraspSettings, GraspState, GraspTracker, grasp_of

APART, TOUCHING, HELD = GraspState.APART, GraspState.TOUCHING, GraspState.HELD
SETTINGS = GraspSettings(distance=0.005, release=2.0, settle=0.1, forget_after=0.5)
FAR = 0.05


def distances(**parts: float) -> np.ndarray:
    names = ("palm", "thumb", "index", "middle", "ring", "little")
    return np.array([parts.get(name, FAR) for name in names])


def test_the_numbers_are_those_of_the_message() -> None:
    message = pytest.importorskip("hand_object_pose_msgs.msg").HandObjectEstimate
    for state in GraspState:
        assert getattr(message, f"GRASP_{state.name}") == state


@pytest.mark.parametrize("touching", list(itertools.product([False, True], repeat=6)))
def test_held_means_thumb_or_palm_and_a_finger(touching: tuple[bool, ...]) -> None:
    palm, thumb, *fingers = touching
    wanted = HELD if (palm or thumb) and any(fingers) else TOUCHING if any(touching) else APART
    assert grasp_of(np.array(touching)) is wanted


def test_the_first_state_is_said_at_once_and_another_only_after_a_while() -> None:
    tracker = GraspTracker(SETTINGS)
    grasp, apart = distances(thumb=0.0, index=0.0), distances()
    assert tracker.update(1, 10.0, grasp) is HELD
    assert tracker.update(1, 10.05, apart) is HELD
    assert tracker.update(1, 10.14, apart) is HELD
    assert tracker.update(1, 10.16, apart) is APART


def test_a_moment_of_another_state_begins_the_wait_anew() -> None:
    tracker = GraspTracker(SETTINGS)
    grasp, apart = distances(thumb=0.0, index=0.0), distances()
    said = [
        tracker.update(1, time, seen) for time, seen in zip(np.arange(0, 1, 0.08), [grasp, apart] * 6, strict=False)
    ]
    assert set(said) == {HELD}


def test_what_touches_is_released_farther_away() -> None:
    """Between the distance and twice as much the state stays what it was, however long."""
    between = distances(thumb=0.008, index=0.008)
    for first, wanted in ((distances(thumb=0.001, index=0.001), HELD), (distances(), APART)):
        tracker = GraspTracker(SETTINGS)
        tracker.update(1, 0.0, first)
        assert {tracker.update(1, time, between) for time in np.arange(0.1, 2.0, 0.1)} == {wanted}


def test_half_released_is_touching() -> None:
    tracker = GraspTracker(SETTINGS)
    tracker.update(1, 0.0, distances(thumb=0.0, index=0.0))
    thumb_gone = distances(thumb=FAR, index=0.008)
    assert [tracker.update(1, time, thumb_gone) for time in (0.1, 0.3)] == [HELD, TOUCHING]


def test_tracks_do_not_mix_and_are_forgotten() -> None:
    tracker = GraspTracker(SETTINGS)
    grasp, apart = distances(palm=0.0, little=0.0), distances()
    assert [tracker.update(1, 0.0, grasp), tracker.update(2, 0.0, apart)] == [HELD, APART]
    assert [tracker.update(1, 0.05, grasp), tracker.update(2, 0.05, apart)] == [HELD, APART]
    # After a pause, a jump back and a reset, what is seen is said at once.
    assert tracker.update(1, 1.0, apart) is APART
    assert tracker.update(1, 0.5, grasp) is HELD
    tracker.reset()
    assert tracker.update(1, 0.5, apart) is APART
