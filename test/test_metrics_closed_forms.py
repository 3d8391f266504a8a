"""Metrics that have no golden data, against closed forms: shared volume, declared symmetries, reflections."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_pose.evaluation.metrics import hand as hand_metrics
from hand_object_pose.evaluation.metrics import object as object_metrics
from hand_object_pose.evaluation.metrics.alignment import procrustes_aligned, procrustes_aligned_with_reflections
from hand_object_pose.evaluation.metrics.interaction import exact_interaction, exact_interactions
from hand_object_pose.evaluation.metrics.penetration_volume import closed_mesh, penetration_volume
from hand_object_pose.evaluation.penetration import volume_metrics
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.hand.default_hand import default_hand
from hand_object_pose.objects.object_model import Symmetries
from hand_object_pose.objects.symmetry_file import rotation_about

LARGE, SMALL = 0.04, 0.03
TURN = Rotation.from_euler("xyz", [20, 35, 50], degrees=True).as_matrix()


def mesh_of(surface: trimesh.Trimesh, turn: np.ndarray | None = None, shift: tuple[float, ...] = (0, 0, 0)):
    vertices = np.asarray(surface.vertices) if turn is None else np.asarray(surface.vertices) @ turn.T
    return TriangleMesh(vertices + shift, np.asarray(surface.faces))


def ball(radius: float, centre: tuple[float, ...] = (0, 0, 0), subdivisions: int = 4) -> TriangleMesh:
    """A sphere of facets that has the round one's volume."""
    surface = trimesh.creation.icosphere(subdivisions=subdivisions)
    surface.apply_scale(radius * (4 / 3 * np.pi / surface.volume) ** (1 / 3))
    return mesh_of(surface, shift=centre)


def box(sides: tuple[float, ...], turn: np.ndarray | None = None, shift: tuple[float, ...] = (0, 0, 0)) -> TriangleMesh:
    return mesh_of(trimesh.creation.box(extents=sides), turn, shift)


def lens(distance: float) -> float:
    """Volume that two balls share whose centres are so far apart."""
    near, far = SMALL, LARGE
    across = distance**2 + 2 * distance * (near + far) - 3 * (far - near) ** 2
    return np.pi * (near + far - distance) ** 2 * across / (12 * distance)


# Volume


@pytest.mark.parametrize("distance", [0.015, 0.035, 0.06])
def test_two_balls_share_a_lens(distance: float) -> None:
    away = tuple(distance * np.array([0.48, 0.6, 0.64]))
    assert penetration_volume(ball(LARGE), ball(SMALL, away)) == pytest.approx(lens(distance), rel=5e-3)


def test_a_ball_within_a_ball_shares_all_of_itself_and_balls_apart_nothing() -> None:
    assert penetration_volume(ball(LARGE), ball(SMALL, (0.005, 0, 0))) == pytest.approx(
        4 / 3 * np.pi * SMALL**3, rel=1e-3
    )
    # Their bounding boxes overlap.
    assert penetration_volume(ball(LARGE), ball(SMALL, (0.05, 0.05, 0.02))) == 0
    assert penetration_volume(ball(LARGE), ball(SMALL, (0.2, 0, 0))) == 0


def test_overlapping_boxes_share_a_box() -> None:
    """Lines pass through the diagonals between triangles, and must count once each time."""
    sides = (0.1, 0.08, 0.06)
    found = penetration_volume(box(sides), box(sides, shift=(0.07, -0.05, 0.03)))
    assert found == pytest.approx(0.03 * 0.03 * 0.03, rel=1e-12)
    assert penetration_volume(box(sides), box(sides)) == pytest.approx(np.prod(sides), rel=1e-12)


def test_turned_boxes_share_a_box() -> None:
    """The same boxes turned together: no side is parallel to an axis any more."""
    sides = (0.1, 0.08, 0.06)
    shift = tuple(TURN @ [0.07, -0.05, 0.03])
    assert penetration_volume(box(sides, TURN), box(sides, TURN, shift)) == pytest.approx(2.7e-5, rel=5e-3)


def test_the_error_falls_with_the_square_of_the_spacing() -> None:
    truth = lens(0.035)
    meshes = ball(LARGE, subdivisions=5), ball(SMALL, (0.035, 0, 0), subdivisions=5)
    errors = [abs(penetration_volume(*meshes, spacing=spacing) / truth - 1) for spacing in (0.008, 0.001)]
    assert errors[0] < 0.03
    assert errors[1] < errors[0] / 16


def test_a_body_that_overlaps_itself_counts_once() -> None:
    first, second = box((0.04, 0.04, 0.04)), box((0.04, 0.04, 0.04), shift=(0.02, 0, 0))
    both = TriangleMesh(np.vstack([first.vertices, second.vertices]), np.vstack([first.faces, second.faces + 8]))
    assert penetration_volume(both, box((0.2, 0.2, 0.01))) == pytest.approx(0.06 * 0.04 * 0.01, rel=1e-12)


def test_the_open_hand_is_closed_at_the_wrist() -> None:
    hand = default_hand()
    mesh = TriangleMesh(hand.v_template, hand.faces)
    capped = closed_mesh(mesh)
    closed = trimesh.Trimesh(capped.vertices, capped.faces, process=False)
    assert closed.is_watertight
    everything = box((1, 1, 1))
    assert closed_mesh(everything) is everything
    assert penetration_volume(mesh, everything) == pytest.approx(closed.volume, rel=1e-2)
    found = volume_metrics(mesh, everything)["interaction.volume_cm3"]
    assert found == pytest.approx(1e6 * closed.volume, rel=1e-2)
    assert 100 < found < 600  # a hand


# Symmetries

SIDES, RADIUS, HEIGHT = 5, 0.03, 0.08
AXIS, THROUGH = np.array([0.0, 0, 1]), np.array([0.02, -0.01, 0.03])


@pytest.fixture(scope="module")
def prism() -> np.ndarray:
    """(10, 3) corners of a prism whose axis does not pass through its origin."""
    angles = 2 * np.pi * np.arange(SIDES) / SIDES
    base = np.stack([RADIUS * np.cos(angles), RADIUS * np.sin(angles), 0 * angles], axis=1)
    return THROUGH + np.concatenate([base, base + np.array([0, 0, HEIGHT])])


@pytest.fixture(scope="module")
def n_fold() -> Symmetries:
    turns = [rotation_about(AXIS, THROUGH, 2 * np.pi * k / SIDES) for k in range(SIDES)]
    return Symmetries(discrete=np.stack(turns))


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return pose_matrix(TURN, np.array([0.1, -0.05, 0.6]))


@pytest.mark.parametrize("degrees", [0.0, 10.0, 35.9, 36.1, 72.0, 100.0, 180.0, 359.0])
def test_a_turned_prism_errs_by_the_way_to_its_nearest_look(prism, n_fold, truth, degrees) -> None:
    """Turned by a, the corners of an n-fold prism are off by the chord 2 r sin(d / 2), d being a modulo 360 / n."""
    turned = (truth @ rotation_about(AXIS, THROUGH, np.radians(degrees)))[None]
    beyond = degrees % (360 / SIDES)
    beyond = min(beyond, 360 / SIDES - beyond)
    chord = 2 * RADIUS * np.sin(np.radians(beyond) / 2)
    poses = turned, truth[None]
    assert object_metrics.add_symmetric(prism, *poses, n_fold)[0] == pytest.approx(chord, abs=1e-12)
    assert object_metrics.mssd(prism, *poses, n_fold)[0] == pytest.approx(chord, abs=1e-12)
    assert np.degrees(object_metrics.rotation_error(*poses, n_fold)[0]) == pytest.approx(beyond, abs=1e-5)
    # The origin moves on a circle about the axis.
    origin = 2 * np.linalg.norm(THROUGH[:2]) * np.sin(np.radians(beyond) / 2)
    assert object_metrics.translation_error(*poses, n_fold)[0] == pytest.approx(origin, abs=1e-9)
    # Undeclared, all of the turn counts.
    whole = 2 * RADIUS * abs(np.sin(np.radians(degrees) / 2))
    assert object_metrics.mssd(prism, *poses)[0] == pytest.approx(whole, abs=1e-12)


def test_add_is_the_mean_and_mssd_the_largest_of_the_distances(n_fold, truth) -> None:
    """One of two points lies on the axis: a turn of 10 degrees and a shift along the axis move it by the shift only."""
    points = THROUGH + np.array([[0, 0, 0], [RADIUS, 0, 0]])
    shifted = pose_matrix(np.eye(3), np.array([0, 0, 0.01]))
    turned = (truth @ rotation_about(AXIS, THROUGH, np.radians(82)) @ shifted)[None]
    far = np.hypot(2 * RADIUS * np.sin(np.radians(10) / 2), 0.01)
    assert object_metrics.mssd(points, turned, truth[None], n_fold)[0] == pytest.approx(far, abs=1e-12)
    found = object_metrics.add_symmetric(points, turned, truth[None], n_fold)[0]
    assert found == pytest.approx((far + 0.01) / 2, abs=1e-12)


def test_a_turn_about_a_continuous_axis_is_forgiven_to_half_a_degree(prism, truth) -> None:
    round_one = Symmetries(axes=AXIS[None], axis_points=THROUGH[None])
    for degrees in np.arange(0.0, 10.0, 0.37):
        turned = (truth @ rotation_about(AXIS, THROUGH, np.radians(degrees)))[None]
        left = abs(degrees - round(degrees))
        chord = 2 * RADIUS * np.sin(np.radians(left) / 2)
        assert object_metrics.mssd(prism, turned, truth[None], round_one)[0] == pytest.approx(chord, abs=1e-12)


# Alignment


def best_similarity(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """By SciPy's rotation fit, which knows no reflection; scale by least squares."""
    centred, aim = points - points.mean(axis=0), truth - truth.mean(axis=0)
    turned = Rotation.align_vectors(aim, centred)[0].apply(centred)
    return turned * (turned * aim).sum() / (turned**2).sum() + truth.mean(axis=0)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_best_similarity_is_that_of_scipy_and_mirrors_nothing(mirrored: bool) -> None:
    rng = np.random.default_rng(6)
    truth = rng.normal(0, 0.05, (8, 21, 3))
    points = 1.3 * (truth + rng.normal(0, 0.01, truth.shape)) @ TURN.T + [0.1, 0.2, 0.5]
    points *= [-1 if mirrored else 1, 1, 1]
    expected = np.stack([best_similarity(*pair) for pair in zip(points, truth, strict=True)])
    np.testing.assert_allclose(procrustes_aligned(points, truth), expected, atol=1e-7)
    error, forgiving = (
        hand_metrics.mje_camera(align(points, truth), truth)
        for align in (procrustes_aligned, procrustes_aligned_with_reflections)
    )
    np.testing.assert_array_equal(hand_metrics.mje_procrustes(points, truth), error)
    assert np.all(forgiving < 0.02)
    assert np.all(error > 0.02) if mirrored else np.allclose(error, forgiving, atol=1e-12)


# Batches


def test_a_batch_of_hands_in_an_object_is_each_of_them_alone() -> None:
    """The batch is computed in the object's frame, a single one in the camera's; both are exact."""
    rng = np.random.default_rng(2)
    thing = box((0.06, 0.04, 0.08), TURN)
    hands = rng.uniform(-0.05, 0.05, (5, 778, 3))
    poses = pose_matrix(Rotation.random(5, rng=rng).as_matrix(), rng.normal(0, 0.3, (5, 3)))
    posed = transform_points(poses, hands)

    found = exact_interactions(posed, poses, thing)

    for hand, pose, interaction in zip(posed, poses, found, strict=True):
        alone = exact_interaction(hand, TriangleMesh(transform_points(pose, thing.vertices), thing.faces))
        np.testing.assert_allclose(interaction.signed_distances, alone.signed_distances, atol=1e-7)
        assert interaction.in_contact
    # Depths in a box are those to its nearest side.
    inside = np.abs(hands @ TURN) - np.array([0.06, 0.04, 0.08]) / 2
    expected = np.maximum(-inside.max(axis=2), 0)
    np.testing.assert_allclose([entry.depths for entry in found], expected, atol=1e-7)
