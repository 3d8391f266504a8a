"""How well estimated surfaces fit the depth image, under the names of ``metric_table``; needs no truth."""

import cv2
import numpy as np

from hand_object_pose.estimation.depth_sampling import sample_depth
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.visibility import image_points, visible_points
from hand_object_pose.evaluation.drawing.painting import rendered_depth
from hand_object_pose.geometry.meshes import TriangleMesh

_MM, _PERCENT = 1000.0, 100.0
# As the estimator's own fit: patches with a larger step are edges.
_LARGEST_STEP = 0.02
_LEAST_MEASURED = 20
# A surface is background if it lies so far behind the estimated one, metres; hands and objects are thicker.
_BEHIND = 0.02
_LEAST_PIXELS = 100


def depth_residual(frame: Frame, *meshes: TriangleMesh) -> float | None:
    """``depth.residual_mm``: median distance along the optical axis of visible vertices to the measured surface.

    Meshes in metres, camera frame, may hide each other. None where the depth image measures too few of their vertices.
    """
    if frame.depth is None:
        return None
    shown = [image_points(frame.camera, mesh.vertices) for mesh in meshes]
    seen = visible_points(*((points, mesh.faces) for points, mesh in zip(shown, meshes, strict=True)))
    points = np.concatenate([points[visible] for points, visible in zip(shown, seen, strict=True)])
    measured, clean = sample_depth(frame, points[:, :2], _LARGEST_STEP)
    residuals = np.abs(measured - points[:, 2])[clean]
    return _MM * float(np.median(residuals)) if len(residuals) >= _LEAST_MEASURED else None


def mask_agreement(frame: Frame, *meshes: TriangleMesh) -> float | None:
    """``mask.agreement_percent``: share of the pixels covered by the meshes that do not show what lies behind them.

    A pixel shows it where the depth image measures more than 2 cm behind the mesh; what is measured in front may hide
    it. The outermost covered pixels do not count: the border goes through them. Meshes in metres, camera frame. None
    where the depth image measures too few of the pixels.
    """
    if frame.depth is None or min(float(mesh.vertices[:, 2].min()) for mesh in meshes) <= 0:
        return None
    surface = rendered_depth(frame.camera, [(mesh.vertices, mesh.faces) for mesh in meshes])
    covered = cv2.erode(np.isfinite(surface).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    # A hole is 0, NaN or infinite.
    measured = covered & np.isfinite(frame.depth) & (frame.depth > 0)
    behind = frame.depth[measured] > surface[measured] + _BEHIND
    return _PERCENT * (1.0 - float(behind.mean())) if behind.size >= _LEAST_PIXELS else None
