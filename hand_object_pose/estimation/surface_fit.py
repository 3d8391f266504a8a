"""A mesh pulled onto the aligned depth image: a few steps of iterative closest points from where the network put it.

The network judges from one crop how far away and how turned things are; where a depth image is at hand, the surface
that it shows is better evidence. The vertices that the camera should see look up the depth at their pixels, and the
mesh is moved rigidly until they lie on the measured surface (point to plane, Chen and Medioni, 1992, with projective
association). A prior holds what the surface leaves open, such as the turn of a can about its axis.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.estimation.depth_sampling import sample_depth
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.visibility import image_points, visible_points
from hand_object_pose.geometry.meshes import TriangleMesh, vertex_normals
from hand_object_pose.geometry.se3 import pose_matrix, transform_points


@dataclass(frozen=True)
class SurfaceFitSettings:
    """Of ``fit_surface``; lengths in metres, angles in radians.

    Attributes:
        scales: standard deviation of the kernel that weights distances, one for each step.
        visibility_every: steps between two looks at which vertices the camera sees.
        most_vertices: of those seen, about so many, evenly spread over the mesh's numbering, are compared.
        reach: how many scales away a measurement is an outlier.
        largest_step: depths around a pixel that differ by more are an edge, and not used.
        least_vertices, least_share: with fewer measured vertices that are no outliers, or a smaller share of all that
            are measured, the mesh stays where it was: the surface is something else's.
        noise: of one independent measurement; neighbours err alike: ``correlated`` of them count as one.
        worst: largest distance of one vertex in the residual.
        prior_translation, prior_rotation: standard deviations of where the network puts the mesh.
    """

    scales: tuple[float, ...] = (0.03, 0.022, 0.016, 0.011, 0.01)
    visibility_every: int = 3
    most_vertices: int = 250
    reach: float = 2.5
    largest_step: float = 0.02
    least_vertices: int = 25
    least_share: float = 0.35
    noise: float = 0.004
    correlated: float = 10.0
    worst: float = 0.03
    prior_translation: float = 0.03
    prior_rotation: float = 0.4


@dataclass(frozen=True)
class SurfaceFit:
    """Where a mesh fits the depth image.

    Attributes:
        motion: (4, 4), camera frame, to be applied to the mesh; the identity where too little of it is measured.
        residual: metres, mean distance of its measured vertices from the surface, each at most
            ``SurfaceFitSettings.worst``; infinite where too little is measured.
    """

    motion: FloatArray
    residual: float


NOT_MEASURED = SurfaceFit(np.eye(4), math.inf)


def fit_surface(
    frame: Frame, mesh: TriangleMesh, hiding: TriangleMesh, settings: SurfaceFitSettings | None = None
) -> SurfaceFit:
    """The rigid motion after which a mesh fits the depth image better.

    Args:
        frame: the depth image.
        mesh: metres, camera frame; faces counter-clockwise seen from outside.
        hiding: another mesh that may hide parts of it.
        settings: see ``SurfaceFitSettings``.
    """
    if frame.depth is None or hiding.vertices[:, 2].min() <= 0:
        return NOT_MEASURED
    settings = settings or SurfaceFitSettings()
    fit, motion = SurfaceMeasurement(frame, mesh, hiding, settings), np.zeros(6)
    seen: IntArray = np.zeros(0, dtype=np.int64)
    for index, scale in enumerate(settings.scales):
        placement = fit.placement(motion)
        if index % settings.visibility_every == 0:
            seen = fit.seen(placement)
        step = fit.step(placement, seen, motion, scale)
        if step is None:
            return NOT_MEASURED
        motion = motion + step
    placement = fit.placement(motion)
    return SurfaceFit(placement, fit.residual(placement, seen))


class SurfaceMeasurement:
    """What a frame measures of a mesh. A motion (6,) is a translation and a rotation vector about the mesh's middle."""

    def __init__(self, frame: Frame, mesh: TriangleMesh, hiding: TriangleMesh, settings: SurfaceFitSettings) -> None:
        self.frame, self.mesh, self.settings = frame, mesh, settings
        self.hiding = image_points(frame.camera, hiding.vertices), hiding.faces
        self.normals = vertex_normals(mesh.vertices, mesh.faces)
        self.centre = mesh.vertices.mean(axis=0)

    def placement(self, motion: FloatArray) -> FloatArray:
        """The transform (4, 4) of a motion."""
        turn = Rotation.from_rotvec(motion[3:]).as_matrix()
        return pose_matrix(turn, self.centre + motion[:3] - turn @ self.centre)

    def seen(self, placement: FloatArray) -> IntArray:
        """Which vertices (N,) the camera should see, about ``most_vertices``; none where one would lie behind it."""
        points = transform_points(placement, self.mesh.vertices)
        if points[:, 2].min() <= 0:
            return np.zeros(0, dtype=np.int64)
        mesh = image_points(self.frame.camera, points), self.mesh.faces
        seen = np.flatnonzero(visible_points(mesh, self.hiding)[0])
        return seen[:: max(1, round(len(seen) / self.settings.most_vertices))]

    def step(self, placement: FloatArray, seen: IntArray, motion: FloatArray, scale: float) -> FloatArray | None:
        """The most probable further motion (6,) given the one so far; None where too little is measured."""
        settings = self.settings
        points, targets, normals = self.pairs(placement, seen)
        gaps = ((targets - points) * normals).sum(axis=1)
        near = np.linalg.norm(targets - points, axis=1) < settings.reach * scale
        if near.sum() < max(settings.least_vertices, settings.least_share * len(near)):
            return None
        information, pull = self.normal_equations(points[near], normals[near], gaps[near], motion, scale)
        solution: FloatArray = np.linalg.solve(information, pull)
        return solution

    def normal_equations(
        self, points: FloatArray, normals: FloatArray, gaps: FloatArray, motion: FloatArray, scale: float
    ) -> tuple[FloatArray, FloatArray]:
        """Information (6, 6) and its product (6,) with the further motion that closes gaps (N,) along normals."""
        settings = self.settings
        weights = np.exp(-0.5 * np.square(gaps / scale)) / (settings.correlated * settings.noise**2)
        arms = points - (self.centre + motion[:3])
        rows = np.concatenate([normals, np.cross(arms, normals)], axis=1)
        prior = 1 / np.square(np.repeat([settings.prior_translation, settings.prior_rotation], 3))
        information = rows.T @ (rows * weights[:, None]) + np.diag(prior)
        return information, rows.T @ (weights * gaps) - prior * motion

    def residual(self, placement: FloatArray, seen: IntArray) -> float:
        """Mean distance in metres of the measured vertices from the surface."""
        points, targets, _ = self.pairs(placement, seen)
        if len(points) < self.settings.least_vertices:
            return math.inf
        return float(np.linalg.norm(targets - points, axis=1).clip(max=self.settings.worst).mean())

    def pairs(self, placement: FloatArray, seen: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Seen vertices, what is measured at their pixels, and their normals; each (N, 3)."""
        points = transform_points(placement, self.mesh.vertices[seen])
        pixels = self.frame.camera.project(points)
        measured, smooth = sample_depth(self.frame, pixels, self.settings.largest_step)
        targets = self.frame.camera.unproject(pixels, measured)
        normals = self.normals[seen] @ placement[:3, :3].T
        return points[smooth], targets[smooth], normals[smooth]
