"""Shares of errors below thresholds: PCK curves, their area, F-scores."""

import numpy as np
from scipy.integrate import trapezoid
from scipy.spatial import cKDTree

from hand_object_pose.arrays import FloatArray

# HO3D and DexYCB: 100 thresholds from 0 to 5 cm, both ends included.
THRESHOLDS = np.linspace(0.0, 0.05, 100)


def pck_curve(errors: FloatArray, thresholds: FloatArray = THRESHOLDS) -> FloatArray:
    """Share of errors (B, N) that are at most each threshold (T,), frames per keypoint first, then keypoints."""
    return np.array([np.mean(errors <= threshold) for threshold in thresholds])


def area_under_curve(curve: FloatArray, thresholds: FloatArray = THRESHOLDS) -> float:
    """Area under a curve (T,) by trapezoids, divided by the range of the thresholds: 1 is perfect."""
    return float(trapezoid(curve, thresholds) / (thresholds[-1] - thresholds[0]))


def f_scores(predicted: FloatArray, truth: FloatArray, threshold: float) -> FloatArray:
    """F-score (B,) of points (B, N, 3) against (B, M, 3): harmonic mean of the shares nearer than ``threshold``.

    Vertex to vertex, strictly nearer, 0 where no vertex is (HO3D's evaluation; Knapitsch et al. 2017).
    """
    scores = []
    for points, true_points in zip(predicted, truth, strict=True):
        precision = np.mean(nearest_distances(points, true_points) < threshold)
        recall = np.mean(nearest_distances(true_points, points) < threshold)
        scores.append(2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0)
    return np.array(scores)


def nearest_distances(points: FloatArray, others: FloatArray) -> FloatArray:
    """Distance (N,) from each of points (N, 3) to the nearest of ``others`` (M, 3)."""
    distances, _ = cKDTree(others).query(points)
    return distances
