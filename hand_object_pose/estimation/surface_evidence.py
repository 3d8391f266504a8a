"""What a depth image says of a mesh where it is: how well it fits, how firmly it is held, whether it would move on."""

import math
from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.surface_fit import SurfaceFitSettings, SurfaceMeasurement
from hand_object_pose.geometry.meshes import TriangleMesh

# Metres of depth by which a surface that is not the mesh's lies behind or before it; fewer vertices say nothing.
_ELSEWHERE, _FEWEST = 0.02, 5


@dataclass(frozen=True)
class SurfaceEvidence:
    """How well a depth image holds a mesh where it is.

    Attributes:
        seen: vertices that the camera should see; measured: those with a measured depth; near: of these, those that lie
            on the measured surface.
        gap: metres, root mean square distance of the latter along their normals; NaN where there are none.
        covariance: (6, 6) of a motion as ``fit_surface`` finds it, camera frame: a translation and a rotation vector
            about the mesh's middle, which the surface and the prior leave uncertain.
        step: (6,) the motion that another step of the fit would make.
        residual: metres, mean distance of the measured vertices from the surface, each at most
            ``SurfaceFitSettings.worst``, which stands for nothing measured.
        behind, before: share of the measured vertices behind, and before, which a surface is measured that is not the
            mesh's.
    """

    seen: int
    measured: int
    near: int
    gap: float
    covariance: FloatArray
    step: FloatArray
    residual: float
    behind: float
    before: float


def surface_evidence(
    frame: Frame, mesh: TriangleMesh, hiding: TriangleMesh, settings: SurfaceFitSettings | None = None
) -> SurfaceEvidence:
    """What the depth image says of a mesh where it is; arguments as of ``fit_surface``."""
    settings = settings or SurfaceFitSettings()
    if frame.depth is None or min(hiding.vertices[:, 2].min(), mesh.vertices[:, 2].min()) <= 0:
        prior = np.square(np.repeat([settings.prior_translation, settings.prior_rotation], 3))
        return SurfaceEvidence(0, 0, 0, math.nan, np.diag(prior), np.zeros(6), settings.worst, 0.0, 0.0)
    measurement = SurfaceMeasurement(frame, mesh, hiding, settings)
    seen = measurement.seen(np.eye(4))
    points, targets, normals = measurement.pairs(np.eye(4), seen)
    scale = settings.scales[-1]
    near = np.linalg.norm(targets - points, axis=1) < settings.reach * scale
    gaps = ((targets - points) * normals).sum(axis=1)[near]
    information, pull = measurement.normal_equations(points[near], normals[near], gaps, np.zeros(6), scale)
    covariance = np.linalg.inv(information)
    gap = float(np.sqrt(np.mean(gaps**2))) if len(gaps) else math.nan
    residual, behind, before = _agreement(points, targets, settings.worst)
    return SurfaceEvidence(
        seen=len(seen),
        measured=len(points),
        near=int(near.sum()),
        gap=gap,
        covariance=covariance,
        step=covariance @ pull,
        residual=residual,
        behind=behind,
        before=before,
    )


def _agreement(points: FloatArray, targets: FloatArray, worst: float) -> tuple[float, float, float]:
    """``residual``, ``behind`` and ``before`` of points (N, 3) and what is measured at their pixels (N, 3)."""
    if len(points) < _FEWEST:
        return worst, 0.0, 0.0
    deeper = targets[:, 2] - points[:, 2]
    residual = np.linalg.norm(targets - points, axis=1).clip(max=worst).mean()
    return float(residual), float((deeper > _ELSEWHERE).mean()), float((deeper < -_ELSEWHERE).mean())
