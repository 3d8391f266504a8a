"""The demo's scores on made-up recordings whose errors are known in closed form."""

from dataclasses import replace

import numpy as np
import pytest
from demo_data import INVALID, baseline, content, heard, known_weights, moved_hand, moved_object, scene, true_estimate

from hand_object_pose.demo.scoring import score_recording
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.result import HandObjectEstimate
from hand_object_pose.evaluation.in_view import in_view
from hand_object_pose.geometry.projection import visible_share


def errors_of(*pairs: HandObjectEstimate) -> dict[str, float]:
    bag = content(len(pairs))
    estimates = [heard(stamp, pair) for stamp, pair in zip(bag.stamps, pairs, strict=True)]
    summary = score_recording(
        bag, estimates, dict(zip(bag.stamps, bag.stamps, strict=True)), known_weights(), baseline()
    ).summary
    assert summary is not None
    return {**summary.errors, "availability": summary.availability, "frames": summary.frames}


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
