"""Depth images ray-cast from meshes at known poses, for tests of the fits to them."""

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import pose_matrix, transform_points

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
    scene: trimesh.Trimesh = trimesh.util.concatenate(
        [  # type: ignore[assignment]
            trimesh.Trimesh(mesh.vertices, mesh.faces, process=False) for mesh in meshes
        ]
    )
    columns, rows = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = CAMERA.unproject(np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(float), np.ones(columns.size))
    hits, ids, _ = scene.ray.intersects_location(np.zeros_like(rays), rays, multiple_hits=False)
    depth = np.full(columns.size, background)
    depth[ids] = hits[:, 2]
    return depth.reshape(columns.shape).astype(np.float32)


def frame(depth: np.ndarray | None, stamp: float = 0.0) -> Frame:
    return Frame(np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8), CAMERA, stamp, depth)
