"""What a depth image says of a mesh where it is: how well it fits, whether it would move, whether turned it fits."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.surface_fit import SurfaceFitSettings, SurfaceMeasurement
from hand_object_pose.geometry.meshes import TriangleMesh

FloatArray = NDArray[np.floating]

# Metres of depth by which a surface that is not the mesh's lies behind or before it; fewer vertices say nothing.
_ELSEWHERE, _FEWEST = 0.02, 5


@dataclass(frozen=True)
class Agreement:
    """Of the mesh's measured vertices with the depth image.

    Attributes:
        residual: metres, mean distance, each at most ``SurfaceFitSettings.worst``, which stands for nothing measured.
        behind, before: share of the vertices behind, and before, which a surface is measured that is not the mesh's.
    """

    residual: float
    behind: float
    before: float


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
        agreement: of the mesh; turned: of the mesh turned half round about each of the axes that were asked for.
    """

    seen: int
    measured: int
    near: int
    gap: float
    covariance: FloatArray
    step: FloatArray
    agreement: Agreement
    turned: tuple[Agreement, ...]


def surface_evidence(
    frame: Frame,
    mesh: TriangleMesh,
    hiding: TriangleMesh,
    axes: FloatArray,
    settings: SurfaceFitSettings | None = None,
) -> SurfaceEvidence:
    """What the depth image says of a mesh where it is.

    Args:
        frame, mesh, hiding, settings: as of ``fit_surface``.
        axes: (3, A) unit columns, camera frame, of half turns about the mesh's middle.
    """
    settings = settings or SurfaceFitSettings()
    if frame.depth is None or min(hiding.vertices[:, 2].min(), mesh.vertices[:, 2].min()) <= 0:
        prior = np.square(np.repeat([settings.prior_translation, settings.prior_rotation], 3))
        nothing = Agreement(settings.worst, 0.0, 0.0)
        return SurfaceEvidence(0, 0, 0, math.nan, np.diag(prior), np.zeros(6), nothing, (nothing,) * axes.shape[1])
    measurement = SurfaceMeasurement(frame, mesh, hiding, settings)
    seen = measurement.seen(np.eye(4))
    points, targets, normals = measurement.pairs(np.eye(4), seen)
    scale = settings.scales[-1]
    near = np.linalg.norm(targets - points, axis=1) < settings.reach * scale
    gaps = ((targets - points) * normals).sum(axis=1)[near]
    information, pull = measurement.normal_equations(points[near], normals[near], gaps, np.zeros(6), scale)
    covariance = np.linalg.inv(information)
    gap = float(np.sqrt(np.mean(gaps**2))) if len(gaps) else math.nan
    return SurfaceEvidence(
        seen=len(seen),
        measured=len(points),
        near=int(near.sum()),
        gap=gap,
        covariance=covariance,
        step=covariance @ pull,
        agreement=_agreement(points, targets, settings.worst),
        turned=tuple(_turned(measurement, axis) for axis in axes.T),
    )


def _turned(measurement: SurfaceMeasurement, axis: FloatArray) -> Agreement:
    placement = measurement.placement(np.concatenate([np.zeros(3), math.pi * axis]))
    points, targets, _ = measurement.pairs(placement, measurement.seen(placement))
    return _agreement(points, targets, measurement.settings.worst)


def _agreement(points: FloatArray, targets: FloatArray, worst: float) -> Agreement:
    if len(points) < _FEWEST:
        return Agreement(worst, 0.0, 0.0)
    deeper = targets[:, 2] - points[:, 2]
    residual = np.linalg.norm(targets - points, axis=1).clip(max=worst).mean()
    return Agreement(float(residual), float((deeper > _ELSEWHERE).mean()), float((deeper < -_ELSEWHERE).mean()))
