"""What an estimate of a hand tells about its own error: numbers that are known when it is published.

They hold nothing of the object, so that they can be had of a hand with any object, and of a mirrored one.
"""

import math

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.root_depth import RootDepthEstimate

_SPREADS = ("u", "v", "z")
HAND_FEATURES = (
    "distance",
    "root_sigma",
    "root_rejected",
    "root_residual",
    "deformation",
    *(f"spread_{axis}" for axis in _SPREADS),
    *(f"most_spread_{axis}" for axis in _SPREADS),
)
"""Names of what ``hand_features`` returns, in its order; all but the share of rejected depths are logarithms."""

# Added before the logarithm: metres, shares.
_LENGTH, _SHARE = 0.001, 0.001
# Where no depth image gave the wrist's depth.
_NO_REJECTION, _NO_RESIDUAL = 0.2, 0.03


def hand_features(hand: FloatArray, spread: FloatArray, root: RootDepthEstimate, deformation: float) -> FloatArray:
    """(11,) ``HAND_FEATURES``.

    Args:
        hand: (778, 3) metres, camera frame; spread: of its heatmaps (778, 3), lixel units, of which the median and the
            ninth decile count.
        root: the wrist's depth; deformation: ``Evidence.hand_deformation``.
    """
    rejected = _NO_REJECTION if math.isnan(root.support) else 1 - root.support
    residual = _NO_RESIDUAL if math.isnan(root.residual) else root.residual
    middle, most = _quantile(spread, 0.5), _quantile(spread, 0.9)
    depth = math.log(max(float(hand[:, 2].mean()), _LENGTH))
    lengths = math.log(root.sigma + _LENGTH), rejected, math.log(residual + _LENGTH)
    shape = math.log(deformation + _SHARE)
    return np.array([depth, *lengths, shape, *np.log(middle + _SHARE), *np.log(most + _SHARE)])


def _quantile(values: FloatArray, share: float) -> FloatArray:
    """(K,) of values (N, K), as ``np.quantile``, in a fifth of its time."""
    ordered, place = np.sort(values, axis=0), share * (len(values) - 1)
    low = int(place)
    between: FloatArray = ordered[low] + (place - low) * (ordered[min(low + 1, len(values) - 1)] - ordered[low])
    return between
