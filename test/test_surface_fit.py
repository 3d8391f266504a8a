"""The fit to the depth image, against poses that are known because the depth image was ray-cast from them."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.surface_fit import NOT_MEASURED, SurfaceFitSettings, fit_object, fit_surface
from hand_object_pose.estimation.view import Lifted
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix, rotation_angle, transform_points
from hand_object_pose.objects.catalogue import default_catalogue

trimesh = pytest.importorskip("trimesh")
CAMERA = Camera(np.array([[600.0, 0, 160.0], [0, 600.0, 120.0], [0, 0, 1]]), 320, 240)
PLACE = pose_matrix(Rotation.from_rotvec([0.5, 0.7, 0.2]).as_matrix(), np.array([0.01, -0.02, 0.6]))
ELSEWHERE = TriangleMesh(0.05 * np.eye(3) + np.array([0.05, 0.05, 1.0]), np.array([[0, 1, 2]]))


def brick() -> TriangleMesh:
    mesh = trimesh.creation.box((0.09, 0.06, 0.04)).subdivide().subdivide().subdivide()
    return TriangleMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces))


def ball(radius: float = 0.05) -> TriangleMesh:
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=radius)
    return TriangleMesh(np.asarray(mesh.vertices), np.asarray(mesh.faces))


def placed(mesh: TriangleMesh, pose: np.ndarray) -> TriangleMesh:
    return TriangleMesh(transform_points(pose, mesh.vertices), mesh.faces)


def depth_of(*meshes: TriangleMesh, background: float = 1.2) -> np.ndarray:
    """(H, W) by ray casting with trimesh."""
    scene = trimesh.util.concatenate([trimesh.Trimesh(mesh.vertices, mesh.faces, process=False) for mesh in meshes])
    columns, rows = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = CAMERA.unproject(np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(float), np.ones(columns.size))
    hits, ids, _ = scene.ray.intersects_location(np.zeros_like(rays), rays, multiple_hits=False)
    depth = np.full(columns.size, background)
    depth[ids] = hits[:, 2]
    return depth.reshape(columns.shape).astype(np.float32)


def frame(depth: np.ndarray | None) -> Frame:
    return Frame(np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8), CAMERA, depth=depth)


def motion(turn: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    """About the place of the mesh."""
    rotation = Rotation.from_rotvec(turn).as_matrix()
    return pose_matrix(rotation, PLACE[:3, 3] + shift - rotation @ PLACE[:3, 3])


@pytest.mark.parametrize(
    ("turn", "shift"),
    [
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.02)),
        ((0.15, 0.0, -0.1), (0.005, -0.005, -0.015)),
        ((-0.1, 0.2, 0.1), (-0.006, 0.004, 0.01)),
    ],
)
def test_a_displaced_brick_finds_back(turn: tuple, shift: tuple) -> None:
    wrong = motion(turn, shift) @ PLACE
    found = fit_surface(frame(depth_of(placed(brick(), PLACE))), placed(brick(), wrong), ELSEWHERE).motion @ wrong
    assert rotation_angle(found[:3, :3].T @ PLACE[:3, :3]) < np.radians(1.5)
    assert np.linalg.norm(found[:3, 3] - PLACE[:3, 3]) < 0.0025


def test_what_the_surface_leaves_open_stays_as_it_was() -> None:
    """A ball's depth image says nothing about its turn: it moves, and does not turn."""
    wrong = motion((0.0, 0.0, 0.0), (0.004, 0.003, 0.02)) @ PLACE
    found = fit_surface(frame(depth_of(placed(ball(), PLACE))), placed(ball(), wrong), ELSEWHERE).motion
    assert rotation_angle(found[:3, :3]) < np.radians(1.0)
    np.testing.assert_allclose((found @ wrong)[:3, 3], PLACE[:3, 3], atol=0.002)


def test_the_hand_in_front_is_not_taken_for_the_object() -> None:
    hand = TriangleMesh(ball(0.03).vertices + np.array([0.02, -0.02, 0.5]), ball(0.03).faces)
    wrong = motion((0.05, 0.05, 0.0), (0.0, 0.0, 0.015)) @ PLACE
    found = fit_surface(frame(depth_of(placed(brick(), PLACE), hand)), placed(brick(), wrong), hand).motion @ wrong
    assert np.linalg.norm(found[:3, 3] - PLACE[:3, 3]) < 0.003


@pytest.mark.parametrize("depth", [None, np.zeros((240, 320), np.float32), np.full((240, 320), 1.2, np.float32)])
def test_without_a_measurement_nothing_moves(depth: np.ndarray | None) -> None:
    assert fit_surface(frame(depth), placed(brick(), PLACE), ELSEWHERE) is NOT_MEASURED


def test_meshes_behind_the_camera_stay_where_they_are() -> None:
    behind = pose_matrix(np.eye(3), np.array([0.0, 0.0, -1.2])) @ PLACE
    depth = depth_of(placed(brick(), PLACE))
    assert fit_surface(frame(depth), placed(brick(), behind), ELSEWHERE) is NOT_MEASURED
    assert fit_surface(frame(depth), placed(brick(), PLACE), placed(brick(), behind)) is NOT_MEASURED


def test_a_surface_elsewhere_is_not_the_object() -> None:
    """Most of what the mesh should be is seen far behind it: the little that fits is something else."""
    crumb = placed(ball(0.012), PLACE)
    assert fit_surface(frame(depth_of(crumb)), placed(brick(), PLACE), ELSEWHERE) is NOT_MEASURED


def test_a_tight_prior_holds_the_pose() -> None:
    wrong = motion((0.0, 0.0, 0.0), (0.0, 0.0, 0.02)) @ PLACE
    settings = SurfaceFitSettings(prior_translation=1e-5, prior_rotation=1e-5)
    found = fit_surface(frame(depth_of(placed(brick(), PLACE))), placed(brick(), wrong), ELSEWHERE, settings).motion
    np.testing.assert_allclose(found, np.eye(4), atol=1e-3)


@pytest.mark.parametrize("good", ["voted", "rough"])
def test_the_better_of_two_beginnings_is_kept(good: str) -> None:
    """Votes and rough mesh disagree by half a turn, and only one of them looks like what is measured."""
    drill = default_catalogue()["drill"]
    true = pose_matrix(Rotation.from_rotvec([0.4, 0.3, 1.0]).as_matrix(), np.array([0.0, 0.0, 0.55]))
    wrong = true @ pose_matrix(Rotation.from_euler("x", 150, degrees=True).as_matrix(), np.zeros(3))
    voted, rough = (true, wrong) if good == "voted" else (wrong, true)
    hand = ball(0.01).vertices + np.array([0.3, 0.3, 0.9])
    lifted = Lifted(
        hand, np.zeros((21, 3)), transform_points(rough, drill.vertices), voted, np.zeros(3), np.zeros((0, 7))
    )
    depth = depth_of(TriangleMesh(transform_points(true, drill.vertices), drill.faces))
    found = fit_object(frame(depth), lifted, drill, ball(0.01).faces).object_pose
    assert rotation_angle(found[:3, :3].T @ true[:3, :3]) < np.radians(3)
    assert np.linalg.norm(found[:3, 3] - true[:3, 3]) < 0.004
