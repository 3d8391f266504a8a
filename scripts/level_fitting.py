"""Fits ``LevelModel``: a Gaussian process whose kernel learns which of the inputs matter.

How far the logarithm of an error reaches along each input is found by maximising the marginal likelihood (Rasmussen and
Williams, 2006, section 5.4.1; automatic relevance determination, section 5.1). Libraries that do it keep a gradient
(N, N, D) of the kernel, gigabytes here.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve
from scipy.optimize import minimize

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.uncertainty_model import LevelModel, kernel

_BEGIN_RELEVANCE, _BEGIN_SLOPE, _BEGIN_NOISE = 1 / 7, 1.0, 0.5
# Keeps what says nothing from being learned by heart: nats for a relevance of one.
_PRICE = 1.0


@dataclass(frozen=True)
class KernelParameters:
    """Of a kernel.

    Attributes:
        relevance: (D,) one over the length scale along each input; slope: weight of the linear kernel.
        noise: variance of a target, where the squared exponential kernel's is one.
    """

    relevance: FloatArray
    slope: float
    noise: float

    @classmethod
    def from_logarithms(cls, values: FloatArray) -> "KernelParameters":
        """Of (D + 2,) logarithms, in the order of the fields."""
        return cls(np.exp(values[:-2]), float(np.exp(values[-2])), float(np.exp(values[-1])))


def fit_kernel(inputs: FloatArray, targets: FloatArray, iterations: int = 60) -> KernelParameters:
    """The most probable parameters of inputs (N, D) and targets (N, T), which share a kernel, whatever their scale."""
    standard = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    size = inputs.shape[1]
    begin = np.log(np.array([*[_BEGIN_RELEVANCE] * size, _BEGIN_SLOPE, _BEGIN_NOISE]))
    options = {"maxiter": iterations}
    found = minimize(
        cost, begin, (inputs, standard), jac=True, method="L-BFGS-B", bounds=[(-9, 3)] * len(begin), options=options
    )
    return KernelParameters.from_logarithms(found.x)


def cost(logarithms: FloatArray, inputs: FloatArray, targets: FloatArray) -> tuple[float, FloatArray]:
    """Negative logarithm of the marginal likelihood of standardised targets, by scene, and its gradient (D + 2,).

    The variance of each target is the most probable one.
    """
    parameters = KernelParameters.from_logarithms(logarithms)
    count, outputs = targets.shape
    scaled = inputs * parameters.relevance
    smooth = kernel(scaled, scaled, 0.0)
    factor = cho_factor(smooth + parameters.slope * scaled @ scaled.T + parameters.noise * np.eye(count), lower=True)
    solved = cho_solve(factor, targets)
    variances = np.einsum("nt,nt->t", targets, solved) / count
    determinant = 2 * np.log(np.diag(factor[0])).sum()
    price = _PRICE * parameters.relevance.sum()
    value = 0.5 * (outputs * determinant + count * np.log(variances).sum()) + price
    # Half of what the value changes by with each entry of the covariance.
    slopes = 0.5 * (outputs * cho_solve(factor, np.eye(count)) - (solved / variances) @ solved.T)
    near = slopes * smooth
    of_relevance = -2 * (near.sum(axis=1) @ np.square(scaled) - (scaled * (near @ scaled)).sum(axis=0))
    linear = (scaled * (slopes @ scaled)).sum(axis=0)
    of_relevance += 2 * parameters.slope * linear + _PRICE * parameters.relevance
    gradient = np.array([*of_relevance, parameters.slope * linear.sum(), parameters.noise * np.trace(slopes)])
    return float(value) / count, gradient / count


def fit_level(inputs: FloatArray, targets: FloatArray, parameters: KernelParameters) -> LevelModel:
    """The posterior's mean, of inputs (N, D) and targets (N, 2)."""
    means, scaled = targets.mean(axis=0), inputs * parameters.relevance
    among = kernel(scaled, scaled, parameters.slope) + parameters.noise * np.eye(len(inputs))
    weights = solve(among, targets - means, assume_a="pos")
    return LevelModel(scaled, weights, means, parameters.relevance, parameters.slope)
