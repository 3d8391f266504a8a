"""What a depth image says of a mesh, against ray-cast depth of known poses."""

import numpy as np
import pytest
from depth_scenes import ELSEWHERE, PLACE, brick, depth_of, frame, placed

from hand_object_pose.estimation.surface_evidence import SurfaceEvidence, surface_evidence
from hand_object_pose.estimation.surface_fit import SurfaceFitSettings
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix


def evidence(mesh: TriangleMesh, shown: TriangleMesh) -> SurfaceEvidence:
    return surface_evidence(frame(depth_of(shown)), mesh, ELSEWHERE)


def test_a_mesh_in_its_place_fits() -> None:
    shown = placed(brick(), PLACE)
    found = evidence(shown, shown)
    assert found.residual < 0.001
    assert found.near == found.measured
    assert found.behind == found.before == 0


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
    found = evidence(placed(shown, pose_matrix(np.eye(3), np.array([0.0, 0.0, shift]))), shown)
    most, least = (found.behind, found.before) if shift < 0 else (found.before, found.behind)
    assert most > 0.9
    assert least == 0
    assert found.residual == pytest.approx(SurfaceFitSettings().worst)


def test_without_a_depth_image_only_the_prior_is_known() -> None:
    settings = SurfaceFitSettings()
    found = surface_evidence(frame(None), placed(brick(), PLACE), ELSEWHERE)
    expected = [settings.prior_translation**2] * 3 + [settings.prior_rotation**2] * 3
    np.testing.assert_allclose(np.diag(found.covariance), expected)
    assert (found.seen, found.measured, found.near) == (0, 0, 0)
    assert found.residual == settings.worst
