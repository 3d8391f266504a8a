"""Errors of the object's pose. Posed vertices (B, V, 3), poses (B, 4, 4) object frame to camera frame; metres."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.evaluation.metrics.alignment import point_distances
from hand_object_pose.evaluation.metrics.curves import nearest_distances
from hand_object_pose.geometry.se3 import inverse_pose, rotation_angle, transform_points
from hand_object_pose.objects.object_model import Symmetries
from hand_object_pose.objects.symmetry import nearest_equivalent_pose, symmetry_transforms

AXIS_STEPS = 360
"""Turns about a continuous axis among which the best is taken; the BOP benchmark takes 315."""


def add(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """ADD: mean distance (B,) of matching vertices (Hinterstoisser et al. 2012); knows no symmetry."""
    return point_distances(predicted, truth).mean(axis=-1)


def add_s_truth_to_prediction(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """ADD-S as the paper measures it: mean distance (B,) from true vertices to the nearest predicted vertex."""
    return _mean_nearest(truth, predicted)


def add_s_prediction_to_truth(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """ADD-S in the other direction: from predicted vertices to the nearest true vertex."""
    return _mean_nearest(predicted, truth)


def chamfer_squared(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Mean squared distance (B,), m^2, to the nearest vertex: truth to prediction plus prediction to truth."""
    return np.array(
        [
            np.mean(nearest_distances(t, p) ** 2) + np.mean(nearest_distances(p, t) ** 2)
            for p, t in zip(predicted, truth, strict=True)
        ]
    )


def mce_camera_box(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """MCE as the paper measures it (B,): mean distance of the corners of the boxes parallel to the camera's axes.

    The boxes bound the posed vertices, so part of a rotation goes unnoticed; compare ``mce_oriented_box``.
    """
    return point_distances(box_corners(predicted), box_corners(truth)).mean(axis=-1)


def mce_oriented_box(vertices: FloatArray, predicted_pose: FloatArray, true_pose: FloatArray) -> FloatArray:
    """Mean distance (B,) of the corners of the object's own box (of vertices (V, 3)) under both poses."""
    return _corner_distances(vertices, predicted_pose, true_pose).mean(axis=-1)


def largest_oriented_corner_error(
    vertices: FloatArray, predicted_pose: FloatArray, true_pose: FloatArray
) -> FloatArray:
    """As ``mce_oriented_box``, the largest distance in place of the mean."""
    return _corner_distances(vertices, predicted_pose, true_pose).max(axis=-1)


def mssd(
    vertices: FloatArray, predicted_pose: FloatArray, true_pose: FloatArray, symmetries: Symmetries | None = None
) -> FloatArray:
    """Maximum symmetry-aware surface distance (B,) of the BOP benchmark; without symmetries the largest distance."""
    return _over_symmetries(vertices, predicted_pose, true_pose, symmetries, np.max)


def add_symmetric(
    vertices: FloatArray, predicted_pose: FloatArray, true_pose: FloatArray, symmetries: Symmetries
) -> FloatArray:
    """ADD (B,) to the best of the true poses that look the same: knows declared symmetries only, unlike ADD-S."""
    return _over_symmetries(vertices, predicted_pose, true_pose, symmetries, np.mean)


def rotation_error(
    predicted_pose: FloatArray, true_pose: FloatArray, symmetries: Symmetries | None = None
) -> FloatArray:
    """Angle (B,) in radians between the rotations; with ``symmetries`` to the nearest true pose that looks the same."""
    nearest = nearest_true_poses(predicted_pose, true_pose, symmetries)
    return rotation_angle(predicted_pose[:, :3, :3] @ np.swapaxes(nearest[:, :3, :3], 1, 2))


def translation_error(
    predicted_pose: FloatArray, true_pose: FloatArray, symmetries: Symmetries | None = None
) -> FloatArray:
    """Distance (B,) of the object's origins; with ``symmetries`` to the true pose that ``rotation_error`` chose."""
    nearest = nearest_true_poses(predicted_pose, true_pose, symmetries)
    return np.linalg.norm(predicted_pose[:, :3, 3] - nearest[:, :3, 3], axis=-1)


def nearest_true_poses(predicted_pose: FloatArray, true_pose: FloatArray, symmetries: Symmetries | None) -> FloatArray:
    """Of the true poses (B, 4, 4) that look the same, those whose rotation is nearest to the prediction's."""
    check_shape("predicted_pose", predicted_pose, ("B", 4, 4))
    check_shape("true_pose", true_pose, predicted_pose.shape)
    if symmetries is None or not symmetries.is_symmetric:
        return true_pose
    pairs = zip(true_pose, predicted_pose, strict=True)
    return np.stack([nearest_equivalent_pose(true, predicted, symmetries) for true, predicted in pairs])


def box_centre_error(vertices: FloatArray, predicted_pose: FloatArray, true_pose: FloatArray) -> FloatArray:
    """Distance (B,) of the posed centres of the object's own box (OCE); independent of where its origin lies."""
    centre = (vertices.min(axis=0) + vertices.max(axis=0))[None] / 2
    return point_distances(transform_points(predicted_pose, centre), transform_points(true_pose, centre))[:, 0]


def diameter_box_diagonal(vertices: FloatArray) -> float:
    """Diagonal of the box of vertices (V, 3)."""
    return float(np.linalg.norm(np.ptp(vertices, axis=0)))


def diameter_largest_pair(vertices: FloatArray) -> float:
    """Largest distance of two of vertices (V, 3), the diameter of the BOP benchmark."""
    return float(pdist(vertices).max())


def within_tenth_of_diameter(error: FloatArray, diameter: float) -> NDArray[np.bool_]:
    """ADD-0.1d: whether errors (B,) are at most a tenth of a diameter."""
    return np.asarray(error) <= 0.1 * diameter


def box_corners(points: FloatArray) -> FloatArray:
    """The eight corners (B, 8, 3) of the axis-aligned boxes of points (B, N, 3)."""
    check_shape("points", points, ("B", "N", 3))
    choice = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=bool)
    return np.where(choice, points.max(axis=1)[:, None], points.min(axis=1)[:, None])


def _corner_distances(vertices: FloatArray, predicted_pose: FloatArray, true_pose: FloatArray) -> FloatArray:
    corners = box_corners(vertices[None])[0]
    return point_distances(transform_points(predicted_pose, corners), transform_points(true_pose, corners))


def _mean_nearest(points: FloatArray, others: FloatArray) -> FloatArray:
    check_shape("points", points, ("B", "N", 3))
    return np.array([nearest_distances(p, o).mean() for p, o in zip(points, others, strict=True)])


def _over_symmetries(
    vertices: FloatArray,
    predicted_pose: FloatArray,
    true_pose: FloatArray,
    symmetries: Symmetries | None,
    reduce: Callable[..., FloatArray],
) -> FloatArray:
    """The smallest (B,), over the symmetries, of the mean or maximum distance of matching vertices."""
    transforms = symmetry_transforms(symmetries or Symmetries(), AXIS_STEPS)
    homogeneous = np.concatenate([vertices, np.ones((len(vertices), 1))], axis=1).T
    # ||P v - G S v|| = ||(G^-1 P - S) v||: one product a frame for all symmetries.
    found = [
        reduce(np.linalg.norm((relative - transforms)[:, :3] @ homogeneous, axis=1), axis=-1).min()
        for relative in inverse_pose(true_pose) @ predicted_pose
    ]
    return np.array(found)
