"""Whether an estimate can be trusted, judged by whether its independent parts agree.

The network answers whatever it is shown. But on an image without the hand and the object its heatmaps spread, its
hand has no hand's proportions, its rough object mesh is no longer a rigid copy of the CAD model and disagrees with the
voted pose, and a depth image does not fit the predicted hand.
"""

from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.geometry.se3 import kabsch, transform_points


@dataclass(frozen=True)
class Evidence:
    """What speaks against an estimate; 0 is best, None where it was not measured.

    Attributes:
        hand_spread: median standard deviation of the hand's heatmaps in the image, as a share of the crop's side.
        hand_deformation: median relative difference of the hand's edge lengths from the hand model's at rest.
        object_deformation: root mean square deviation of the rough object from its rigidly fitted CAD model, as a
            share of the model's diameter.
        object_disagreement: the same deviation from the CAD model as posed, where it is not fitted to a depth image.
        object_residual: metres, mean distance of the fitted CAD model's seen vertices from the depth image.
        depth_residual: metres, robust spread of the depth image about the predicted hand.
        depth_rejected: share of the visible hand's depths that do not fit the prediction.
    """

    hand_spread: float
    hand_deformation: float
    object_deformation: float | None = None
    object_disagreement: float | None = None
    object_residual: float | None = None
    depth_residual: float | None = None
    depth_rejected: float | None = None


@dataclass(frozen=True)
class ConfidenceScales:
    """At this value of one piece of evidence alone, the confidence is one half."""

    hand_spread: float = 0.41
    hand_deformation: float = 0.2
    object_deformation: float = 0.5
    object_disagreement: float = 0.9
    object_residual: float = 0.02
    depth_residual: float = 0.025
    depth_rejected: float = 3.0


def confidence(evidence: Evidence, scales: ConfidenceScales | None = None) -> float:
    """1 / (1 + sum of squared evidence over scale), in [0, 1]; any single bad piece is enough to lower it."""
    scales = scales or ConfidenceScales()
    measured = {name: value for name, value in vars(evidence).items() if value is not None}
    if not np.isfinite(list(measured.values())).all():
        return 0.0
    against = sum((value / getattr(scales, name)) ** 2 for name, value in measured.items())
    return float(1.0 / (1.0 + against))


def hand_evidence(vertices: FloatArray, rest: FloatArray, edges: IntArray) -> float:
    """``hand_deformation`` of a hand (778, 3) against its model at rest (778, 3), metres; edges (E, 2)."""
    lengths = _lengths(vertices, edges) / np.maximum(_lengths(rest, edges), 1e-6)
    return float(np.median(np.abs(lengths - 1.0)))


def _lengths(vertices: FloatArray, edges: IntArray) -> FloatArray:
    return np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)


def object_evidence(rough: FloatArray, template: FloatArray, pose: FloatArray) -> tuple[float, float]:
    """``object_deformation`` and ``object_disagreement``.

    Args:
        rough: the network's rough object (1000, 3); template: CAD vertices (1000, 3), object frame; metres.
        pose: voted pose (4, 4), object frame to camera frame.
    """
    diameter = float(np.linalg.norm(np.ptp(template, axis=0)))
    fitted = transform_points(kabsch(template, rough), template)
    posed = transform_points(pose, template)
    return _deviation(rough, fitted) / diameter, _deviation(rough, posed) / diameter


def _deviation(first: FloatArray, second: FloatArray) -> float:
    return float(np.sqrt(np.square(first - second).sum(axis=1).mean()))
