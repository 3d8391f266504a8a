"""Fits ``HandSigmaModel`` to collected errors.

Some hands are off by much more than their estimates say, which makes the tail heavy. What is predicted is therefore
stretched: hands that look doubtful are given more, others less, until balls of 68 and of 95 % hold about their share.
"""

import numpy as np
from covariance_fitting import inputs_of
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.uncertainty_model import HandSigmaModel

# Share of the truth that a ball is to hold, what is aimed at, and what one is off by counts as.
_AIMS = ((0.68, 0.69, 0.01), (0.95, 0.945, 0.006))
_RIDGE = 10.0
_SOFTNESS = 0.05
# Errors of whole hands below count as this, metres.
_FLOOR = 0.001


def fit_hand_model(features: FloatArray, errors: FloatArray) -> HandSigmaModel:
    """The model of ``hand_features`` (N, F) and distances of the vertices from the truth (N, V), metres."""
    hands = np.hypot(np.sqrt(np.square(errors).mean(axis=1)), _FLOOR)
    # A distance holds the errors of three axes, a standard deviation that of one.
    vertices = 0.5 * np.log(np.square(errors / hands[:, None]).mean(axis=0) / 3)
    inputs = inputs_of(features)
    plain = HandSigmaModel(inputs, np.zeros(1 + 2 * features.shape[1]), vertices)
    columns = plain.columns(features)
    level = _least_squares(columns, np.log(hands))
    shift, stretch = _stretched(np.log(errors + 1e-6) - vertices, columns @ level)
    level = stretch * level
    level[0] += shift
    return HandSigmaModel(inputs, level, vertices)


def _least_squares(columns: FloatArray, targets: FloatArray) -> FloatArray:
    """(P,) weights of columns (N, P), the first of which is constant; all others are kept small."""
    penalty = np.diag([0.0] + [_RIDGE] * (columns.shape[1] - 1))
    weights: FloatArray = np.linalg.solve(columns.T @ columns + penalty, columns.T @ targets)
    return weights


def _stretched(logarithms: FloatArray, levels: FloatArray) -> tuple[float, float]:
    """What is added to levels (N,), and their factor; for logarithms of errors (N, V) less the vertices' part."""
    middle = float(levels.mean())

    def loss(parameters: FloatArray) -> float:
        shift, growth = parameters
        scores = logarithms - (levels + shift + growth * (levels - middle))[:, None]
        held = [expit((0.5 * np.log(chi2.ppf(share, 3)) - scores) / _SOFTNESS).mean() for share, _, _ in _AIMS]
        misses = [((found - aim) / unit) ** 2 for found, (_, aim, unit) in zip(held, _AIMS, strict=True)]
        return float(np.sum(misses)) + 0.1 * growth**2

    shift, growth = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    return float(shift - growth * middle), float(1 + growth)
