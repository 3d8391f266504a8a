"""Fits the corrections of ``CovarianceModel``: that regions hold as much of the truth as they say.

Errors have heavy tails: a Gaussian whose 68 % region is right has a 95 % region that is too small. The corrections
widen some of the estimates and narrow others, until over all of them both regions hold about their share: about the
camera's axes, in which the regions are published, and for positions of the ellipsoid as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2, norm

from hand_object_pose.arrays import FloatArray

# Share of the truth that a region is to hold, what is aimed at, and what one is off by counts as. Both cannot be had:
# ellipsoids with the right 68 % region hold less than 95 %, and those with the right 95 % region more than 68 %.
AIMS = ((0.68, 0.69, 0.01), (0.95, 0.94, 0.005))
_SOFTNESS = 0.05
_RIDGE = 0.01
# Metres or radians: an error of nothing has a logarithm, too.
_LEAST = 1e-9


@dataclass(frozen=True)
class HalfErrors:
    """Errors of N positions, or of N rotations.

    Attributes:
        errors: (N, 3) about the camera's axes.
        axes: (N, 3, 3) columns, in the camera frame, about which covariances are corrected.
        covariances: (N, 3, 3) about these axes, that are to be corrected.
        ellipsoid: weight of the ellipsoid's regions; 1 is that of one axis.
    """

    errors: FloatArray
    axes: FloatArray
    covariances: FloatArray
    ellipsoid: float


def fit_corrections(bases: Sequence[FloatArray], errors: HalfErrors, likelihood: float) -> list[FloatArray]:
    """What is to be added to the logarithms of standard deviations about three axes.

    Args:
        bases: for each axis (N, P) functions of what is known, of scenes that the model was not fitted to.
        errors: of the same scenes.
        likelihood: weight of the negative log likelihood beside that of the regions' shares.

    Returns:
        For each axis the weights (P,) of its functions.
    """
    cuts = np.cumsum([basis.shape[1] for basis in bases])

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        weights = np.split(parameters, cuts[:-1])
        added = np.stack([basis @ each for basis, each in zip(bases, weights, strict=True)], axis=1)
        value, slopes = region_loss(added, errors, likelihood)
        gradient = np.concatenate([basis.T @ slope for basis, slope in zip(bases, slopes.T, strict=True)])
        return value + _RIDGE * float(parameters @ parameters), gradient + 2 * _RIDGE * parameters

    found = minimize(loss, np.zeros(cuts[-1]), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
    return np.split(found, cuts[:-1])


def region_loss(added: FloatArray, errors: HalfErrors, likelihood: float) -> tuple[float, FloatArray]:
    """How far the regions' shares are from what is aimed at, and the gradient (N, 3) by what is added (N, 3)."""
    factors, count = np.exp(added), len(added)
    shrunk = np.einsum("nij,ni->nj", errors.axes, errors.errors) / factors
    parts = shrunk * np.linalg.solve(errors.covariances, shrunk[:, :, None])[:, :, 0]
    squares = parts.sum(axis=1)
    value = likelihood * float((added.sum(axis=1) + 0.5 * squares).mean())
    slopes = likelihood * (1 - parts) / count
    # How much each axis (last index) adds to the variance about each of the camera's (second index).
    columns = errors.axes * factors[:, None, :]
    adds = columns * (columns @ errors.covariances)
    variances = adds.sum(axis=2)
    scores = np.log(np.maximum(np.abs(errors.errors), _LEAST)) - 0.5 * np.log(variances)
    shares = adds / variances[:, :, None]
    for share, aim, unit in AIMS:
        off, growth = _off(scores, np.log(norm.ppf(0.5 + share / 2)), aim, unit)
        value += float(np.square(off).sum()) / 4
        slopes += np.einsum("nk,nkj->nj", off / 2 * growth, shares)
        off, growth = _off(0.5 * np.log(squares)[:, None], 0.5 * np.log(chi2.ppf(share, 3)), aim, unit)
        value += errors.ellipsoid * float(np.square(off).sum()) / 4
        slopes += errors.ellipsoid * off / 2 * growth * parts / squares[:, None]
    return value, slopes


def _off(scores: FloatArray, edge: float, aim: float, unit: float) -> tuple[FloatArray, FloatArray]:
    """By how many units (K,) the shares of scores (N, K) within an edge, logarithms, are off, softly counted.

    And by how much (N, K) that grows with the logarithm of each standard deviation.
    """
    held = expit((edge - scores) / _SOFTNESS)
    return (held.mean(axis=0) - aim) / unit, held * (1 - held) / (_SOFTNESS * unit * len(scores))
