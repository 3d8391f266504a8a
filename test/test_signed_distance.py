"""Signed distances against closed forms, trimesh and finite differences."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.signed_distance import (
    GRID_MARGIN,
    GRID_SPACING,
    SignedDistanceGrid,
    affordable_spacing,
    exact_nearest,
    exact_signed_distance,
)
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.objects.distance_grids import grid_of

DISTANCE, GRIDS = "hand_object_pose.geometry.signed_distance", "hand_object_pose.objects.distance_grids"
HALF = np.array([0.04, 0.03, 0.02])


def mesh_of(surface: trimesh.Trimesh) -> TriangleMesh:
    return TriangleMesh(np.asarray(surface.vertices), np.asarray(surface.faces))


def box_distance(points):
    beyond = np.abs(points) - HALF
    return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)


@pytest.fixture
def small_grids(monkeypatch):
    """Grids of few nodes, which take no time, and none in memory; the number of nodes."""
    monkeypatch.setattr(f"{DISTANCE}.MOST_NODES", 6000)
    monkeypatch.setattr(f"{GRIDS}._memory", {})
    return 6000


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(3).uniform(-0.06, 0.06, (2000, 3))


@pytest.fixture(scope="module")
def box():
    return mesh_of(trimesh.creation.box(extents=2 * HALF))


@pytest.fixture(scope="module")
def box_grid(box):
    return SignedDistanceGrid.of(box)


def test_exact_distance_to_a_box_is_the_closed_form(points, box):
    np.testing.assert_allclose(exact_signed_distance(points, box), box_distance(points), atol=1e-9)


def test_exact_distance_to_a_sphere_is_near_the_closed_form(points):
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.04)
    expected = np.linalg.norm(points, axis=1) - 0.04
    # A facet of this sphere lies at most 2e-5 m inside it.
    np.testing.assert_allclose(exact_signed_distance(points, mesh_of(ball)), expected, atol=1e-4)


def test_exact_distance_agrees_with_trimesh_on_a_mug():
    mug = default_catalogue()["mug"]
    points = np.random.default_rng(5).uniform(mug.vertices.min(0) - 0.01, mug.vertices.max(0) + 0.01, (150, 3))
    surface = trimesh.Trimesh(mug.vertices, mug.faces, process=False)
    _, distance, _ = trimesh.proximity.closest_point_naive(surface, points)
    inside = surface.contains(points)
    expected = np.where(inside, -distance, distance)
    np.testing.assert_allclose(
        exact_signed_distance(points, TriangleMesh(mug.vertices, mug.faces)), expected, atol=1e-7
    )
    assert inside.any()


def test_nearest_point_lies_at_the_distance_and_on_its_face(points, box):
    distance, face, nearest = exact_nearest(points, box)
    np.testing.assert_allclose(np.linalg.norm(nearest - points, axis=1), np.abs(distance), atol=1e-9)
    corners = box.vertices[box.faces[face]]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    height = ((nearest - corners[:, 0]) * normal).sum(axis=1)
    np.testing.assert_allclose(height, 0, atol=1e-12)


def test_no_points_have_no_distances(box):
    assert exact_signed_distance(np.zeros((0, 3)), box).shape == (0,)


def test_a_small_hole_does_not_turn_the_inside_out(box):
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.04)
    open_mesh = TriangleMesh(np.asarray(ball.vertices), np.asarray(ball.faces)[5:])
    assert exact_signed_distance(np.zeros((1, 3)), open_mesh)[0] < 0
    assert exact_signed_distance(np.array([[0.1, 0, 0]]), open_mesh)[0] > 0


def test_grid_equals_the_exact_distance_at_its_nodes(box_grid, box):
    index = np.random.default_rng(0).integers(0, np.array(box_grid.values.shape), (200, 3))
    nodes = box_grid.origin + index * box_grid.spacing
    np.testing.assert_allclose(box_grid.distance(nodes), exact_signed_distance(nodes, box), atol=1e-7)


def test_grid_is_within_half_a_cell_everywhere_and_better_on_average(box_grid, points):
    within = points[np.all(np.abs(points) < HALF + GRID_MARGIN, axis=1)]
    error = np.abs(box_grid.distance(within) - box_distance(within))
    assert error.max() < GRID_SPACING / 2
    assert error.mean() < GRID_SPACING / 20


def test_trilinear_interpolation_is_exact_for_a_multilinear_function():
    def f(p):
        return 0.3 + p[:, 0] - 2 * p[:, 1] + 5 * p[:, 0] * p[:, 1] * p[:, 2]

    grid = SignedDistanceGrid.sample(f, np.zeros(3), np.array([5, 6, 7]), 0.1)
    inside = np.random.default_rng(1).uniform(0, [0.4, 0.5, 0.6], (100, 3))
    np.testing.assert_allclose(grid.distance(inside), f(inside), atol=1e-6)


def test_gradient_is_the_finite_difference(box_grid):
    points = np.random.default_rng(8).uniform(-0.12, 0.12, (500, 3))  # inside and outside the grid
    step = 1e-7
    cells = (points - box_grid.origin) / box_grid.spacing
    away = np.abs(cells - np.round(cells)).min(axis=1) > 1e-3  # the gradient jumps at the borders of cells
    offsets = step * np.eye(3)
    difference = np.stack(
        [(box_grid.distance(points + o) - box_grid.distance(points - o)) / (2 * step) for o in offsets], axis=1
    )
    outside = np.any((cells < 0) | (cells > np.array(box_grid.values.shape) - 1), axis=1)
    assert outside.any()
    assert not outside.all()
    np.testing.assert_allclose(box_grid.gradient(points)[away & ~outside], difference[away & ~outside], atol=1e-5)
    # Outside, the slope of the value at the grid's border is left out of the gradient.
    direction = difference[away & outside] / np.linalg.norm(difference[away & outside], axis=1, keepdims=True)
    assert np.all((box_grid.gradient(points)[away & outside] * direction).sum(axis=1) > 0.7)


def test_outside_the_grid_the_distance_is_positive_and_never_too_small(box_grid):
    points = np.random.default_rng(9).normal(size=(300, 3))
    points *= 0.5 / np.linalg.norm(points, axis=1, keepdims=True)
    distance, exact = box_grid.distance(points), box_distance(points)
    assert np.all(distance >= exact - 1e-6)
    assert np.all(distance <= exact + 2 * GRID_MARGIN + 2 * HALF.max())


def test_a_saved_grid_is_the_same(tmp_path, box_grid, points):
    box_grid.save(tmp_path / "grid.npz")
    loaded = SignedDistanceGrid.load(tmp_path / "grid.npz")
    np.testing.assert_array_equal(loaded.distance(points), box_grid.distance(points))


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "grid.npz"
    path.write_bytes(b"not a grid")
    with pytest.raises(UserError, match=r"grid\.npz"):
        SignedDistanceGrid.load(path)


def test_a_file_cut_in_half_is_named(tmp_path, box_grid):
    path = tmp_path / "grid.npz"
    box_grid.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"grid\.npz.*delete it"):
        SignedDistanceGrid.load(path)


def test_a_cached_grid_cut_in_half_is_rebuilt(tmp_path, small_grids):
    can = default_catalogue()["can"]
    grid = grid_of(can, tmp_path / "first")
    (written,) = (tmp_path / "first").rglob("*.npz")
    cut = tmp_path / "second" / written.relative_to(tmp_path / "first")
    cut.parent.mkdir(parents=True)
    cut.write_bytes(written.read_bytes()[: written.stat().st_size // 2])
    np.testing.assert_array_equal(grid_of(can, tmp_path / "second").values, grid.values)
    assert cut.read_bytes() == written.read_bytes()


def test_a_cache_that_cannot_be_written_to_costs_only_time(tmp_path, small_grids):
    (tmp_path / "file").write_text("not a directory")
    assert grid_of(default_catalogue()["can"], tmp_path / "file").distance(np.zeros((1, 3)))[0] < -0.02


def test_large_objects_get_a_coarser_grid_of_bounded_size(tmp_path, small_grids):
    can = default_catalogue()["can"]
    long = replace(can, name="long", vertices=can.vertices * 8)
    grid = grid_of(long, tmp_path)
    assert grid.values.size <= small_grids
    low, high = grid.origin, grid.origin + grid.spacing * (np.array(grid.values.shape) - 1)
    assert np.all(low <= long.vertices.min(axis=0) - GRID_MARGIN + 1e-9)
    assert np.all(high >= long.vertices.max(axis=0) + GRID_MARGIN - 1e-9)
    points = np.random.default_rng(2).uniform(low, high, (200, 3))
    exact = exact_signed_distance(points, TriangleMesh(long.vertices, long.faces))
    assert np.abs(grid.distance(points) - exact).max() < grid.spacing


def test_a_metre_is_affordable_and_small_objects_keep_the_fine_spacing():
    cube = mesh_of(trimesh.creation.box(extents=(1.0, 1.0, 1.0)))
    spacing = affordable_spacing(cube)
    nodes = (int(np.ceil((1 + 2 * GRID_MARGIN) / spacing)) + 1) ** 3
    assert 1_800_000 < nodes <= 2_000_000
    for model in default_catalogue().values():
        assert affordable_spacing(TriangleMesh(model.vertices, model.faces)) == GRID_SPACING


def test_grids_of_another_spacing_or_version_are_other_files(tmp_path, monkeypatch, small_grids):
    can = default_catalogue()["can"]
    kept = []
    for name, value in ((f"{GRIDS}._VERSION", 1), (f"{DISTANCE}.GRID_SPACING", 0.03), (f"{GRIDS}._VERSION", 2)):
        monkeypatch.setattr(name, value)
        monkeypatch.setattr(f"{GRIDS}._memory", {})
        grid_of(can, tmp_path)
        kept.append(len(list(tmp_path.rglob("*.npz"))))
    assert kept == [1, 2, 3]


def test_processes_do_not_share_an_unfinished_file(tmp_path, monkeypatch, box_grid):
    names = []
    save = np.savez_compressed
    monkeypatch.setattr(
        "numpy.savez_compressed", lambda path, **arrays: (names.append(path.name), save(path, **arrays))
    )
    for process in (11, 12):
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        box_grid.save(tmp_path / "grid.npz")
    assert len(set(names)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["grid.npz"]


def test_grid_of_an_object_is_kept_on_disk_and_rebuilt_when_broken(tmp_path):
    can = default_catalogue()["can"]
    grid = grid_of(can, tmp_path / "first")
    (written,) = (tmp_path / "first").rglob("*.npz")
    copy = tmp_path / "second" / written.relative_to(tmp_path / "first")
    copy.parent.mkdir(parents=True)
    copy.write_bytes(written.read_bytes())
    np.testing.assert_array_equal(grid_of(can, tmp_path / "second").values, grid.values)
    broken = tmp_path / "third" / written.relative_to(tmp_path / "first")
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"broken")
    np.testing.assert_array_equal(grid_of(can, tmp_path / "third").values, grid.values)
    assert grid.distance(np.zeros((1, 3)))[0] < -0.03  # the middle of a can of 6.8 cm diameter
