"""The demo's measures on made-up recordings whose values are known in closed form."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from demo_data import FRAME, PERIOD, TOPICS, baseline, content, heard, known_weights, moved_hand, moved_object, scene
from hypothesis import given
from hypothesis import strategies as st

from hand_object_pose.bags.bag_types import DETECTIONS
from hand_object_pose.cli.main import main
from hand_object_pose.demo.consistency import consistency_problems
from hand_object_pose.demo.pictures import truth_as_estimate
from hand_object_pose.demo.requirements import Requirement, requirements
from hand_object_pose.demo.scoring import score_recording
from hand_object_pose.demo.stamps import original_stamps
from hand_object_pose.demo.summary import summarise_runs, target_table
from hand_object_pose.demo.verdict import card_errors, failures, remarks
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.in_view import in_view
from hand_object_pose.evaluation.summary import Summary
from hand_object_pose.geometry.projection import visible_share
from hand_object_pose.live.counts import ImageCounts, count_images
from hand_object_pose.live.recording import HeardPose, Recording
from hand_object_pose.live.timing import Rate, age_slope, latencies, least_squares_slope, publishing_rate
from hand_object_pose.replay.topics import COMPRESSED, IMAGE, find_topics

INVALID = HandObjectEstimate(0, False, "low confidence", 0.01)
GOOD_COUNTS = {"images_received": 4, "estimated": 2, "invalid": 1, "replaced": 1, "lost_before_arrival": 1}


def errors_of(*pairs: HandObjectEstimate) -> dict[str, float]:
    bag = content(len(pairs))
    estimates = [heard(stamp, pair) for stamp, pair in zip(bag.stamps, pairs, strict=True)]
    summary = score_recording(
        bag, estimates, dict(zip(bag.stamps, bag.stamps, strict=True)), known_weights(), baseline()
    ).summary
    assert summary is not None
    return {**summary.errors, "availability": summary.availability, "frames": summary.frames}


def true_estimate(number: int = 0) -> HandObjectEstimate:
    return truth_as_estimate(scene(number))


def test_truth_has_no_error() -> None:
    errors = errors_of(true_estimate(0), true_estimate(1))

    for name in ("hand.mje_cm", "hand.mme_cm", "object.add_s_cm", "object.mce_cm", "object.translation_cm"):
        assert errors[name] == pytest.approx(0.0, abs=1e-9)
    assert errors["object.rotation_deg"] == pytest.approx(0.0, abs=1e-4)
    assert errors["availability"] == 1.0


def test_object_moved_by_two_centimetres_errs_by_that_much() -> None:
    offset = np.array([0.0, 0.0, 0.02])

    errors = errors_of(moved_object(true_estimate(), offset))

    assert errors["object.translation_cm"] == pytest.approx(2.0)
    assert errors["object.mce_cm"] == pytest.approx(2.0)
    assert 0 < errors["object.add_s_cm"] < 2.0
    assert errors["hand.mje_cm"] == pytest.approx(0.0, abs=1e-9)


def test_hand_moved_as_a_whole_has_no_error_and_without_its_wrist_it_has() -> None:
    offset = np.array([0.03, 0.0, 0.0])

    whole = errors_of(moved_hand(true_estimate(), offset, wrist_too=True))
    without = errors_of(moved_hand(true_estimate(), offset, wrist_too=False))

    assert whole["hand.mje_cm"] == pytest.approx(0.0, abs=1e-9)
    assert without["hand.mje_cm"] == pytest.approx(3.0 * 20 / 21)
    assert without["hand.mme_cm"] == pytest.approx(3.0)


def test_invalid_frames_count_with_the_baseline_and_lower_availability() -> None:
    bag = content(2)
    same = dict(zip(bag.stamps, bag.stamps, strict=True))
    estimates = [heard(bag.stamps[0], true_estimate(0)), heard(bag.stamps[1], INVALID)]

    summary = score_recording(bag, estimates, same, known_weights(), baseline()).summary

    assert summary is not None
    assert summary.availability == 0.5
    assert summary.baseline["hand.mje_cm"] > 1
    for name in ("hand.mje_cm", "object.add_s_cm"):
        assert summary.errors[name] == pytest.approx(summary.baseline[name] / 2, rel=0.2)
    alone = score_recording(bag, estimates[1:], same, known_weights(), baseline()).summary
    assert alone is not None
    assert alone.errors == pytest.approx(alone.baseline)


def test_frames_out_of_view_do_not_count() -> None:
    bag = content(2)
    away = scene(1)
    aside = np.array([2.0, 0.0, 0.0])
    away = replace(away, joints=away.joints + aside, hand_vertices=away.hand_vertices + aside)
    bag.truth.scenes[bag.stamps[1]] = away
    same = dict(zip(bag.stamps, bag.stamps, strict=True))
    estimates = [heard(bag.stamps[0], true_estimate(0)), heard(bag.stamps[1], INVALID)]

    scores = score_recording(bag, estimates, same, known_weights(), baseline())

    assert scores.summary is not None
    assert (scores.summary.frames, len(scores.frames), scores.summary.availability) == (1, 2, 1.0)


@pytest.mark.parametrize(("share", "expected"), [(0.81, True), (0.79, False)])
def test_in_view_means_four_fifths(share: float, expected: bool) -> None:
    shown = content().camera
    model = known_weights().objects["mug"]
    truth = scene(0)
    joints = np.tile([0.0, 0.0, 0.6], (100, 1))
    joints[round(100 * share) :] = [5.0, 0.0, 0.6]

    assert visible_share(shown, joints) == pytest.approx(share)
    assert in_view(shown, model, truth.object_pose, joints) is expected


def test_points_behind_the_camera_are_not_visible() -> None:
    assert visible_share(content().camera, np.array([[0.0, 0.0, 0.6], [0.0, 0.0, -0.6]])) == 0.5


def test_another_hand_is_refused() -> None:
    bag = content(1)
    bag.truth.hand_hashes.add("f" * 64)

    with pytest.raises(UserError, match="another hand"):
        score_recording(bag, [heard(0, true_estimate())], {0: 0}, known_weights(), baseline())


def test_stamps_of_later_rounds_lead_back_to_the_bag() -> None:
    bag = content(3)
    played = {"shift_ns": 5_000_000_000, "period_ns": 100_000_000}

    originals = original_stamps(bag, played, 2)

    assert originals[bag.stamps[2] + 5_000_000_000] == bag.stamps[2]
    assert originals[bag.stamps[1] + 5_100_000_000] == bag.stamps[1]
    assert len(originals) == 6


# Of five images, number 1 was lost and number 3 replaced.
PUBLISHED = [number * PERIOD for number in range(5)]


def some_estimates() -> list:
    pairs = [(0, true_estimate(), 1), (2, true_estimate(), 2), (4, INVALID, 4)]
    return [heard(PUBLISHED[index], pair, sequence) for index, pair, sequence in pairs]


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


def test_silent_node_fails() -> None:
    counts = count_images(PUBLISHED, {}, [])

    assert failures(0, counts, None, {})[0] == "no estimate arrived"
    assert not counts.add_up


def good_counts() -> ImageCounts:
    return count_images(PUBLISHED, GOOD_COUNTS, some_estimates())


@pytest.mark.parametrize(("value", "failed"), [(1.99, False), (2.0, False), (2.01, True), (float("nan"), True)])
def test_errors_beyond_twice_the_card_fail(value: float, failed: bool) -> None:
    reasons = failures(2, good_counts(), {"hand.mje_cm": value}, {"hand.mje_cm": 1.0})

    assert bool(reasons) is failed
    assert failures(2, good_counts(), None, {"hand.mje_cm": 1.0}) == []


def test_card_values_are_read_where_there_are_any() -> None:
    provenance = {"data": "synthetic", "hand.mje_cm": "1.25", "add_s_cm": "0.9", "object.mce_cm": "not measured"}

    assert card_errors(provenance) == {"hand.mje_cm": 1.25, "object.add_s_cm": 0.9}


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


TYPES = {
    "/image": IMAGE,
    "/camera_info": "sensor_msgs/msg/CameraInfo",
    "/depth/image": IMAGE,
    "/ground_truth": "hand_object_pose_msgs/msg/HandObjectEstimates",
}


def test_topics_of_our_own_bags() -> None:
    assert find_topics(Path("bag"), TYPES) == TOPICS


def test_topics_of_a_users_bag() -> None:
    types = {
        "/camera/color/image_raw/compressed": COMPRESSED,
        "/camera/color/camera_info": "sensor_msgs/msg/CameraInfo",
        "/camera/aligned_depth_to_color/image_raw/compressedDepth": COMPRESSED,
        "/camera/left/image_raw": IMAGE,
        "/yolo": DETECTIONS,
    }

    topics = find_topics(Path("bag"), types, image="/camera/color/image_raw")

    assert topics.image.transport == "compressed"
    assert topics.depth is not None
    assert (topics.depth.base, topics.depth.transport) == (
        "/camera/aligned_depth_to_color/image_raw",
        "compressedDepth",
    )
    assert topics.detections == "/yolo"
    assert "/camera/left/image_raw" not in topics.given
    with pytest.raises(UserError, match=r"several topics can be meant.*--image"):
        find_topics(Path("bag"), types)


def test_bags_that_lack_something_are_refused_in_words() -> None:
    with pytest.raises(UserError, match="no topic of colour images"):
        find_topics(Path("bag"), {"/scan": "sensor_msgs/msg/LaserScan"})
    with pytest.raises(UserError, match="sensor_msgs/msg/CameraInfo on /camera_info"):
        find_topics(Path("bag"), {"/image": IMAGE})


def metrics(seed: int, error: float, failed: bool = False) -> dict:
    names = ("hand.mje_cm", "hand.mme_cm", "object.add_s_cm", "object.mce_cm", "object.rotation_deg")
    numbers = dict.fromkeys((*names, "object.translation_cm", "interaction.pd_mm", "interaction.cp_percent"), error)
    return {
        "format": "hand_object_pose demo 1",
        "seed": seed,
        **numbers,
        "baseline": dict.fromkeys(numbers, 4.0),
        "availability": 1.0 - 0.01 * seed,
        "failures": ["no estimate arrived"] if failed else [],
        "rate": {"published_hz": 30.0 - seed},
        "age_slope_ms_per_s": None,
    }


def test_summary_over_sequences() -> None:
    summary = summarise_runs({"a": metrics(1, 1.0), "b": metrics(2, 3.0)})

    entry = summary["numbers"]["hand.mje_cm"]
    assert (entry["mean"], entry["worst"], entry["worst_run"]) == (2.0, 3.0, "b")
    assert (entry["baseline_mean"], entry["ratio_of_means"], entry["worst_ratio"]) == (4.0, 0.5, 0.75)
    assert summary["numbers"]["availability"]["worst_run"] == "b"
    assert summary["numbers"]["rate.published_hz"]["worst"] == 28.0
    assert "age_slope_ms_per_s" not in summary["numbers"]


def test_summary_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    files = [tmp_path / f"{seed}.json" for seed in (1, 2)]
    for seed, file in enumerate(files, 1):
        file.write_text(json.dumps(metrics(seed, 1.0 * seed)))
    out = tmp_path / "summary.json"

    assert main(["demo-summary", *map(str, files), "--out", str(out)]) == 0
    assert json.loads(out.read_text())["runs"] == ["seed 1", "seed 2"]
    files[0].write_text(json.dumps(metrics(1, 1.0, failed=True)))
    assert main(["demo-summary", *map(str, files)]) == 1
    files[0].write_text("{}")
    assert main(["demo-summary", *map(str, files)]) == 2
    assert "expected the metrics.json of a demo" in capsys.readouterr().err


def minute_of_estimates(seconds: float, growth: float) -> list:
    """Ten a second, each ``growth`` seconds older on arrival than the one before."""
    return [heard(number * 100_000_000, None, age=0.05 + growth * number) for number in range(int(10 * seconds))]


def test_what_is_required_is_judged_and_remarked() -> None:
    errors = {"hand.mje_cm": 1.2, "object.add_s_cm": 1.6}
    summary = Summary(10, 0.94, errors, {"hand.mje_cm": 2.0, "object.add_s_cm": 4.0})
    estimates = minute_of_estimates(60, growth=0.001)

    found = requirements(summary, Rate(20.0, 10.0, 27.0), age_slope(estimates), estimates)

    assert {entry.name: entry.reached for entry in found} == {
        "rate.published_hz": False,
        "age_slope_ms_per_s": False,
        "availability": False,
        "hand.mje_cm": True,
        "hand.mje_cm / baseline": False,
        "object.add_s_cm": False,
        "object.add_s_cm / baseline": True,
    }
    said = remarks(summary, {"hand.mje_cm": 1.0}, True, found)
    assert len(said) == 5
    assert "NOT REACHED: rate.published_hz is 20.000, should be at least 27.000." in said


def test_slope_is_judged_over_a_minute_only() -> None:
    brief, whole = minute_of_estimates(10, 0.001), minute_of_estimates(60, 0.0)

    (short,) = requirements(None, None, age_slope(brief), brief)
    (long,) = requirements(None, None, age_slope(whole), whole)

    assert (short.reached, long.reached) == (None, True)
    assert "too briefly" in remarks(None, {}, False, [short])[-1]


def test_inconsistency_fails() -> None:
    assert failures(2, good_counts(), None, {}, ["1 of the transforms on /tf differs"]) == [
        "inconsistent: 1 of the transforms on /tf differs"
    ]


def test_summary_compares_with_the_targets() -> None:
    runs = {"a": metrics(1, 1.0), "b": metrics(2, 3.0)}
    for run in runs.values():
        error = run["hand.mje_cm"]
        wanted = [
            Requirement("hand.mje_cm", error, 1.5),
            Requirement("hand.mje_cm / baseline", error / 4.0, 0.5),
            Requirement("availability", run["availability"], 0.95, at_least=True),
            Requirement("age_slope_ms_per_s", 0.1, 1.0, judged=False),
        ]
        run["requirements"] = {entry.name: entry.as_dict() for entry in wanted}

    summary = summarise_runs(runs)

    reached = {name: (entry["mean_reached"], entry["runs_reached"]) for name, entry in summary["targets"].items()}
    assert reached == {
        "hand.mje_cm": (False, 1),
        "hand.mje_cm / baseline": (True, 1),
        "availability": (True, 2),
        "age_slope_ms_per_s": (None, 0),
    }
    assert target_table(summary).rows[0] == ["hand.mje_cm", "at most 1.50", "2.00", "NO", "1 of 2"]
