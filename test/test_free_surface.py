"""Which points of an object are free: against brute force, closed forms, ray casting and rigid motions."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.free_surface import FreeSurfaceSettings, finger_distances, free_surface
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.distance_grids import grid_of
from hand_object_pose.objects.reachable_surface import (
    MOST_SAMPLES,
    SurfaceSamples,
    is_reachable,
    reachable_surface,
    surface_samples,
)

SETTINGS = FreeSurfaceSettings(clearance=0.01, margin=0.004, finger_length=0.05)
POSE = pose_matrix(Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix(), np.array([0.1, -0.05, 0.6]))


def ball(radius: float = 0.04, count: int = 500) -> SurfaceSamples:
    normals = np.random.default_rng(1).normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return SurfaceSamples(radius * normals, normals)


def reachable(mesh: trimesh.Trimesh) -> tuple[SurfaceSamples, np.ndarray]:
    samples = surface_samples(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    return samples, is_reachable(samples, SignedDistanceGrid.of(TriangleMesh(mesh.vertices, mesh.faces), 0.003))


def test_finger_distances_are_those_of_segments_and_points() -> None:
    rng = np.random.default_rng(0)
    points, obstacles = rng.normal(0, 0.1, (300, 3)) + 0.7, rng.normal(0, 0.1, (200, 3)) + 0.7
    normals = rng.normal(size=(300, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    steps = np.linspace(0, 0.06, 601)
    along = points[:, None] + steps[:, None] * normals[:, None]
    wanted = [np.linalg.norm(segment[:, None] - obstacles, axis=2).min() for segment in along]
    np.testing.assert_allclose(finger_distances(points, normals, obstacles, 0.06), wanted, atol=5e-5)


def test_without_a_hand_everything_is_free() -> None:
    samples = ball()
    found = free_surface(samples, POSE, np.zeros((0, 3)), SETTINGS)
    np.testing.assert_array_equal(found.samples, np.arange(500))
    assert np.isinf(found.hand_distances).all()


def test_a_hand_of_one_point_beside_a_ball() -> None:
    """At height h over the pole, a finger at angle a from it passes at h sin(a), if it reaches as far as h cos(a)."""
    samples, height = ball(), 0.07
    found = free_surface(samples, POSE, transform_points(POSE, np.array([[0.0, 0.0, height]])), SETTINGS)
    cosine = samples.normals[:, 2]
    end = np.clip(height * cosine, 0.04, 0.04 + SETTINGS.finger_length)
    distances = np.sqrt(height**2 - 2 * height * cosine * end + end**2)
    np.testing.assert_array_equal(found.samples, np.flatnonzero(distances >= 0.014))
    np.testing.assert_allclose(found.hand_distances, distances[found.samples], atol=1e-5)
    np.testing.assert_allclose(found.points, transform_points(POSE, samples.points)[found.samples], atol=1e-12)
    np.testing.assert_allclose(found.normals, samples.normals[found.samples] @ POSE[:3, :3].T, atol=1e-12)


def test_a_longer_finger_and_a_wider_margin_leave_less() -> None:
    hand = np.random.default_rng(4).normal(0, 0.02, (100, 3)) + np.array([0.0, 0.0, 0.09])
    base = set(free_surface(ball(), np.eye(4), hand, SETTINGS).samples)
    for narrower in (FreeSurfaceSettings(0.01, 0.02, 0.05), FreeSurfaceSettings(0.01, 0.004, 0.08)):
        assert set(free_surface(ball(), np.eye(4), hand, narrower).samples) < base


def test_the_inside_of_a_cup_cannot_be_reached() -> None:
    wall = trimesh.creation.annulus(r_min=0.03, r_max=0.035, height=0.1, sections=48)
    floor = trimesh.creation.cylinder(radius=0.034, height=0.005, sections=48)
    floor.apply_translation([0, 0, -0.0475])
    cup: trimesh.Trimesh = trimesh.util.concatenate([wall, floor])  # type: ignore[assignment]
    samples, free = reachable(cup.subdivide())
    radius = np.linalg.norm(samples.points[:, :2], axis=1)
    outward = (samples.points[:, :2] * samples.normals[:, :2]).sum(axis=1) / radius
    assert not free[(outward < -0.9) & (radius < 0.031)].any()
    assert free[(outward > 0.9) & (radius > 0.0345)].all()


def test_the_inner_side_of_a_closed_wall_cannot_be_reached() -> None:
    outer, inner = trimesh.creation.icosphere(3, 0.05), trimesh.creation.icosphere(3, 0.045)
    inner.invert()
    hollow: trimesh.Trimesh = trimesh.util.concatenate([outer, inner])  # type: ignore[assignment]
    samples, free = reachable(hollow)
    np.testing.assert_array_equal(free, np.linalg.norm(samples.points, axis=1) > 0.0475)


@pytest.mark.parametrize("name", ["mug", "drill"])
def test_nothing_stands_in_the_way_by_ray_casting(name: str) -> None:
    casting = pytest.importorskip("hand_object_pose.synthetic.ray_casting")
    model = default_catalogue()[name]
    samples = reachable_surface(model)
    assert len(samples.points) == MOST_SAMPLES
    mesh = casting.RayMesh(model.vertices, model.faces)
    assert not mesh.is_blocked(samples.points + 1e-4 * samples.normals, samples.normals).any()
    everything = surface_samples(model.vertices, model.faces)
    open_ones = ~mesh.is_blocked(everything.points + 1e-4 * everything.normals, everything.normals)
    # What a ray passes but a finger does not is little: beside a handle, and in corners.
    left_out = open_ones.mean() - is_reachable(everything, grid_of(model)).mean()
    assert 0 <= left_out < 0.1


def test_samples_are_spread_evenly() -> None:
    points = reachable_surface(default_catalogue()["can"]).points
    gaps = np.linalg.norm(points[:, None] - points, axis=2)
    np.fill_diagonal(gaps, np.inf)
    nearest = gaps.min(axis=1)
    assert nearest.min() > 0.4 * np.median(nearest)
