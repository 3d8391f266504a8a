"""Filters over time: published formulas, invariants, outliers, symmetries, and when they begin anew."""

from dataclasses import replace

import numpy as np
import pytest
from fake_backend import FakeBackend, camera, detections, frame_of, truth
from scipy.spatial.transform import Rotation

from hand_object_pose.errors import UserError
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.estimator import Estimator
from hand_object_pose.estimation.result import HandEstimate, HandObjectEstimate, ObjectEstimate
from hand_object_pose.estimation.smoothing.configuration import MODES, GateSettings, OneEuroSettings, SmoothingConfig
from hand_object_pose.estimation.smoothing.motion import Motion, moved_pose, pose_difference
from hand_object_pose.estimation.smoothing.one_euro import OneEuroPoints, OneEuroPose
from hand_object_pose.estimation.smoothing.smoother import Smoother
from hand_object_pose.estimation.uncertainty import UNCALIBRATED_COVARIANCE
from hand_object_pose.geometry.se3 import pose_matrix, rotation_from_wxyz, wxyz_from_rotation
from hand_object_pose.objects.object_model import ObjectModel, Symmetries
from hand_object_pose.objects.symmetry_file import rotation_about

SMOOTHING = [mode for mode in MODES if mode != "none"]
SECONDS = 1 / 30
LOST_AFTER = 0.5
NOISE = np.diag([0.002**2] * 3 + [0.02**2] * 3)
_POINTS = np.random.default_rng(0).normal(0, 0.05, (1000, 3))
_FACES = np.arange(999).reshape(-1, 3)
BOX = Symmetries(np.stack([np.eye(4), rotation_about(np.array([0.0, 0, 1]), np.array([0.01, 0, 0]), np.pi)]))
CAN = Symmetries(axes=np.array([[0.0, 0, 1]]), axis_points=np.array([[0.01, 0.02, 0.0]]))
BALL = Symmetries(axes=np.eye(3), axis_points=np.full((3, 3), 0.01))
MODELS = {
    name: ObjectModel(name, _POINTS, _FACES, symmetries)
    for name, symmetries in {"tool": Symmetries(), "box": BOX, "can": CAN, "ball": BALL}.items()
}


def turned_about_middle(rotation: np.ndarray) -> np.ndarray:
    """A symmetry of the ball."""
    middle = BALL.axis_points[0]
    return pose_matrix(rotation, middle - rotation @ middle)


def random_pose(rng: np.random.Generator) -> np.ndarray:
    return pose_matrix(Rotation.random(random_state=rng).as_matrix(), rng.normal(0, 0.3, 3))


def hand_of(pose: np.ndarray) -> HandEstimate:
    """A hand's points that move with a pose; its last 21 points are means of the others."""
    vertices = np.random.default_rng(1).normal(0, 0.05, (778, 3)) @ pose[:3, :3].T + pose[:3, 3]
    return HandEstimate(vertices, vertices[:756].reshape(21, 36, 3).mean(axis=1), np.zeros(778), np.zeros(21))


def pair_of(
    pose: np.ndarray, name: str = "tool", track: int = 1, covariance: np.ndarray | None = None
) -> HandObjectEstimate:
    thing = ObjectEstimate(
        name, pose, UNCALIBRATED_COVARIANCE if covariance is None else covariance, covariance is not None
    )
    return HandObjectEstimate(track, True, "", 0.9, hand_of(pose), thing)


def refined(smoother: Smoother, poses: list[np.ndarray], name: str = "tool", **fields: object) -> list[Motion | None]:
    """Filtered motions of poses, 1/30 s apart."""
    results = []
    for number, pose in enumerate(poses):
        result = smoother.refine(number * SECONDS, pair_of(pose, name, **fields), MODELS)  # type: ignore[arg-type]
        assert result.object is not None
        np.testing.assert_array_equal(result.object.pose, pose)
        results.append(result.object.filtered)
    return results


def smoother_of(mode: str, **settings: object) -> Smoother:
    return Smoother(SmoothingConfig(mode, **settings), LOST_AFTER)  # type: ignore[arg-type]


def noisy_course(rng: np.random.Generator, count: int = 40) -> list[np.ndarray]:
    """Poses on a course of uniform motion, seen with noise."""
    start, twist = random_pose(rng), np.concatenate([rng.normal(0, 0.2, 3), rng.normal(0, 0.5, 3)])
    course = [moved_pose(start, twist * SECONDS * number) for number in range(count)]
    return [moved_pose(pose, rng.multivariate_normal(np.zeros(6), NOISE)) for pose in course]


def published_one_euro(values: list[float], rate: float, settings: OneEuroSettings) -> list[float]:
    """Algorithm 1 of the article, for a scalar."""

    def alpha(cutoff: float) -> float:
        tau, te = 1.0 / (2 * np.pi * cutoff), 1.0 / rate
        return 1.0 / (1.0 + tau / te)

    filtered, edx, result = values[0], 0.0, [values[0]]
    for value in values[1:]:
        dx = (value - filtered) * rate
        edx = alpha(settings.derivative_cutoff) * dx + (1 - alpha(settings.derivative_cutoff)) * edx
        weight = alpha(settings.min_cutoff + settings.beta * abs(edx))
        filtered = weight * value + (1 - weight) * filtered
        result.append(filtered)
    return result


def test_one_euro_of_a_scalar_is_the_published_one() -> None:
    settings, rng = OneEuroSettings(1.2, 0.8, 0.9), np.random.default_rng(0)
    values = list(np.cumsum(rng.normal(0, 0.1, 50)))
    expected = published_one_euro(values, 1 / SECONDS, settings)
    points = OneEuroPoints(np.array([[values[0], 0, 0]]), settings)
    pose = OneEuroPose(pose_matrix(np.eye(3), np.array([0, values[0], 0])), settings, settings)
    for value, wanted in zip(values[1:], expected[1:], strict=True):
        assert points.update(np.array([[value, 0, 0]]), SECONDS)[0, 0] == pytest.approx(wanted, abs=1e-12)
        found = pose.update(pose_matrix(np.eye(3), np.array([0, value, 0])), SECONDS)
        assert found[1, 3] == pytest.approx(wanted, abs=1e-12)


def test_one_euro_of_turns_about_one_axis_is_the_published_one_for_their_angle() -> None:
    """Over two full turns: nothing happens where the angle passes 180 degrees, or a quaternion its negative."""
    settings, axis = OneEuroSettings(1.2, 0.3), np.array([0.6, 0, -0.8])
    angles = list(np.cumsum(np.random.default_rng(1).normal(0.25, 0.1, 60)))
    assert angles[-1] > 4 * np.pi
    poses = [rotation_about(axis, np.zeros(3), angle) for angle in angles]
    one_euro = OneEuroPose(poses[0], OneEuroSettings(1.0, 1.0), settings)
    for pose, wanted in list(zip(poses, published_one_euro(angles, 1 / SECONDS, settings), strict=True))[1:]:
        np.testing.assert_allclose(one_euro.update(pose, SECONDS), rotation_about(axis, np.zeros(3), wanted), atol=1e-9)


@pytest.mark.parametrize("mode", SMOOTHING)
def test_a_steady_scene_is_converged_to_and_noise_becomes_less(mode: str) -> None:
    rng = np.random.default_rng(2)
    pose = random_pose(rng)
    first = moved_pose(pose, np.array([0.003, -0.003, 0.002, 0.03, 0.01, -0.02]))
    last = refined(smoother_of(mode), [first] + [pose] * 400)[-1]
    assert last is not None
    np.testing.assert_allclose(pose_difference(last.pose, pose), 0, atol=1e-6)
    np.testing.assert_allclose(last.twist, 0, atol=1e-6)
    seen = [moved_pose(pose, rng.multivariate_normal(np.zeros(6), NOISE)) for _ in range(120)]
    found = [motion.pose for motion in refined(smoother_of(mode), seen) if motion][20:]
    raw, filtered = (np.std([pose_difference(pose, each) for each in poses], axis=0) for poses in (seen, found))
    assert (filtered < 0.75 * raw).all()


@pytest.mark.parametrize("mode", SMOOTHING)
@pytest.mark.parametrize("calibrated", [False, True])
def test_moving_the_world_moves_the_results_along(mode: str, calibrated: bool) -> None:
    """Left-multiplication: poses, twists and covariances are those of the moved world, also with outliers."""
    rng = np.random.default_rng(3)
    course, world = noisy_course(rng), random_pose(rng)
    course[20] = random_pose(rng)
    both = np.kron(np.eye(2), world[:3, :3])
    covariance = np.diag([0.01, 0.02, 0.03, 0.2, 0.1, 0.15]) ** 2 if calibrated else None
    turned = None if covariance is None else both @ covariance @ both.T
    here = refined(smoother_of(mode), course, covariance=covariance)
    there = refined(smoother_of(mode), [world @ pose for pose in course], covariance=turned)
    assert [motion is None for motion in here] == [motion is None for motion in there]
    for first, second in zip(here, there, strict=True):
        if first is None or second is None:
            continue
        np.testing.assert_allclose(second.pose, world @ first.pose, atol=1e-9)
        np.testing.assert_allclose(second.twist, both @ first.twist, atol=1e-9)
        if calibrated:
            four = np.kron(np.eye(2), both)
            np.testing.assert_allclose(second.covariance, four @ first.covariance @ four.T, atol=1e-10)


@pytest.mark.parametrize("mode", SMOOTHING)
def test_the_hand_follows_the_world_too_and_stays_one_piece(mode: str) -> None:
    rng = np.random.default_rng(4)
    course, world = noisy_course(rng, 20), random_pose(rng)
    here, there = smoother_of(mode), smoother_of(mode)
    for number, pose in enumerate(course):
        first = here.refine(number * SECONDS, pair_of(pose), MODELS).hand
        second = there.refine(number * SECONDS, pair_of(world @ pose), MODELS).hand
        assert first is not None
        assert second is not None
        if first.filtered is None or second.filtered is None:
            assert number < 2
            continue
        moved = first.filtered.vertices @ world[:3, :3].T + world[:3, 3]
        np.testing.assert_allclose(second.filtered.vertices, moved, atol=1e-9)
        means = first.filtered.vertices[:756].reshape(21, 36, 3).mean(axis=1)
        np.testing.assert_allclose(first.filtered.joints, means, atol=1e-9)
    assert number == 19
    assert not np.allclose(first.filtered.vertices, first.vertices, atol=1e-4)  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", SMOOTHING)
@pytest.mark.parametrize("offset", [[0.3, 0, 0, 0, 0, 0], [0, 0, 0, 0, 2.0, 0], [0.02, 0, 0.25, 1.0, 0, 0]])
def test_a_single_outlier_moves_nothing(mode: str, offset: list[float]) -> None:
    """By less than a tenth of a millimetre and of a milliradian; 30 cm and 115 degrees were seen."""
    course = [random_pose(np.random.default_rng(5))] * 60
    spoilt = list(course)
    spoilt[40] = moved_pose(course[40], np.array(offset))
    plain, disturbed = refined(smoother_of(mode), course), refined(smoother_of(mode), spoilt)
    for first, second in zip(plain[40:], disturbed[40:], strict=True):
        assert first is not None
        assert second is not None
        assert np.abs(pose_difference(first.pose, second.pose)).max() < 1e-4


@pytest.mark.parametrize("mode", SMOOTHING)
def test_an_outlier_on_the_way_is_bridged_by_the_motion(mode: str) -> None:
    start, twist = random_pose(np.random.default_rng(6)), np.array([0.5, 0.2, 0, 0.3, 0, 1.0])
    course = [moved_pose(start, twist * SECONDS * number) for number in range(80)]
    spoilt = list(course)
    spoilt[60] = moved_pose(course[60], np.array([0, 0, 0.4, 0, 0, 0]))
    motions = [refined(smoother_of(mode), poses)[60] for poses in (course, spoilt)]
    assert motions[0] is not None
    assert motions[1] is not None
    # The undisturbed filter moved 18 mm and 2 degrees in this step.
    assert np.abs(pose_difference(motions[0].pose, motions[1].pose)).max() < 2e-3


@pytest.mark.parametrize("mode", SMOOTHING)
def test_a_misread_hand_is_bridged_by_its_motion(mode: str) -> None:
    start, twist = random_pose(np.random.default_rng(6)), np.array([0.5, 0.2, 0, 0, 0, 0])
    course = [moved_pose(start, twist * SECONDS * number) for number in range(80)]
    spoilt = [*course[:60], moved_pose(course[60], np.array([0, 0, 0.4, 0, 0, 0])), *course[61:]]
    found = []
    for poses in (course, spoilt):
        smoother = smoother_of(mode)
        hands = [smoother.refine(number * SECONDS, pair_of(pose), MODELS).hand for number, pose in enumerate(poses)]
        assert hands[60] is not None
        assert hands[60].filtered is not None
        found.append(hands[60].filtered.vertices)
    # It moved 18 mm in this step.
    np.testing.assert_allclose(found[1], found[0], atol=2e-3)


@pytest.mark.parametrize("mode", SMOOTHING)
def test_a_hand_of_the_other_side_is_another_hand(mode: str) -> None:
    smoother = smoother_of(mode)
    refined(smoother, [np.eye(4)] * 20)
    pair = pair_of(np.eye(4))
    assert pair.hand is not None
    left = smoother.refine(20 * SECONDS, replace(pair, hand=replace(pair.hand, side="left")), MODELS)
    assert left.hand is not None
    assert left.object is not None
    assert left.hand.filtered is None
    assert left.object.filtered is not None


@pytest.mark.parametrize("mode", SMOOTHING)
def test_what_stays_elsewhere_is_believed_after_some_images(mode: str) -> None:
    config = SmoothingConfig(mode, gate=GateSettings(reset_after=4, settled_after=3))
    first, second = np.eye(4), pose_matrix(np.eye(3), np.array([0.4, 0, 0]))
    found = refined(Smoother(config, LOST_AFTER), [first] * 10 + [second] * 10)
    places = [None if motion is None else round(float(motion.pose[0, 3]), 3) for motion in found]
    # Three refused; the fourth begins anew, and two more must agree with it.
    assert places == [None] * 2 + [0.0] * 11 + [None] * 2 + [0.4] * 5


@pytest.mark.parametrize("mode", SMOOTHING)
def test_a_wrong_beginning_is_left_at_once(mode: str) -> None:
    wrong, right = np.eye(4), pose_matrix(np.eye(3), np.array([0.4, 0, 0]))
    found = refined(smoother_of(mode), [wrong] + [right] * 3)
    assert [motion is None for motion in found] == [True, True, True, False]
    np.testing.assert_allclose(found[-1].pose, right, atol=1e-9)  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", SMOOTHING)
@pytest.mark.parametrize("name", ["box", "can", "ball"])
def test_poses_that_look_alike_do_not_disturb(mode: str, name: str) -> None:
    """Whichever of them is seen, the object stands where it does without flips, and does not seem to spin."""
    rng = np.random.default_rng(7)
    course = noisy_course(rng)
    turns = {
        "box": lambda: BOX.discrete[rng.integers(2)],
        "can": lambda: rotation_about(CAN.axes[0], CAN.axis_points[0], rng.uniform(0, 2 * np.pi)),
        "ball": lambda: turned_about_middle(Rotation.random(random_state=rng).as_matrix()),
    }
    steady = refined(smoother_of(mode), course, name)
    flipping = refined(smoother_of(mode), [course[0], *(pose @ turns[name]() for pose in course[1:])], name)
    for first, second in zip(steady[2:], flipping[2:], strict=True):
        assert first is not None
        assert second is not None
        np.testing.assert_allclose(second.pose, first.pose, atol=1e-9)
        np.testing.assert_allclose(second.twist, first.twist, atol=1e-7)
    if name == "can" and mode == "constant_velocity":
        assert all(abs(motion.twist[3:] @ motion.pose[:3, 2]) < 1e-12 for motion in flipping[2:] if motion)
        assert all(np.linalg.norm(motion.twist[3:]) > 1e-3 for motion in flipping[2:] if motion)


def test_a_quaternion_and_its_negative_are_one_rotation() -> None:
    course = noisy_course(np.random.default_rng(8))
    signs = np.random.default_rng(9).choice([-1, 1], len(course))
    again = [
        pose_matrix(rotation_from_wxyz(sign * wxyz_from_rotation(pose[:3, :3])), pose[:3, 3])
        for sign, pose in zip(signs, course, strict=True)
    ]
    for first, second in zip(
        *(refined(smoother_of("constant_velocity"), each) for each in (course, again)), strict=True
    ):
        if first is not None and second is not None:
            np.testing.assert_allclose(second.pose, first.pose, atol=1e-9)


BREAKS = {
    "another track": (SECONDS, {"track": 2}),
    "another object": (SECONDS, {"name": "box"}),
    "time that jumps back": (-3.0, {}),
    "a long gap": (LOST_AFTER + 0.1, {}),
}


@pytest.mark.parametrize("mode", SMOOTHING)
@pytest.mark.parametrize("name", BREAKS)
def test_something_new_begins_anew(mode: str, name: str) -> None:
    later, fields = BREAKS[name]
    smoother, pose = smoother_of(mode), np.eye(4)
    refined(smoother, [pose] * 20)
    near = moved_pose(pose, np.array([0.004, 0, 0, 0, 0, 0]))
    found = []
    for number in range(3):
        stamp = 19 * SECONDS + later + number * SECONDS
        pair = smoother.refine(stamp, pair_of(near, **fields), MODELS)  # type: ignore[arg-type]
        assert pair.object is not None
        found.append(pair.object.filtered)
    assert found[:2] == [None, None]
    np.testing.assert_allclose(found[2].pose, near, atol=1e-9)  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", SMOOTHING)
def test_a_short_gap_and_invalid_estimates_are_bridged(mode: str) -> None:
    smoother, pose = smoother_of(mode), np.eye(4)
    refined(smoother, [pose] * 20)
    invalid = replace(pair_of(random_pose(np.random.default_rng(0))), valid=False, reason="low confidence")
    assert smoother.refine(20 * SECONDS, invalid, MODELS) == invalid
    pair = smoother.refine(19 * SECONDS + 0.9 * LOST_AFTER, pair_of(pose), MODELS)
    assert pair.object is not None
    np.testing.assert_allclose(pair.object.filtered.pose, pose, atol=1e-9)  # type: ignore[union-attr]


def test_the_same_image_again_changes_nothing() -> None:
    smoother = smoother_of("one_euro")
    last = refined(smoother, noisy_course(np.random.default_rng(1)))[-1]
    again = smoother.refine(39 * SECONDS, pair_of(np.eye(4)), MODELS).object
    assert last is not None
    assert again is not None
    np.testing.assert_array_equal(again.filtered.pose, last.pose)  # type: ignore[union-attr]


def test_no_filter_and_no_object_to_filter() -> None:
    assert refined(smoother_of("none"), [np.eye(4)] * 5) == [None] * 5
    left = pair_of(np.eye(4))
    assert left.object is not None
    left = replace(left, object=replace(left.object, valid=False, reason="not trained on left hands"))
    smoother = smoother_of("one_euro")
    results = [smoother.refine(number * SECONDS, left, MODELS) for number in range(5)]
    assert [result.object.filtered for result in results if result.object] == [None] * 5
    assert results[-1].hand is not None
    assert results[-1].hand.filtered is not None


def test_the_published_covariance_keeps_what_images_err_alike() -> None:
    covariance = np.diag([0.01, 0.01, 0.02, 0.1, 0.1, 0.1]) ** 2
    share = SmoothingConfig().motion.shared_error
    last = refined(smoother_of("constant_velocity"), [np.eye(4)] * 200, covariance=covariance)[-1]
    assert last is not None
    least, most = np.linalg.eigvalsh(last.pose_covariance - share * covariance)[[0, -1]]
    assert least > 0
    assert most < (1 - share) * 0.1**2
    unknown = refined(smoother_of("constant_velocity"), [np.eye(4)] * 200)[-1]
    assert unknown is not None
    np.testing.assert_array_equal(unknown.pose_covariance, UNCALIBRATED_COVARIANCE)
    assert np.linalg.eigvalsh(unknown.after(0.1).covariance).min() > 0
    assert (np.diag(unknown.after(0.1).covariance) > np.diag(unknown.covariance)).all()


def test_a_scene_at_rest_that_is_seen_surely_does_not_seem_to_move() -> None:
    """Images that differ by a quarter of a millimetre, and say they are that good: taken at their word, 24 mm/s."""
    rng, share = np.random.default_rng(11), SmoothingConfig().motion.shared_error
    noise = np.diag([0.00025] * 3 + [0.004] * 3) ** 2
    course = [moved_pose(np.eye(4), rng.multivariate_normal(np.zeros(6), noise)) for _ in range(150)]
    motions = refined(smoother_of("constant_velocity"), course, covariance=noise / (1 - share))[30:]
    speeds = [np.linalg.norm(motion.twist[:3]) for motion in motions if motion]
    assert len(speeds) == 120
    assert np.sqrt(np.mean(np.square(speeds))) < 0.018


@pytest.mark.parametrize("change", [{"mode": "kalman"}, {"gate": (1.0,)}, {"gate": (0.9, 0)}, {"rotation": (0.0, 1.0)}])
def test_wrong_settings_are_refused(change: dict) -> None:
    kinds = {"gate": GateSettings, "rotation": OneEuroSettings}
    with pytest.raises(UserError, match="expected"):
        SmoothingConfig(**{k: kinds[k](*v) if k in kinds else v for k, v in change.items()})


def estimates(mode: str, roi_mode: str = "tracking") -> list[HandObjectEstimate]:
    """What the estimator says of a moving scene."""
    backend = FakeBackend(camera(), truth())
    config = EstimatorConfig(
        object_id="mug", root_depth_mode="ground_truth", roi_mode=roi_mode, smoothing=SmoothingConfig(mode)
    )
    estimator, found = Estimator(backend, config), []
    for number in range(5):
        backend.scene = truth().moved(np.array([0.004 * number, 0, 0]))
        boxes = detections(backend.shown, backend.scene) if number == 0 or roi_mode == "topic" else {}
        depth = backend.scene.joints[0, 2]
        frame = frame_of(backend.shown, stamp=number * SECONDS, true_root_depth=depth, **boxes)
        found += estimator.process(frame).pairs
    return found


@pytest.mark.parametrize("roi_mode", ["tracking", "topic"])
def test_the_estimator_filters_and_leaves_the_raw_estimate_alone(roi_mode: str) -> None:
    """Also where every image begins with a detection, and so has a track id of its own."""
    plain, filtered = estimates("none", roi_mode), estimates("constant_velocity", roi_mode)
    assert [pair.object.filtered is None for pair in filtered if pair.object] == [True, True, False, False, False]
    for first, second in zip(plain, filtered, strict=True):
        assert first.object is not None
        assert second.object is not None
        assert second.hand is not None
        np.testing.assert_array_equal(second.object.pose, first.object.pose)
        assert first.object.filtered is None
        if second.object.filtered is not None:
            assert second.hand.filtered is not None
            assert 0.05 < second.object.filtered.twist[0] < 0.15


def test_changed_filter_settings_begin_anew_and_others_do_not() -> None:
    backend = FakeBackend(camera(), truth())
    config = EstimatorConfig(object_id="mug", root_depth_mode="ground_truth")
    estimator, number = Estimator(backend, config), 0

    def is_settled() -> bool:
        nonlocal number
        number += 1
        fields = {"stamp": number * SECONDS, "true_root_depth": backend.scene.joints[0, 2]}
        (pair,) = estimator.process(frame_of(backend.shown, **fields, **detections(backend.shown, backend.scene))).pairs
        assert pair.object is not None
        return pair.object.filtered is not None

    assert [is_settled() for _ in range(4)] == [False, False, True, True]
    estimator.set_config(replace(config, contact_distance=0.004))
    assert is_settled()
    estimator.set_config(replace(config, smoothing=SmoothingConfig("constant_velocity")))
    assert [is_settled() for _ in range(3)] == [False, False, True]
    estimator.reset()
    assert not is_settled()
