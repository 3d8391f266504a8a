"""The constant-velocity Kalman filter against Riccati's equation, finite differences and its own statistics."""

import numpy as np
import pytest
from scipy.linalg import expm, solve_discrete_are
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.smoothing.motion import Motion, left_jacobian, moved_pose, pose_difference
from hand_object_pose.estimation.smoothing.point_motion import PointMotion
from hand_object_pose.geometry.se3 import pose_matrix

ACCELERATION, TURN_ACCELERATION = 1.3, 7.0
SECONDS = 0.04


def random_pose(rng: np.random.Generator) -> np.ndarray:
    return pose_matrix(Rotation.random(random_state=rng).as_matrix(), rng.normal(0, 0.3, 3))


def motion_of(pose: np.ndarray, twist: np.ndarray | None = None, covariance: np.ndarray | None = None) -> Motion:
    return Motion(
        pose,
        np.zeros(6) if twist is None else twist,
        np.eye(12) * 0.1 if covariance is None else covariance,
        ACCELERATION,
        TURN_ACCELERATION,
    )


def riccati(acceleration: float, variance: float) -> np.ndarray:
    """Predicted covariance (2, 2) of the textbook's scalar filter in its steady state."""
    transition = np.array([[1.0, SECONDS], [0.0, 1.0]])
    disturbance = acceleration**2 * np.array([[SECONDS**3 / 3, SECONDS**2 / 2], [SECONDS**2 / 2, SECONDS]])
    return solve_discrete_are(transition.T, np.array([[1.0], [0.0]]), disturbance, np.array([[variance]]))


@pytest.mark.parametrize(("axis", "acceleration", "sigma"), [(0, ACCELERATION, 0.004), (5, TURN_ACCELERATION, 0.08)])
def test_the_gain_settles_at_the_solution_of_riccatis_equation(axis: int, acceleration: float, sigma: float) -> None:
    """Along an axis of the position, and about the axis that the object turns about at constant speed."""
    noise = np.diag(np.repeat([0.004, 0.08], 3) ** 2)
    pose: np.ndarray = np.eye(4)
    twist = np.array([0.2, 0, 0, 0, 0, 1.5])
    motion = motion_of(pose, twist)
    for _ in range(300):
        pose = moved_pose(pose, twist * SECONDS)
        motion = motion.after(SECONDS).corrected(pose, noise)
    found = motion.after(SECONDS).covariance[np.ix_([axis, axis + 6], [axis, axis + 6])]
    np.testing.assert_allclose(found, riccati(acceleration, sigma**2), rtol=1e-9)


def test_points_are_filtered_as_the_textbook_filters_a_scalar() -> None:
    rng, variance = np.random.default_rng(0), 0.003**2
    predicted = riccati(ACCELERATION, variance)
    motion = PointMotion(np.zeros((4, 3)), np.ones((4, 3)), predicted, ACCELERATION)
    state = np.array([[0.0], [1.0]]) * np.ones(12)
    gain = predicted[:, :1] / (predicted[0, 0] + variance)
    for _ in range(30):
        measured = rng.normal(0, 0.01, (4, 3))
        motion = motion.corrected(measured, variance)
        state = state + gain * (measured.ravel() - state[0])
        np.testing.assert_allclose(motion.points.ravel(), state[0], atol=1e-12)
        np.testing.assert_allclose(motion.velocities.ravel(), state[1], atol=1e-12)
        motion, state = motion.after(SECONDS), np.array([[1.0, SECONDS], [0.0, 1.0]]) @ state
        np.testing.assert_allclose(motion.covariance, predicted, rtol=1e-9)


def test_the_pose_goes_on_by_the_exponential_of_the_twist() -> None:
    rng = np.random.default_rng(1)
    pose, twist = random_pose(rng), rng.normal(0, 2, 6)
    x, y, z = twist[3:] * 0.3
    turn = expm(np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]))
    expected = pose_matrix(turn @ pose[:3, :3], pose[:3, 3] + 0.3 * twist[:3])
    np.testing.assert_allclose(motion_of(pose, twist).after(0.3).pose, expected, atol=1e-12)


def test_going_on_twice_is_going_on_for_twice_as_long() -> None:
    """Exactly for one axis of rotation, where the disturbance does not turn with the object."""
    motion = motion_of(np.eye(4), np.array([0.1, 0.2, -0.3, 0, 0, 0]))
    once, twice = motion.after(0.3), motion.after(0.1).after(0.2)
    np.testing.assert_allclose(once.pose, twice.pose, atol=1e-12)
    np.testing.assert_allclose(once.covariance, twice.covariance, atol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-5, 0.1, 1.0, 2.5])
def test_left_jacobian_is_the_derivative_of_the_exponential(scale: float) -> None:
    vector = scale * np.array([0.6, -0.5, 0.7])
    start = Rotation.from_rotvec(vector)
    step = 1e-6
    columns = [(Rotation.from_rotvec(vector + step * unit) * start.inv()).as_rotvec() / step for unit in np.eye(3)]
    np.testing.assert_allclose(left_jacobian(vector), np.array(columns).T, atol=5e-6)


def test_covariance_is_carried_on_by_the_derivative_of_the_motion() -> None:
    rng = np.random.default_rng(2)
    pose, twist = random_pose(rng), rng.normal(0, 1.5, 6)
    later = motion_of(pose, twist).after(0.5)
    step, columns = 1e-6, []
    for error in step * np.eye(12):
        moved = motion_of(moved_pose(pose, error[:6]), twist + error[6:]).after(0.5)
        columns.append(np.concatenate([pose_difference(later.pose, moved.pose), moved.twist - later.twist]) / step)
    derivative = np.array(columns).T
    spread = rng.normal(size=(12, 12))
    covariance = spread @ spread.T
    undisturbed = Motion(pose, twist, covariance, 1e-9, 1e-9).after(0.5).covariance
    np.testing.assert_allclose(undisturbed, derivative @ covariance @ derivative.T, rtol=1e-4, atol=1e-4)


def test_a_target_at_constant_velocity_is_followed_without_lag() -> None:
    pose, twist = random_pose(np.random.default_rng(3)), np.array([0.8, -0.4, 0.2, 1.0, -2.0, 0.5])
    motion, noise = motion_of(pose), np.diag([0.005**2] * 3 + [0.1**2] * 3)
    for _ in range(400):
        pose = moved_pose(pose, twist * SECONDS)
        motion = motion.after(SECONDS).corrected(pose, noise)
    np.testing.assert_allclose(pose_difference(motion.pose, pose), 0, atol=1e-9)
    np.testing.assert_allclose(motion.twist, twist, atol=1e-8)


def test_a_constant_pose_is_converged_to() -> None:
    rng = np.random.default_rng(4)
    first, pose, noise = random_pose(rng), random_pose(rng), np.diag([0.005**2] * 3 + [0.1**2] * 3)
    motion = motion_of(first)
    for _ in range(400):
        motion = motion.after(SECONDS).corrected(pose, noise)
    np.testing.assert_allclose(motion.pose, pose, atol=1e-9)
    np.testing.assert_allclose(motion.twist, 0, atol=1e-8)


def test_errors_are_as_large_as_the_covariance_says() -> None:
    """Normalised squared error of state and innovation: chi-squared, so their means are 12 and 6 (Bar-Shalom 2001)."""
    rng, noise = np.random.default_rng(5), np.diag([0.004**2] * 3 + [0.05**2] * 3)
    errors, innovations = [], []
    for _ in range(60):
        covariance = np.diag([0.01**2] * 3 + [0.1**2] * 3 + [0.3**2] * 3 + [0.5**2] * 3)
        truth = motion_of(random_pose(rng), rng.normal(0, 0.5, 6), covariance)
        error = rng.multivariate_normal(np.zeros(12), covariance)
        motion = motion_of(moved_pose(truth.pose, -error[:6]), truth.twist - error[6:], covariance)
        disturbance = Motion(np.eye(4), np.zeros(6), np.zeros((12, 12)), ACCELERATION, TURN_ACCELERATION)
        spread = disturbance.after(SECONDS).covariance
        for _ in range(25):
            step, change = truth.after(SECONDS), rng.multivariate_normal(np.zeros(12), spread)
            truth = motion_of(moved_pose(step.pose, change[:6]), truth.twist + change[6:])
            measured = moved_pose(truth.pose, rng.multivariate_normal(np.zeros(6), noise))
            motion = motion.after(SECONDS)
            innovations.append(motion.distance(measured, noise))
            motion = motion.corrected(measured, noise)
        error = np.concatenate([pose_difference(motion.pose, truth.pose), truth.twist - motion.twist])
        errors.append(error @ np.linalg.solve(motion.covariance, error))
    # Five standard deviations of the means: 12 +- 5 sqrt(24 / 60), 6 +- 5 sqrt(12 / 1500).
    assert np.mean(errors) == pytest.approx(12, abs=3.2)
    assert np.mean(innovations) == pytest.approx(6, abs=0.45)
