"""How large an estimate's error is likely to be, told from the estimate itself: fitted to rendered scenes.

The votes' spread alone says little: the network is trained for their mean (equation 21). The logarithm of an estimate's
error is therefore predicted by a Gaussian process (Rasmussen and Williams, 2006, section 2.2) over ``pose_features``. A
file beside the weights holds it; it is true of these weights only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.checks import check_shape

AXES = 6
HALVES = (slice(0, 3), slice(3, 6))
"""Of a covariance: translation, rotation."""
OBJECT_SCALE = 2.0
"""How far apart two objects are, where one standard deviation of a feature is 1."""


@dataclass(frozen=True)
class Inputs:
    """From features (N, F) and one-hot objects (N, O) to what the models see: clipped, standardised, (N, F + O).

    Attributes:
        lowest, highest: (F,) what was seen; middle, scale: (F,) of it.
    """

    lowest: FloatArray
    highest: FloatArray
    middle: FloatArray
    scale: FloatArray

    def __call__(self, features: FloatArray, objects: FloatArray) -> FloatArray:
        """See above."""
        check_shape("features", features, ("N", len(self.lowest)))
        standard = (features.clip(self.lowest, self.highest) - self.middle) / self.scale
        return np.concatenate([standard, OBJECT_SCALE * objects], axis=1)


@dataclass(frozen=True)
class LevelModel:
    """Gaussian processes for the logarithms of an error's length: of the translation, and of the rotation.

    Attributes:
        inputs: (M, F + O) of the scenes that it was fitted to, times the relevance.
        weights: (M, 2) K^-1 y; means: (2,).
        relevance: (F + O,) one over the length scale along each input; slope: weight of the linear kernel.
    """

    inputs: FloatArray
    weights: FloatArray
    means: FloatArray
    relevance: FloatArray
    slope: float

    def __call__(self, inputs: FloatArray) -> FloatArray:
        """(N, 2) of inputs (N, F + O)."""
        near = kernel(inputs * self.relevance, self.inputs, self.slope, self._squares)
        levels: FloatArray = self.means + near @ self.weights
        return levels

    @cached_property
    def _squares(self) -> FloatArray:
        return squared_lengths(self.inputs)


@dataclass(frozen=True)
class CovarianceModel:
    """Covariances of poses: of errors that are independent about ``error_axes``, then sized about the viewing axes.

    Attributes:
        inputs, level: see there.
        offsets: (1 + F + O, 6) of a constant and of the inputs: by how much the logarithm of the standard deviation
            about each of ``error_axes`` differs from the level.
        floors: (2,) metres and radians, added in quadrature: no measurement is better.
        others: (K - 3,) indices of inputs that corrections depend on beside what ``known`` says.
        steps: (6, K, L) rising: of translations along and rotations about each of the viewing axes, of what the
            correction depends on.
        corrections: (6, K, L) what is added to the logarithm of the standard deviation at each of the steps, and in
            between by linear interpolation, so that the regions hold as much of the truth as they say.
    """

    inputs: Inputs
    level: LevelModel
    offsets: FloatArray
    floors: FloatArray
    others: IntArray
    steps: FloatArray
    corrections: FloatArray

    def __post_init__(self) -> None:
        check_shape("offsets", self.offsets, (1 + self.level.inputs.shape[1], AXES))
        check_shape("floors", self.floors, (2,))
        check_shape("steps", self.steps, (AXES, 3 + len(self.others), "L"))
        check_shape("corrections", self.corrections, self.steps.shape)
        if (np.diff(self.steps) <= 0).any():
            raise ValueError("steps: expected each to be larger than the one before; two are equal, or fall")

    def covariances(self, features: FloatArray, objects: FloatArray, axes: FloatArray) -> FloatArray:
        """(N, 6, 6), order x, y, z, rx, ry, rz about the camera's fixed axes, square metres and radians.

        Args:
            features: (N, F); objects: (N, O) one-hot; axes: (N, 6, 6) ``error_axes``.
        """
        inputs = self.inputs(features, objects)
        levels = self.level(inputs)
        plain = self.uncorrected(inputs, levels, axes)
        values = known(plain, levels, inputs[:, self.others])
        factors = np.exp(np.stack([self._correction(axis, each) for axis, each in enumerate(values)], axis=1))
        viewing = viewing_twice(axes)
        return viewing @ (plain * factors[:, :, None] * factors[:, None, :]) @ np.swapaxes(viewing, 1, 2)

    def uncorrected(self, inputs: FloatArray, levels: FloatArray, axes: FloatArray) -> FloatArray:
        """(N, 6, 6) about the viewing axes, of inputs (N, F + O), levels (N, 2) and ``error_axes`` (N, 6, 6)."""
        check_shape("axes", axes, (len(inputs), AXES, AXES))
        logarithms = self.offsets[0] + inputs @ self.offsets[1:] + np.repeat(levels, 3, axis=1)
        scaled = axes * np.hypot(np.exp(logarithms), np.repeat(self.floors, 3))[:, None, :]
        seen = np.swapaxes(viewing_twice(axes), 1, 2) @ scaled
        covariances: FloatArray = seen @ np.swapaxes(seen, 1, 2)
        return covariances

    def _correction(self, axis: int, values: FloatArray) -> FloatArray:
        """(N,) of values (K, N)."""
        parts = zip(values, self.steps[axis], self.corrections[axis], strict=True)
        return np.sum([np.interp(value, steps, added) for value, steps, added in parts], axis=0)


def viewing_twice(axes: FloatArray) -> FloatArray:
    """(N, 6, 6) the viewing axes, columns, for translations and for rotations, of ``error_axes`` (N, 6, 6)."""
    return np.kron(np.eye(2), axes[:, :3, :3])


def known(plain: FloatArray, levels: FloatArray, others: FloatArray) -> FloatArray:
    """(6, K, N) what the correction about each of the viewing axes depends on.

    Both levels (N, 2), the logarithm of its own standard deviation from covariances ``plain`` (N, 6, 6), and others
    (N, K - 3).
    """
    own = 0.5 * np.log(np.einsum("nii->in", plain))
    return np.stack([np.stack([*levels.T, each, *others.T]) for each in own])


@dataclass(frozen=True)
class HandSigmaModel:
    """Standard deviations of a hand's vertices: of each vertex as of all hands, times how far this hand is likely off.

    Attributes:
        inputs: see there; no objects.
        level: (1 + 2 F,) of a constant, of the inputs, and of their squares: the logarithm of the hand's standard
            deviation, metres, root mean square over its vertices.
        vertices: (V,) by how much the logarithm of each vertex differs from it.
    """

    inputs: Inputs
    level: FloatArray
    vertices: FloatArray

    def __post_init__(self) -> None:
        check_shape("level", self.level, (1 + 2 * len(self.inputs.middle),))
        check_shape("vertices", self.vertices, ("V",))

    def sigmas(self, features: FloatArray) -> FloatArray:
        """Metres (N, V), of ``hand_features`` (N, F)."""
        return np.exp((self.columns(features) @ self.level)[:, None] + self.vertices)

    def columns(self, features: FloatArray) -> FloatArray:
        """(N, 1 + 2 F) what ``level`` weights."""
        inputs = self.inputs(features, np.zeros((len(features), 0)))
        return np.concatenate([np.ones((len(inputs), 1)), inputs, np.square(inputs)], axis=1)


@dataclass(frozen=True)
class UncertaintyModel:
    """What is known of the errors of one set of weights.

    Attributes:
        weights_hash: SHA-256 of the weights; objects: in the order of the one-hot columns.
        colours: (1000, 3) uint8, sRGB, of the vertices of those objects that have some; the features compare them.
        features, hand_features: names.
        measured: where hand and object are fitted to a depth image; voted: where they are not, and the wrist's depth is
            right: its own uncertainty is to be added.
        measured_hand, voted_hand: of the hand's vertices.
        bone_bias, bone_spread: of the wrist's depth from right bone lengths, as shares of it.
    """

    weights_hash: str
    objects: tuple[str, ...]
    colours: Mapping[str, NDArray[np.uint8]]
    features: tuple[str, ...]
    hand_features: tuple[str, ...]
    measured: CovarianceModel
    voted: CovarianceModel
    measured_hand: HandSigmaModel
    voted_hand: HandSigmaModel
    bone_bias: float
    bone_spread: float

    def one_hot(self, name: str) -> FloatArray | None:
        """(1, O) of an object; None where it took no part."""
        if name not in self.objects:
            return None
        return (np.array(self.objects) == name)[None].astype(float)


def kernel(first: FloatArray, second: FloatArray, slope: float, squares: FloatArray | None = None) -> FloatArray:
    """(N, M): squared exponential of length scale 1 plus linear, of inputs (N, D) and (M, D).

    ``squares`` (M,) are the second ones' ``squared_lengths``, where they are known already.
    """
    products = first @ second.T
    lengths = squared_lengths(second) if squares is None else squares
    near: FloatArray = np.exp(-0.5 * (squared_lengths(first)[:, None] + lengths - 2 * products)) + slope * products
    return near


def squared_lengths(inputs: FloatArray) -> FloatArray:
    """(N,) of inputs (N, D)."""
    lengths: FloatArray = np.square(inputs).sum(axis=1)
    return lengths
