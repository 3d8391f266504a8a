"""What a depth image says of a mesh, against ray-cast depth of known poses."""

import numpy as np
import pytest
import trimesh
from depth_scenes import ELSEWHERE, PLACE, brick, depth_of, frame, placed

from hand_object_pose.estimation.surface_evidence import SurfaceEvidence, surface_evidence
from hand_object_pose.estimation.surface_fit import SurfaceFitSettings
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix

AXES = PLACE[:3, :3]


def wedge() -> TriangleMesh:
    """A brick that is thinner at one end: turned half round about its first axis, it is itself, else it is not."""
    mesh = trimesh.creation.box((0.09, 0.06, 0.06)).subdivide().subdivide().subdivide()
    vertices = np.array(mesh.vertices)
    vertices[:, 1:] *= (0.65 + 5 * vertices[:, :1]).clip(0.3)
    return TriangleMesh(vertices - vertices.mean(axis=0), np.asarray(mesh.faces))


def evidence(mesh: TriangleMesh, shown: TriangleMesh) -> SurfaceEvidence:
    return surface_evidence(frame(depth_of(shown)), mesh, ELSEWHERE, AXES)


def test_a_half_turn_that_leaves_the_mesh_as_it_is_fits_as_well() -> None:
    shown = placed(wedge(), PLACE)
    found = evidence(shown, shown)
    same, other, third = found.turned
    assert found.agreement.residual < 0.001
    assert same.residual < 0.001
    assert min(other.residual, third.residual) > 3 * found.agreement.residual + 0.002
    assert found.near == found.measured


def test_another_step_is_the_way_that_is_left() -> None:
    """In the Gauss-Newton step, as in a finite difference, what a displacement along the ray has left open."""
    shown = placed(brick(), PLACE)
    nothing = evidence(shown, shown).step
    assert np.linalg.norm(nothing[:3]) < 3e-4
    assert np.linalg.norm(nothing[3:]) < 0.01
    ray = PLACE[:3, 3] / np.linalg.norm(PLACE[:3, 3])
    moved = placed(shown, pose_matrix(np.eye(3), 0.003 * ray))
    found = evidence(moved, shown).step
    np.testing.assert_allclose(found[:3], -0.003 * ray, atol=0.0007)


@pytest.mark.parametrize("shift", [-0.06, 0.06])
def test_surfaces_behind_and_before_are_told_apart(shift: float) -> None:
    shown = placed(brick(), PLACE)
    agreement = evidence(placed(shown, pose_matrix(np.eye(3), np.array([0.0, 0.0, shift]))), shown).agreement
    most, least = (agreement.behind, agreement.before) if shift < 0 else (agreement.before, agreement.behind)
    assert most > 0.9
    assert least == 0
    assert agreement.residual == pytest.approx(SurfaceFitSettings().worst)


def test_without_a_depth_image_only_the_prior_is_known() -> None:
    settings = SurfaceFitSettings()
    found = surface_evidence(frame(None), placed(brick(), PLACE), ELSEWHERE, AXES)
    expected = [settings.prior_translation**2] * 3 + [settings.prior_rotation**2] * 3
    np.testing.assert_allclose(np.diag(found.covariance), expected)
    assert (found.seen, found.measured, found.near, len(found.turned)) == (0, 0, 0, 3)
    assert found.agreement.residual == settings.worst
