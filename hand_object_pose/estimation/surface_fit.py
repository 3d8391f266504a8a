"""A mesh pulled onto the aligned depth image: a few steps of iterative closest points from where the network put it.

The network judges from one crop how far away and how turned things are; where a depth image is at hand, the surface
that it shows is better evidence. The vertices that the camera should see look up the depth at their pixels, and the
mesh is moved rigidly until they lie on the measured surface (point to plane, Chen and Medioni, 1992, with projective
association). A prior holds what the surface leaves open, such as the turn of a can about its axis.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.checks import check_shape
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.root_depth import sample_depth
from hand_object_pose.estimation.view import Lifted
from hand_object_pose.estimation.visibility import visible_points
from hand_object_pose.geometry.meshes import TriangleMesh, vertex_normals
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.objects.object_model import ObjectModel

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.integer]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class SurfaceFitSettings:
    """Of ``fit_surface``; lengths in metres, angles in radians.

    Attributes:
        scales: standard deviation of the kernel that weights distances, one for each step.
        visibility_every: steps between two looks at which vertices the camera sees.
        reach: how many scales away a measurement is an outlier.
        largest_step: depths around a pixel that differ by more are an edge, and not used.
        least_vertices, least_share: with fewer measured vertices that are no outliers, or a smaller share of all that
            are measured, the mesh stays where it was: the surface is something else's.
        noise: of one independent measurement; neighbours err alike: ``correlated`` of them count as one.
        prior_translation, prior_rotation: standard deviations of where the network puts the mesh.
    """

    scales: tuple[float, ...] = (0.03, 0.025, 0.02, 0.015, 0.01, 0.01)
    visibility_every: int = 2
    reach: float = 2.5
    largest_step: float = 0.02
    least_vertices: int = 25
    least_share: float = 0.35
    noise: float = 0.004
    correlated: float = 10.0
    prior_translation: float = 0.03
    prior_rotation: float = 0.4


def fit_surface(
    frame: Frame, mesh: TriangleMesh, hiding: TriangleMesh, settings: SurfaceFitSettings | None = None
) -> FloatArray:
    """The motion (4, 4) in the camera frame after which a mesh fits the depth image better; identity without one.

    Args:
        frame: the depth image.
        mesh: metres, camera frame; faces counter-clockwise seen from outside.
        hiding: another mesh that may hide parts of it.
        settings: see ``SurfaceFitSettings``.
    """
    settings = settings or SurfaceFitSettings()
    centre, motion = mesh.vertices.mean(axis=0), np.zeros(6)
    if frame.depth is None or hiding.vertices[:, 2].min() <= 0:
        return np.eye(4)
    fit = _SurfaceFit(frame, mesh, hiding, settings)
    seen = np.zeros(len(mesh.vertices), dtype=bool)
    for index, scale in enumerate(settings.scales):
        placement = _about(centre, motion)
        if index % settings.visibility_every == 0:
            seen = fit.seen(placement)
        step = fit.step(placement, seen, motion, scale)
        if step is None:
            return np.eye(4)
        motion = motion + step
    return _about(centre, motion)


def fit_object(frame: Frame, lifted: Lifted, model: ObjectModel, hand_faces: IntArray) -> Lifted:
    """An answer whose object pose fits the depth image better; hand and rough object stay as they are.

    Args:
        frame: the depth image; lifted: the answer, not of a mirrored view.
        model: the object; hand_faces: (F, 3), the hand may hide parts of it.
    """
    posed = TriangleMesh(transform_points(lifted.object_pose, model.vertices), model.faces)
    motion = fit_surface(frame, posed, TriangleMesh(lifted.hand, hand_faces))
    return replace(lifted, object_pose=motion @ lifted.object_pose)


class _SurfaceFit:
    """One frame's measurement. A motion (6,) is a translation and a rotation vector about the mesh's middle."""

    def __init__(self, frame: Frame, mesh: TriangleMesh, hiding: TriangleMesh, settings: SurfaceFitSettings) -> None:
        self.frame, self.mesh, self.settings = frame, mesh, settings
        self.hiding = _image_points(frame, hiding.vertices), hiding.faces
        self.normals = vertex_normals(mesh.vertices, mesh.faces)

    def seen(self, placement: FloatArray) -> BoolArray:
        """Which vertices (V,) the camera should see; none where one would lie behind it."""
        points = transform_points(placement, self.mesh.vertices)
        if points[:, 2].min() <= 0:
            return np.zeros(len(points), dtype=bool)
        return visible_points((_image_points(self.frame, points), self.mesh.faces), self.hiding)[0]

    def step(self, placement: FloatArray, seen: BoolArray, motion: FloatArray, scale: float) -> FloatArray | None:
        """The most probable further motion (6,) given the one so far; None where too little is measured."""
        settings = self.settings
        points, targets, normals = self._pairs(placement, seen)
        gaps = ((targets - points) * normals).sum(axis=1)
        near = np.linalg.norm(targets - points, axis=1) < settings.reach * scale
        if near.sum() < max(settings.least_vertices, settings.least_share * len(near)):
            return None
        weights = np.exp(-0.5 * np.square(gaps[near] / scale)) / (settings.correlated * settings.noise**2)
        centre = transform_points(placement, self.mesh.vertices.mean(axis=0, keepdims=True))
        rows = np.concatenate([normals[near], np.cross(points[near] - centre, normals[near])], axis=1)
        prior = 1 / np.square(np.repeat([settings.prior_translation, settings.prior_rotation], 3))
        information = rows.T @ (rows * weights[:, None]) + np.diag(prior)
        solution: FloatArray = np.linalg.solve(information, rows.T @ (weights * gaps[near]) - prior * motion)
        return solution

    def _pairs(self, placement: FloatArray, seen: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Seen vertices, what is measured at their pixels, and their normals; each (N, 3)."""
        points = transform_points(placement, self.mesh.vertices[seen])
        pixels = self.frame.camera.project(points)
        measured, smooth = sample_depth(self.frame, pixels, self.settings.largest_step)
        targets = self.frame.camera.unproject(pixels, measured)
        normals = self.normals[seen] @ placement[:3, :3].T
        return points[smooth], targets[smooth], normals[smooth]


def _image_points(frame: Frame, points: FloatArray) -> FloatArray:
    """u, v in undistorted pixels and depth in metres (N, 3) of points (N, 3), camera frame."""
    return np.concatenate([frame.camera.project(points), points[:, 2:]], axis=1)


def _about(centre: FloatArray, motion: FloatArray) -> FloatArray:
    """The transform (4, 4) of a motion (6,) about ``centre`` (3,)."""
    check_shape("motion", motion, (6,))
    turn = Rotation.from_rotvec(motion[3:]).as_matrix()
    return pose_matrix(turn, centre + motion[:3] - turn @ centre)
