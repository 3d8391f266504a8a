"""Baseline, errors of a frame, summaries."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.estimation.result import HandEstimate, HandObjectEstimate, ObjectEstimate
from hand_object_pose.evaluation.baseline import Baseline, mean_pose
from hand_object_pose.evaluation.frame_errors import FRAME_ERRORS, HAND_ERRORS, baseline_errors, frame_errors
from hand_object_pose.evaluation.summary import FrameScore, summarise
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.synthetic.sample import SceneTruth


def scene(seed, name="bottle"):
    rng = np.random.default_rng(seed)
    wrist = rng.uniform([-0.2, -0.2, 0.4], [0.2, 0.2, 0.9])
    joints = wrist + rng.normal(0, 0.04, (21, 3))
    joints[0] = wrist
    pose = pose_matrix(Rotation.random(rng=rng).as_matrix(), wrist + rng.normal(0, 0.05, 3))
    return SceneTruth(wrist + rng.normal(0, 0.05, (778, 3)), joints, name, pose)


def estimate(truth, vertices=None, joints=None, pose=None, **changes):
    """A valid estimate, the truth itself unless told otherwise."""
    vertices = truth.hand_vertices if vertices is None else vertices
    joints = truth.joints if joints is None else joints
    hand = HandEstimate(vertices, joints, np.zeros(778), np.zeros(21))
    thing = ObjectEstimate(truth.object_name, truth.object_pose if pose is None else pose, np.eye(6))
    values = {"track_id": 1, "valid": True, "reason": "", "confidence": 1.0, "hand": hand, "object": thing}
    return HandObjectEstimate(**(values | changes))


@pytest.fixture(scope="module")
def bottle():
    return default_catalogue()["bottle"]


@pytest.fixture(scope="module")
def baseline():
    return Baseline.from_truths([scene(seed, name) for seed in range(20) for name in ("bottle", "can")])


# Baseline


def test_mean_rotation_is_the_chordal_mean_of_scipy():
    rotations = Rotation.from_rotvec(np.random.default_rng(0).normal(0, 0.8, (50, 3)))
    translations = np.random.default_rng(1).normal(size=(50, 3))
    mean = mean_pose(pose_matrix(rotations.as_matrix(), translations))
    np.testing.assert_allclose(mean[:3, :3], rotations.mean().as_matrix(), atol=1e-9)
    np.testing.assert_allclose(mean[:3, 3], translations.mean(axis=0))


def test_mean_of_scattered_rotations_is_still_a_rotation():
    for seed in range(10):
        rotations = Rotation.random(3, rng=np.random.default_rng(seed)).as_matrix()
        mean = mean_pose(pose_matrix(rotations, np.zeros((3, 3))))[:3, :3]
        assert np.linalg.det(mean) == pytest.approx(1)
        np.testing.assert_allclose(mean @ mean.T, np.eye(3), atol=1e-9)


def test_baseline_of_one_scene_repeats_it_at_any_wrist():
    truth, wrist = scene(3), np.array([0.1, 0.2, 0.7])
    answer = Baseline.from_truths([truth]).predict(wrist, "bottle")
    np.testing.assert_allclose(answer.joints[0], wrist)
    np.testing.assert_allclose(answer.joints - wrist, truth.joints - truth.joints[0])
    np.testing.assert_allclose(answer.vertices - wrist, truth.hand_vertices - truth.joints[0])
    np.testing.assert_allclose(answer.object_pose[:3, :3], truth.object_pose[:3, :3], atol=1e-9)
    np.testing.assert_allclose(answer.object_pose[:3, 3] - wrist, truth.object_pose[:3, 3] - truth.joints[0])


def test_the_mean_hand_is_over_all_objects_and_the_pose_over_one(baseline):
    wrist = np.zeros(3)
    bottle, can = baseline.predict(wrist, "bottle"), baseline.predict(wrist, "can")
    np.testing.assert_array_equal(bottle.vertices, can.vertices)
    truths = [scene(seed, "bottle") for seed in range(20)]
    np.testing.assert_allclose(bottle.vertices, np.mean([t.hand_vertices - t.joints[0] for t in truths], axis=0))
    expected = np.mean([t.object_pose[:3, 3] - t.joints[0] for t in truths], axis=0)
    np.testing.assert_allclose(bottle.object_pose[:3, 3], expected)
    np.testing.assert_array_equal(baseline.object_poses["bottle"][:3, 3], bottle.object_pose[:3, 3])


def test_predicting_does_not_move_the_baseline(baseline):
    first = baseline.predict(np.ones(3), "can").object_pose
    np.testing.assert_array_equal(baseline.predict(np.ones(3), "can").object_pose, first)


def test_a_saved_baseline_is_the_same(tmp_path, baseline):
    baseline.save(tmp_path / "baseline.npz")
    loaded = Baseline.load(tmp_path / "baseline.npz")
    assert loaded.count == baseline.count == 40
    wrist = np.array([0.0, 0.1, 0.5])
    for name in ("bottle", "can"):
        expected, found = baseline.predict(wrist, name), loaded.predict(wrist, name)
        np.testing.assert_array_equal(found.vertices, expected.vertices)
        np.testing.assert_array_equal(found.joints, expected.joints)
        np.testing.assert_array_equal(found.object_pose, expected.object_pose)


def test_what_is_not_a_baseline_is_refused(tmp_path, baseline):
    with pytest.raises(UserError, match=r"missing\.npz.*hand-object-train baseline"):
        Baseline.load(tmp_path / "missing.npz")
    (tmp_path / "text.npz").write_text("text")
    with pytest.raises(UserError, match=r"text\.npz"):
        Baseline.load(tmp_path / "text.npz")
    baseline.save(tmp_path / "half.npz")
    whole = (tmp_path / "half.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"half\.npz"):
        Baseline.load(tmp_path / "half.npz")
    with pytest.raises(UnknownObjectError, match="bottle, can"):
        baseline.predict(np.zeros(3), "mug")
    with pytest.raises(ValueError, match="at least one scene"):
        Baseline.from_truths([])


def test_the_shipped_baseline_knows_the_default_objects():
    baseline = Baseline.load()
    assert set(baseline.object_poses) == set(default_catalogue())
    np.testing.assert_allclose(baseline.joints[0], 0, atol=1e-6)
    for pose in baseline.object_poses.values():
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6)
        assert np.linalg.norm(pose[:3, 3]) < 0.3


# Errors of a frame


def test_the_truth_has_no_error(bottle):
    errors = frame_errors(scene(0), estimate(scene(0)), bottle)
    assert tuple(errors) == FRAME_ERRORS
    for name in FRAME_ERRORS[:6]:
        assert errors[name] == pytest.approx(0, abs=1e-5)


def test_a_shift_of_everything_is_an_error_of_the_object_only(bottle):
    truth, shift = scene(1), np.array([0.03, 0.0, -0.04])
    pose = truth.object_pose.copy()
    pose[:3, 3] += shift
    errors = frame_errors(truth, estimate(truth, truth.hand_vertices + shift, truth.joints + shift, pose), bottle)
    assert errors["hand.mje_cm"] == pytest.approx(0, abs=1e-9)
    assert errors["hand.mme_cm"] == pytest.approx(0, abs=1e-9)
    assert errors["object.translation_cm"] == pytest.approx(5)
    assert errors["object.mce_cm"] == pytest.approx(5)
    assert errors["object.rotation_deg"] == pytest.approx(0, abs=1e-5)
    assert 0 < errors["object.add_s_cm"] < 5
    unmoved = frame_errors(truth, estimate(truth), bottle)
    assert errors["interaction.pd_mm"] == pytest.approx(unmoved["interaction.pd_mm"])


def test_units_of_hand_and_rotation(bottle):
    truth = scene(2)
    joints = truth.joints.copy()
    joints[5] += (0, 0.021, 0)
    turned = truth.object_pose.copy()
    turned[:3, :3] = Rotation.from_rotvec([0, np.radians(30), 0]).as_matrix() @ turned[:3, :3]
    errors = frame_errors(truth, estimate(truth, joints=joints, pose=turned), bottle)
    assert errors["hand.mje_cm"] == pytest.approx(0.1)  # one joint of 21 is off by 21 mm
    assert errors["object.rotation_deg"] == pytest.approx(30)
    assert errors["object.translation_cm"] == pytest.approx(0)


def test_the_spin_of_a_can_is_no_error():
    truth = scene(4, "can")
    spun = truth.object_pose @ pose_matrix(Rotation.from_rotvec([0, 0, 2.0]).as_matrix(), np.zeros(3))
    errors = frame_errors(truth, estimate(truth, pose=spun), default_catalogue()["can"])
    assert errors["object.rotation_deg"] == pytest.approx(0, abs=1e-5)


def test_penetration_is_the_mean_depth_over_all_vertices_in_millimetres():
    can = default_catalogue()["can"]
    truth = scene(5, "can")
    vertices = np.full((778, 3), 5.0)
    centre = truth.object_pose[:3, 3]
    vertices[:100] = centre  # in the middle of a can of 6.8 cm diameter
    errors = frame_errors(truth, estimate(truth, vertices=vertices), can)
    assert errors["interaction.pd_mm"] == pytest.approx(34 * 100 / 778, rel=0.02)
    assert errors["interaction.contact"] == 1
    away = frame_errors(truth, estimate(truth, vertices=vertices + 1), can)
    assert away["interaction.pd_mm"] == 0
    assert away["interaction.contact"] == 0


def test_what_an_estimate_lacks_is_left_out(bottle):
    truth = scene(6)
    assert frame_errors(truth, None, bottle) == {}
    assert frame_errors(truth, estimate(truth, valid=False), bottle) == {}
    assert tuple(frame_errors(truth, estimate(truth, object=None), bottle)) == HAND_ERRORS
    other = ObjectEstimate("mug", truth.object_pose, np.eye(6))
    assert tuple(frame_errors(truth, estimate(truth, object=other), bottle)) == HAND_ERRORS
    invalid = ObjectEstimate("bottle", truth.object_pose, np.eye(6), valid=False, reason="left hand")
    assert tuple(frame_errors(truth, estimate(truth, object=invalid), bottle)) == HAND_ERRORS
    assert not any(name in HAND_ERRORS for name in frame_errors(truth, estimate(truth, hand=None), bottle))


# Summaries


def score(truth, answered, baseline, model):
    """An estimate's errors beside the baseline's."""
    prediction = baseline.predict(truth.joints[0], truth.object_name)
    return FrameScore(frame_errors(truth, answered, model), baseline_errors(truth, prediction, model))


def test_a_missing_estimate_counts_with_the_baselines_errors(bottle, baseline):
    truths = [scene(seed) for seed in range(4)]
    estimates = [estimate(truths[0]), estimate(truths[1]), None, estimate(truths[3], object=None)]
    scores = [score(t, e, baseline, bottle) for t, e in zip(truths, estimates, strict=True)]
    summary = summarise(scores)
    assert summary.frames == 4
    assert summary.availability == 0.5
    hand, thing = "hand.mje_cm", "object.add_s_cm"
    assert summary.errors[hand] == pytest.approx(scores[2].baseline[hand] / 4, abs=1e-6)
    assert summary.errors[thing] == pytest.approx((scores[2].baseline[thing] + scores[3].baseline[thing]) / 4, abs=1e-6)
    assert summary.baseline[hand] == pytest.approx(np.mean([each.baseline[hand] for each in scores]))


def test_the_baseline_scores_as_itself(bottle, baseline):
    truths = [scene(seed) for seed in range(100, 103)]
    scores = []
    for truth in truths:
        answer = baseline.predict(truth.joints[0], "bottle")
        answered = estimate(truth, answer.vertices, answer.joints, answer.object_pose)
        scores.append(score(truth, answered, baseline, bottle))
    summary = summarise(scores)
    assert summary.availability == 1
    assert dict(summary.errors) == pytest.approx(dict(summary.baseline))
    assert summary.errors["hand.mje_cm"] > 1


def test_contact_becomes_a_percentage_and_nothing_else_is_renamed():
    complete = dict.fromkeys(FRAME_ERRORS, 1.0)
    without = complete | {"interaction.contact": 0.0}
    summary = summarise([FrameScore(complete, complete), FrameScore(without, complete)] * 2)
    assert summary.errors["interaction.cp_percent"] == 50
    assert summary.baseline["interaction.cp_percent"] == 100
    written = summary.as_dict()
    assert set(written) == {*FRAME_ERRORS[:-1], "interaction.cp_percent", "baseline", "availability", "frames"}
    with pytest.raises(ValueError, match="no frame"):
        summarise([])
