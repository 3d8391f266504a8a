"""Fits ``SigmaModel`` to collected errors: levels, how they are shared out to axes, and corrections.

How levels are shared out, and the corrections, are fitted to other scenes than the levels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from level_fitting import fit_kernel, fit_level
from region_fitting import HalfErrors, fit_corrections
from scipy.optimize import minimize

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.uncertainty_model import Inputs, LevelModel, SigmaModel

_HALVES = (slice(0, 3), slice(3, 6))
_FOLDS = 8
_HUBER = 4.0
# Errors below count as this: a third of a millimetre and of a degree.
_LEAST = (3e-4, 5e-3)
# The position's ellipsoid counts more than each of its axes; that of the rotation is nobody's.
_ELLIPSOIDS = (4.0, 0.0)


@dataclass(frozen=True)
class FitSettings:
    """Of ``fit_sigma_model``.

    Attributes:
        kernel_scenes: of which the kernel's parameters are learned, evenly spread; the level itself knows all.
        ridge: penalty of the offsets.
        others: see ``SigmaModel``; quantiles: of what corrections depend on, where they may differ.
        likelihood: see ``fit_corrections``; floors: see ``SigmaModel``.
    """

    kernel_scenes: int = 2800
    ridge: float = 0.5
    others: tuple[int, ...] = ()
    quantiles: tuple[float, ...] = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
    likelihood: float = 0.02
    floors: tuple[float, float] = (0.0001, 0.003)


@dataclass(frozen=True)
class Cases:
    """Features (N, F), one-hot objects (N, O), errors (N, 6) about local axes, these (N, 6, 6) as of ``error_axes``."""

    features: FloatArray
    objects: FloatArray
    errors: FloatArray
    axes: FloatArray


def joined(parts: Sequence[Cases]) -> Cases:
    """All of them."""
    return Cases(*(np.concatenate(columns) for columns in zip(*(vars(part).values() for part in parts), strict=True)))


def fit_sigma_model(cases: Cases, checked: Cases, settings: FitSettings | None = None) -> SigmaModel:
    """The model whose levels are fitted to ``cases``, all else to what these say of other scenes, ``checked``.

    Of its own scenes a level knows more than of others.
    """
    settings = settings or FitSettings()
    prepare = inputs_of(cases.features)
    level = _fit_level(prepare(cases.features, cases.objects), cases.errors, settings)
    inputs = prepare(checked.features, checked.objects)
    levels = level(inputs)
    offsets = _fit_offsets(inputs, levels, checked.errors, settings.ridge)
    logarithms = _held_out_logarithms(inputs, levels, checked.errors, settings)
    others = np.array(settings.others, dtype=np.int64)
    known = np.concatenate([levels, inputs[:, others]], axis=1)
    steps = np.quantile(known, settings.quantiles, axis=0).T
    basis = np.concatenate([_basis(each, at) for each, at in zip(known.T, steps, strict=True)], axis=1)
    corrections = np.zeros((2, *steps.shape))
    for half, (axes, floor, ellipsoid) in enumerate(zip(_HALVES, settings.floors, _ELLIPSOIDS, strict=True)):
        errors = HalfErrors(checked.errors[:, axes], checked.axes[:, axes, axes], floor, ellipsoid)
        weights, shifts = fit_corrections(basis, logarithms[:, axes], errors, settings.likelihood)
        corrections[half], offsets[0, axes] = weights.reshape(steps.shape), offsets[0, axes] + shifts
    return SigmaModel(prepare, level, offsets, others, steps, corrections, np.array(settings.floors))


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
    lengths = [np.linalg.norm(errors[:, axes], axis=1) for axes in _HALVES]
    return np.log(np.stack([np.hypot(length, least) for length, least in zip(lengths, _LEAST, strict=True)], axis=1))


def _basis(values: FloatArray, steps: FloatArray) -> FloatArray:
    """(N, L) functions of values (N,) whose weights are what they are at steps (L,), linear in between."""
    return np.stack([np.interp(values, steps, row) for row in np.eye(len(steps))], axis=1)


def _held_out_logarithms(
    inputs: FloatArray, levels: FloatArray, errors: FloatArray, settings: FitSettings
) -> FloatArray:
    """Logarithms of sigmas (N, 6) from levels (N, 2), by offsets that were fitted to the other scenes."""
    logarithms, folds = np.zeros_like(errors), np.arange(len(inputs)) % _FOLDS
    for fold in range(_FOLDS):
        there = folds == fold
        offsets = _fit_offsets(inputs[~there], levels[~there], errors[~there], settings.ridge)
        logarithms[there] = np.repeat(levels[there], 3, axis=1) + _columns(inputs[there]) @ offsets
    return logarithms


def _fit_offsets(inputs: FloatArray, levels: FloatArray, errors: FloatArray, ridge: float) -> FloatArray:
    """(1 + D, 6) see ``SigmaModel``, of levels (N, 2)."""
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
