"""What may be undone before two point sets are compared. Points (B, N, 3), metres."""

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape

# HO3D's evaluation adds this to norms before it divides.
_HO3D_EPSILON = 1e-8


def point_distances(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Distance (B, N) of matching points."""
    check_shape("predicted", predicted, ("...", "N", 3))
    check_shape("truth", truth, predicted.shape)
    return np.linalg.norm(predicted - truth, axis=-1)


def root_aligned(points: FloatArray, roots: FloatArray) -> FloatArray:
    """Points (B, N, 3) relative to their roots (B, 3); no rotation, no scale."""
    check_shape("points", points, ("B", "N", 3))
    check_shape("roots", roots, (len(points), 3))
    return points - roots[:, None]


def root_and_scale_aligned(predicted: FloatArray, truth: FloatArray, root: int = 0, end: int = 9) -> FloatArray:
    """Predicted joints scaled so that the bone ``root`` - ``end`` has the true length, then moved root to root.

    The defaults are the wrist and the first joint of the middle finger, as in HO3D's evaluation. A predicted bone
    of no length is not scaled.
    """
    true_length = np.linalg.norm(truth[:, end] - truth[:, root], axis=-1)
    length = np.linalg.norm(predicted[:, end] - predicted[:, root], axis=-1)
    scale = np.divide(true_length, length, out=np.ones_like(length), where=length > 0)
    scaled = predicted * scale[:, None, None]
    return scaled - scaled[:, root, None] + truth[:, root, None]


def procrustes_aligned(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Predicted points moved by the best similarity onto the truth: rotation, scale, translation (Umeyama 1991)."""
    return _similarity_aligned(predicted, truth, reflections=False)


def procrustes_aligned_with_reflections(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """The same as HO3D's and DexYCB's evaluations do it: a mirrored hand counts as the hand itself.

    Those scripts do not correct the determinant of the rotation. Where no reflection fits better, which is so of any
    sensible prediction, both are the same.
    """
    return _similarity_aligned(predicted, truth, reflections=True)


def _similarity_aligned(predicted: FloatArray, truth: FloatArray, reflections: bool) -> FloatArray:
    centred, _ = _centred(predicted)
    true_centred, true_centre = _centred(truth)
    size = np.linalg.norm(centred, axis=(1, 2), keepdims=True) + _HO3D_EPSILON
    true_size = np.linalg.norm(true_centred, axis=(1, 2), keepdims=True) + _HO3D_EPSILON
    left, singular, right = np.linalg.svd(np.swapaxes(centred / size, 1, 2) @ (true_centred / true_size))
    if not reflections:
        mirrored = np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)[:, None]
        # The least singular value is the last one: that is the direction in which not mirroring costs least.
        singular[:, -1:] *= mirrored
        left[:, :, -1] *= mirrored
    turned = centred / size @ (left @ right)
    return turned * singular.sum(axis=-1)[:, None, None] * true_size + true_centre


def _centred(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    check_shape("points", points, ("B", "N", 3))
    centre = points.mean(axis=1, keepdims=True)
    return points - centre, centre


def hand_size_aligned(
    predicted_hand: FloatArray, predicted_object: FloatArray, true_hand: FloatArray, as_published: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Hand (B, 778, 3) moved to the true centroid and RMS size, the object (B, M, 3) moved along with it.

    What remains is the hand's shape and where the object lies relative to it.

    Args:
        as_published: subtract the true centroid from the prediction too, as the released evaluation does by mistake;
            only to explain published numbers.
    """
    true_centred, true_centre = _centred(true_hand)
    centre = true_centre if as_published else predicted_hand.mean(axis=1, keepdims=True)
    hand, thing = predicted_hand - centre, predicted_object - centre
    scale = _root_mean_square(true_centred) / _root_mean_square(hand)
    return hand * scale + true_centre, thing * scale + true_centre


def _root_mean_square(points: FloatArray) -> FloatArray:
    return np.sqrt((points**2).sum(axis=-1).mean(axis=-1))[:, None, None]
