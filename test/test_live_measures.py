"""What is measured of a node at work, on made-up recordings: counts, rate, ages, latencies, equal poses."""

from dataclasses import replace

import numpy as np
import pytest
from demo_data import FRAME, GOOD_COUNTS, INVALID, PERIOD, PUBLISHED, content, heard, some_estimates, true_estimate
from hypothesis import given
from hypothesis import strategies as st

from hand_object_pose.demo.consistency import consistency_problems
from hand_object_pose.demo.stamps import original_stamps
from hand_object_pose.demo.verdict import failures
from hand_object_pose.live.counts import count_images
from hand_object_pose.live.recording import HeardPose, Recording
from hand_object_pose.live.timing import age_slope, latencies, least_squares_slope, publishing_rate


def test_stamps_of_later_rounds_lead_back_to_the_bag() -> None:
    bag = content(3)
    played = {"shift_ns": 5_000_000_000, "period_ns": 100_000_000}

    originals = original_stamps(bag, played, 2)

    assert originals[bag.stamps[2] + 5_000_000_000] == bag.stamps[2]
    assert originals[bag.stamps[1] + 5_100_000_000] == bag.stamps[1]
    assert len(originals) == 6


def test_counts_that_add_up() -> None:
    counts = count_images(PUBLISHED, GOOD_COUNTS, some_estimates())

    assert counts.add_up, counts.problems
    assert counts.lost_in_transport == 1
    assert failures(2, counts, None, {}) == []


def test_images_that_a_bag_lacks_are_not_lost_in_transport() -> None:
    stamps = [number * PERIOD for number in range(12) if number not in (4, 5, 8)]
    estimates = [heard(stamp, true_estimate(), sequence) for sequence, stamp in enumerate(stamps, 1)]
    node = {"images_received": 9, "estimated": 9, "lost_before_arrival": 3}

    counts = count_images(stamps, node, estimates)

    assert counts.add_up, counts.problems
    assert (counts.missing_in_bag, counts.lost_in_transport) == (3, 0)
    too_many = count_images(stamps, node | {"lost_before_arrival": 4}, estimates)
    assert any("saw 4 images missing" in problem for problem in too_many.problems)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"estimated": 1}, "received 4 is not"),
        ({"images_received": 6, "estimated": 4}, "were published"),
        ({"lost_before_arrival": 3}, "images missing"),
        ({"estimated": 1, "replaced": 2}, "counts 1 estimated, the recorder heard 2"),
        ({"pending": 1, "replaced": 0}, "received 4 is not"),
    ],
)
def test_counts_that_do_not_add_up_fail(change: dict, words: str) -> None:
    counts = count_images(PUBLISHED, GOOD_COUNTS | change, some_estimates())

    assert any(words in problem for problem in counts.problems), counts.problems
    assert any("do not add up" in reason for reason in failures(2, counts, None, {}))


def test_sequence_numbers_reveal_wrong_counts() -> None:
    twice = [*some_estimates()[:2], heard(PUBLISHED[4], INVALID, 2)]
    early = [heard(PUBLISHED[0], true_estimate(), 2), *some_estimates()[1:]]
    unknown = [*some_estimates()[:2], heard(PUBLISHED[4] + 1, INVALID, 4)]

    assert any("do not increase" in text for text in count_images(PUBLISHED, GOOD_COUNTS, twice).problems)
    assert not count_images(PUBLISHED, GOOD_COUNTS, early).add_up
    assert any("no image was published" in text for text in count_images(PUBLISHED, GOOD_COUNTS, unknown).problems)


@given(st.floats(-5, 5), st.floats(-100, 100), st.lists(st.floats(0, 60), min_size=2, max_size=20, unique=True))
def test_slope_of_a_line_is_its_slope(slope: float, offset: float, times: list[float]) -> None:
    if np.ptp(times) < 0.1:
        return
    values = slope * np.array(times) + offset

    assert least_squares_slope(times, values) == pytest.approx(slope, abs=1e-6)


def test_slope_equals_numpys() -> None:
    rng = np.random.default_rng(0)
    times, values = rng.uniform(0, 60, 50), rng.normal(0, 1, 50)

    assert least_squares_slope(times, values) == pytest.approx(np.polyfit(times, values, 1)[0])


def test_age_that_grows_is_found() -> None:
    # Stamps every 0.1 s; each age is 2 ms more than the one before: 2 ms in 0.102 s of arrival time.
    estimates = [heard(number * 100_000_000, None, age=0.05 + 0.002 * number) for number in range(20)]

    assert age_slope(estimates) == pytest.approx(2.0 / 0.102)
    assert age_slope([heard(entry.stamp, None) for entry in estimates]) == pytest.approx(0.0, abs=1e-9)


def test_rate_and_what_it_must_reach() -> None:
    arrivals = [number * 50_000_000 for number in range(21)]

    quick, slow = publishing_rate(arrivals, [0.01] * 21), publishing_rate(arrivals, [0.05] * 21)

    assert quick.published_hz == pytest.approx(20.0)
    assert (quick.required_hz, slow.required_hz) == pytest.approx((27.0, 18.0))
    assert (quick.reached, slow.reached) == (False, True)


def test_latencies_by_stage() -> None:
    idle = replace(heard(200 * PERIOD, None, age=9.0), timing={"total": 0.0})
    estimates = [heard(number * PERIOD, None, age=0.04 + 0.001 * number) for number in range(101)]

    stages = latencies([*estimates, idle])

    assert list(stages) == ["network", "total", "transport", "node", "end_to_end"]
    assert stages["total"]["mean_ms"] == pytest.approx(20.0)
    assert stages["end_to_end"]["p50_ms"] == pytest.approx(90.0)
    assert stages["end_to_end"]["p95_ms"] == pytest.approx(135.0)
    assert stages["transport"] == pytest.approx({"p50_ms": 1.0, "p95_ms": 1.0, "mean_ms": 1.0})


def poses(*stamps: int, offset: float = 0.0, frame: str = FRAME, child: str = "mug") -> list[HeardPose]:
    return [HeardPose(stamp, frame, child, (offset, 0.0, 0.6, 0.0, 0.0, 0.0, 1.0)) for stamp in stamps]


def test_equal_poses_are_consistent() -> None:
    recording = Recording(some_estimates(), poses(0, PERIOD), poses(0, PERIOD), poses(0, PERIOD, child=""))

    assert consistency_problems(recording, PUBLISHED, FRAME) == []


@pytest.mark.parametrize(
    ("transforms", "words"),
    [
        (poses(0, PERIOD, offset=1e-12), "equal no valid estimate"),
        (poses(0), "have no equal"),
        (poses(0, PERIOD, frame="world"), "in the frame"),
        (poses(0, PERIOD, 7), "no image had"),
        (poses(0, PERIOD, child="cup"), "equal no valid estimate"),
    ],
)
def test_inconsistent_transforms_are_named(transforms: list[HeardPose], words: str) -> None:
    recording = Recording(some_estimates(), poses(0, PERIOD), transforms, poses(0, PERIOD, child=""))

    assert any(words in problem and "/tf" in problem for problem in consistency_problems(recording, PUBLISHED, FRAME))
