"""Fits ``CovarianceModel`` to collected errors: levels, how they are shared out to axes, and corrections.

How levels are shared out, and the corrections, are fitted to other scenes than the levels.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from level_fitting import fit_kernel, fit_level
from region_fitting import HalfErrors, fit_corrections
from scipy.optimize import minimize

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.uncertainty_model import AXES, HALVES, CovarianceModel, Inputs, LevelModel, known

_FOLDS = 8
_HUBER = 4.0
# Of logarithms, or of inputs' standard deviations.
_APART = 1e-3
# Errors below count as this: a third of a millimetre and of a degree.
_LEAST = (3e-4, 5e-3)
# Relative to one of its axes, how much the position's ellipsoid counts; that of the rotation is nobody's.
_ELLIPSOIDS = (4.0, 0.0)


@dataclass(frozen=True)
class FitSettings:
    """Of ``fit_covariance_model``.

    Attributes:
        kernel_scenes: of which the kernel's parameters are learned, evenly spread; the level itself knows all.
        ridge: penalty of the offsets.
        others: see ``CovarianceModel``; quantiles: of what corrections depend on, where they may differ.
        likelihood: see ``fit_corrections``; floors: see ``CovarianceModel``.
    """

    kernel_scenes: int = 2800
    ridge: float = 1.0
    others: tuple[int, ...] = ()
    quantiles: tuple[float, ...] = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
    likelihood: float = 0.02
    floors: tuple[float, float] = (0.0001, 0.003)


@dataclass(frozen=True)
class Cases:
    """Estimates of N scenes.

    Attributes:
        features: (N, F); objects: (N, O) one-hot; axes: (N, 6, 6) ``error_axes``.
        errors: (N, 6) x, y, z, rx, ry, rz about the camera's fixed axes, metres and radians.
    """

    features: FloatArray
    objects: FloatArray
    axes: FloatArray
    errors: FloatArray

    def local_errors(self) -> FloatArray:
        """(N, 6) about ``axes``."""
        return np.einsum("nij,ni->nj", self.axes, self.errors)


def fit_covariance_model(cases: Cases, checked: Cases, settings: FitSettings | None = None) -> CovarianceModel:
    """The model whose levels are fitted to ``cases``, all else to what these say of other scenes, ``checked``.

    Of its own scenes a level knows more than of others.
    """
    settings = settings or FitSettings()
    prepare = inputs_of(cases.features)
    level = _fit_level(prepare(cases.features, cases.objects), cases.local_errors(), settings)
    inputs = prepare(checked.features, checked.objects)
    levels = level(inputs)
    model = _begin(prepare, level, settings)
    plain = _held_out_covariances(model, inputs, levels, checked, settings.ridge)
    values = known(plain, levels, inputs[:, model.others])
    steps, corrections = _fit_corrections(values, plain, checked, settings)
    offsets = _fit_offsets(inputs, levels, checked.local_errors(), settings.ridge)
    return replace(model, offsets=offsets, steps=steps, corrections=corrections)


def _begin(inputs: Inputs, level: LevelModel, settings: FitSettings) -> CovarianceModel:
    """Without offsets or corrections."""
    offsets = np.zeros((1 + level.inputs.shape[1], AXES))
    others, floors = np.array(settings.others, dtype=np.int64), np.array(settings.floors)
    size = len(settings.quantiles)
    steps = np.tile(np.arange(float(size)), (AXES, 3 + len(others), 1))
    return CovarianceModel(inputs, level, offsets, floors, others, steps, np.zeros_like(steps))


def _held_out_covariances(
    model: CovarianceModel, inputs: FloatArray, levels: FloatArray, checked: Cases, ridge: float
) -> FloatArray:
    """(N, 6, 6) before a correction, by offsets that were fitted to the other scenes."""
    covariances, folds = np.zeros((len(inputs), AXES, AXES)), np.arange(len(inputs)) % _FOLDS
    errors = checked.local_errors()
    for fold in range(_FOLDS):
        there = folds == fold
        of_others = replace(model, offsets=_fit_offsets(inputs[~there], levels[~there], errors[~there], ridge))
        covariances[there] = of_others.uncorrected(inputs[there], levels[there], checked.axes[there])
    return covariances


def _fit_corrections(
    values: FloatArray, plain: FloatArray, checked: Cases, settings: FitSettings
) -> tuple[FloatArray, FloatArray]:
    """Steps and corrections (6, K, L), see ``CovarianceModel``, of ``known`` values (6, K, N).

    Covariances ``plain`` (N, 6, 6), about the viewing axes, are those before a correction, of scenes that they were not
    fitted to.
    """
    steps = _rising(np.moveaxis(np.quantile(values, settings.quantiles, axis=2), 0, 2))
    corrections = np.zeros_like(steps)
    viewing = checked.axes[:, :3, :3]
    for half, ellipsoid in zip(HALVES, _ELLIPSOIDS, strict=True):
        bases = [_basis(each, at) for each, at in zip(values[half], steps[half], strict=True)]
        sized = HalfErrors(checked.errors[:, half], viewing, plain[:, half, half], ellipsoid)
        weights = fit_corrections(bases, sized, settings.likelihood)
        corrections[half] = np.reshape(weights, steps[half].shape)
    return steps, corrections


def _rising(steps: FloatArray) -> FloatArray:
    """Steps (..., L) of which none equals the one before: at two that do, a rounding error would choose."""
    rising = steps.copy()
    for number in range(1, steps.shape[-1]):
        rising[..., number] = np.maximum(rising[..., number], rising[..., number - 1] + _APART)
    return rising


def inputs_of(features: FloatArray) -> Inputs:
    """How features like these (N, F) are clipped and standardised."""
    low, high = np.quantile(features, [0.005, 0.995], axis=0)
    clipped = features.clip(low, high)
    scale = clipped.std(axis=0)
    return Inputs(low, high, clipped.mean(axis=0), np.where(scale > 1e-6, scale, 1.0))


def _fit_level(inputs: FloatArray, errors: FloatArray, settings: FitSettings) -> LevelModel:
    targets = _targets(errors)
    some = slice(None, None, math.ceil(len(inputs) / settings.kernel_scenes))
    return fit_level(inputs, targets, fit_kernel(inputs[some], targets[some]))


def _targets(errors: FloatArray) -> FloatArray:
    """(N, 2) logarithms of the lengths of errors (N, 6)."""
    lengths = [np.linalg.norm(errors[:, axes], axis=1) for axes in HALVES]
    return np.log(np.stack([np.hypot(length, least) for length, least in zip(lengths, _LEAST, strict=True)], axis=1))


def _basis(values: FloatArray, steps: FloatArray) -> FloatArray:
    """(N, K L) functions of values (K, N) whose weights are what they are at steps (K, L), linear in between."""
    columns = [np.interp(each, at, row) for each, at in zip(values, steps, strict=True) for row in np.eye(len(at))]
    return np.stack(columns, axis=1)


def _fit_offsets(inputs: FloatArray, levels: FloatArray, errors: FloatArray, ridge: float) -> FloatArray:
    """(1 + D, 6) see ``CovarianceModel``, of levels (N, 2)."""
    scores = np.abs(errors) * np.exp(-np.repeat(levels, 3, axis=1)) + 0.01
    return np.stack([_fit_scale(_columns(inputs), score, ridge) for score in scores.T], axis=1)


def _columns(inputs: FloatArray) -> FloatArray:
    """(N, 1 + D): a constant, and the inputs."""
    return np.concatenate([np.ones((len(inputs), 1)), inputs], axis=1)


def _fit_scale(columns: FloatArray, scores: FloatArray, ridge: float) -> FloatArray:
    """(P,) weights of columns (N, P) for the logarithm of the standard deviation of scores (N,); Huber's loss."""
    penalty = np.full(columns.shape[1], ridge)
    penalty[0] = 0.0

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        logarithms = columns @ weights
        standard = scores * np.exp(-logarithms)
        far = standard > _HUBER
        costs = np.where(far, _HUBER * standard - 0.5 * _HUBER**2, 0.5 * standard**2)
        slopes = 1 - np.where(far, _HUBER * standard, standard**2)
        value = (logarithms + costs).mean() + 0.5 * (penalty * weights**2).sum()
        return float(value), columns.T @ slopes / len(scores) + penalty * weights

    return np.asarray(minimize(loss, np.zeros(columns.shape[1]), jac=True, method="L-BFGS-B").x)
