"""Resampling against what it must keep: count, closedness, orientation, shape."""

import builtins

import numpy as np
import pytest
import trimesh

from hand_object_pose.errors import UserError
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.resampling import is_closed, merge_by_position, resample
from hand_object_pose.geometry.signed_distance import exact_signed_distance

pytest.importorskip("pyacvd")


def mesh_of(surface):
    return TriangleMesh(np.asarray(surface.vertices), np.asarray(surface.faces))


def surface_of(mesh):
    return trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)


def thin_cup():
    profile = np.array([[0, 0], [0.04, 0], [0.04, 0.08], [0.036, 0.08], [0.036, 0.005], [0, 0.005]])
    return trimesh.creation.revolve(profile, sections=64)


SHAPES = {
    "box": trimesh.creation.box(extents=(0.1, 0.06, 0.02)),
    "ball": trimesh.creation.icosphere(subdivisions=3, radius=0.05),
    "torus": trimesh.creation.torus(0.05, 0.015),
    "thin cup": thin_cup(),
}


@pytest.mark.parametrize("name", SHAPES)
def test_closed_surfaces_stay_closed_with_exactly_the_wanted_vertices(name):
    surface = SHAPES[name]
    resampled = surface_of(resample(mesh_of(surface), 1000))
    assert len(resampled.vertices) == 1000
    assert is_closed(mesh_of(resampled))
    assert resampled.euler_number == surface.euler_number
    assert resampled.volume == pytest.approx(surface.volume, rel=0.06)  # positive: faces look outward
    assert resampled.area == pytest.approx(surface.area, rel=0.05)


def test_vertices_lie_on_the_surface_and_are_spread_evenly():
    ball = mesh_of(SHAPES["ball"])
    resampled = resample(ball, 500)
    np.testing.assert_allclose(exact_signed_distance(resampled.vertices, ball), 0, atol=1e-9)
    lengths = surface_of(resampled).edges_unique_length
    assert lengths.max() < 2.5 * lengths.min()


def test_the_same_mesh_gives_the_same_vertices_in_the_same_order():
    first, second = (resample(mesh_of(SHAPES["torus"]), 600) for _ in range(2))
    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.faces, second.faces)


def test_texture_seams_do_not_open_the_mesh():
    # Every face with corners of its own, as files with one normal a face have.
    soup = TriangleMesh(SHAPES["box"].triangles.reshape(-1, 3), np.arange(36).reshape(-1, 3))
    assert not is_closed(soup)
    assert is_closed(merge_by_position(soup))
    assert is_closed(resample(soup, 300))


def test_a_mesh_turned_inside_out_comes_back_outward():
    surface = SHAPES["ball"]
    inverted = TriangleMesh(np.asarray(surface.vertices), np.asarray(surface.faces)[:, ::-1])
    assert surface_of(resample(inverted, 400)).volume > 0


def test_an_open_surface_stays_open():
    surface = trimesh.creation.icosphere(subdivisions=3, radius=0.05)
    faces = np.asarray(surface.faces)[surface.triangles_center[:, 2] < 0.03]
    resampled = resample(TriangleMesh(np.asarray(surface.vertices), faces), 400)
    assert len(resampled.vertices) == 400
    assert not surface_of(resampled).is_watertight
    assert resampled.vertices[:, 2].max() < 0.04


def test_without_pyacvd_the_error_says_what_to_install(monkeypatch):
    genuine = builtins.__import__

    def without_acvd(name, *args, **kwargs):
        if name.split(".")[0] == "pyacvd":
            raise ImportError(name)
        return genuine(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_acvd)
    with pytest.raises(UserError, match=r"hand_object_pose\[synthesis\]"):
        resample(mesh_of(SHAPES["ball"]), 100)


def test_a_closed_mesh_that_cannot_be_is_refused():
    with pytest.raises(UserError, match="expected a closed mesh of 3 vertices"):
        resample(mesh_of(SHAPES["ball"]), 3)


def test_is_closed_sees_borders_and_pinched_vertices():
    tetrahedron = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    pinched = np.array([0, 4, 5, 6])[tetrahedron]  # a second tetrahedron that shares one corner
    both = TriangleMesh(np.concatenate([corners, -corners[1:]]), np.concatenate([tetrahedron, pinched[:, ::-1]]))
    assert is_closed(TriangleMesh(corners, tetrahedron))
    assert not is_closed(TriangleMesh(corners, tetrahedron[:3]))
    assert not is_closed(both)
