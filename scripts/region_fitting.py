"""Fits the corrections of ``SigmaModel``: that regions hold as much of the truth as they say.

Errors have heavy tails: a Gaussian whose 68 % region is right has a 95 % region that is too small. The corrections
widen some of the estimates, by their levels, and narrow others, until over all of them both regions hold about their
share: about the camera's axes, in which the regions are published, and for positions of the ellipsoid as well.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import chi2, norm

from hand_object_pose.arrays import FloatArray

# Share of the truth that a region is to hold, what is aimed at, and what one is off by counts as. Both cannot be had:
# ellipsoids with the right 68 % region hold less than 95 %, and those with the right 95 % region more than 68 %.
AIMS = ((0.68, 0.70, 0.01), (0.95, 0.94, 0.005))
_SOFTNESS = 0.05
_RIDGE = 0.01


@dataclass(frozen=True)
class HalfErrors:
    """Errors of N positions, or of N rotations.

    Attributes:
        local: (N, 3) about local axes; axes: (N, 3, 3) these, columns, in the camera frame.
        floor: in quadrature with every standard deviation, see ``SigmaModel``.
        ellipsoid: weight of the ellipsoid's regions; 1 is that of the three axes together.
    """

    local: FloatArray
    axes: FloatArray
    floor: float
    ellipsoid: float

    @property
    def camera(self) -> FloatArray:
        """(N, 3) about the camera's axes."""
        return np.einsum("nij,nj->ni", self.axes, self.local)


def fit_corrections(
    basis: FloatArray, logarithms: FloatArray, errors: HalfErrors, likelihood: float
) -> tuple[FloatArray, FloatArray]:
    """What is to be added to logarithms (N, 3) of standard deviations about local axes.

    Args:
        basis: (N, P) functions of the levels.
        logarithms: of scenes that the model was not fitted to.
        errors: of the same scenes.
        likelihood: weight of the negative log likelihood beside that of the regions' shares.

    Returns:
        Weights (P,) of the basis, and shifts (3,) of the axes.
    """
    size = basis.shape[1]

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        shifted = logarithms + (basis @ parameters[:size])[:, None] + parameters[size:]
        value, slopes = region_loss(shifted, errors, likelihood)
        gradient = np.concatenate([basis.T @ slopes.sum(axis=1), slopes.sum(axis=0)])
        return value + _RIDGE * float(parameters @ parameters), gradient + 2 * _RIDGE * parameters

    found = minimize(loss, np.zeros(size + 3), jac=True, method="L-BFGS-B", options={"maxiter": 400}).x
    return found[:size], found[size:]


def region_loss(logarithms: FloatArray, errors: HalfErrors, likelihood: float) -> tuple[float, FloatArray]:
    """How far the regions' shares are from what is aimed at, and the gradient (N, 3) by logarithms (N, 3)."""
    plain = np.square(np.exp(logarithms))
    variances = plain + errors.floor**2
    scores = np.square(errors.local) / variances
    # By how much the logarithm of a standard deviation grows with the one before the floor.
    growth, count = plain / variances, len(logarithms)
    value = likelihood * float((0.5 * np.log(variances) + 0.5 * scores).sum(axis=1).mean())
    slopes = likelihood * (1 - scores) / count
    along = np.square(errors.axes) * variances[:, None, :]
    seen = along.sum(axis=2)
    total = scores.sum(axis=1)
    for share, aim, unit in AIMS:
        edge = np.log(norm.ppf(0.5 + share / 2))
        off, by_score = _off(np.square(errors.camera) / seen, edge, aim, unit)
        value += float(np.square(off).sum()) / 4
        slopes += np.einsum("nk,nkj->nj", off / 2 * by_score, along / seen[:, :, None])
        edge = 0.5 * np.log(chi2.ppf(share, 3))
        off, by_score = _off(total[:, None], edge, aim, unit)
        value += errors.ellipsoid * float(np.square(off).sum()) / 4
        slopes += errors.ellipsoid * off / 2 * by_score * (scores / total[:, None])
    return value, slopes * growth


def _off(squares: FloatArray, edge: float, aim: float, unit: float) -> tuple[FloatArray, FloatArray]:
    """By how many units (K,) the shares of squared scores (N, K) within an edge (logarithm) are off, softly counted.

    And by how much (N, K) that grows with the logarithm of each score's standard deviation.
    """
    held = expit((edge - 0.5 * np.log(squares)) / _SOFTNESS)
    return (held.mean(axis=0) - aim) / unit, held * (1 - held) / (_SOFTNESS * unit * len(squares))
