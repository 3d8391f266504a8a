"""How large an estimate's error is likely to be, told from the estimate itself: fitted to rendered scenes.

The votes' spread alone says little: the network is trained for their mean (equation 21). The logarithm of an estimate's
error is therefore predicted by a Gaussian process (Rasmussen and Williams, 2006, section 2.2) over ``pose_features``. A
file beside the weights holds it; it is true of these weights only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

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
        levels: FloatArray = self.means + kernel(inputs * self.relevance, self.inputs, self.slope) @ self.weights
        return levels


@dataclass(frozen=True)
class CovarianceModel:
    """Covariances of poses: of errors that are independent about the object's own axes, then sized about the camera's.

    Attributes:
        inputs, level: see there.
        offsets: (1 + F + O, 6) of a constant and of the inputs: by how much the logarithm of the standard deviation
            along, and of a rotation about, each of the object's own axes differs from the level.
        floors: (2,) metres and radians, added in quadrature: no measurement is better.
        others: (K - 3,) indices of inputs that corrections depend on beside what ``known`` says.
        steps: (6, K, L) of x, y, z, rx, ry, rz about the camera's fixed axes, of what the correction depends on.
        corrections: (6, K, L) what is added to the logarithm of that axis' standard deviation at each of the steps, and
            in between by linear interpolation, so that the regions hold as much of the truth as they say.
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

    def covariances(self, features: FloatArray, objects: FloatArray, rotations: FloatArray) -> FloatArray:
        """(N, 6, 6), order x, y, z, rx, ry, rz about the camera's fixed axes, square metres and radians.

        Args:
            features: (N, F); objects: (N, O) one-hot.
            rotations: (N, 3, 3) from the object's frame to the camera's.
        """
        check_shape("rotations", rotations, (len(features), 3, 3))
        inputs = self.inputs(features, objects)
        levels = self.level(inputs)
        plain = self.uncorrected(inputs, levels, rotations)
        values = known(plain, levels, inputs[:, self.others])
        factors = np.exp(np.stack([self._correction(axis, each) for axis, each in enumerate(values)], axis=1))
        covariances: FloatArray = plain * factors[:, :, None] * factors[:, None, :]
        return covariances

    def uncorrected(self, inputs: FloatArray, levels: FloatArray, rotations: FloatArray) -> FloatArray:
        """(N, 6, 6) of inputs (N, F + O) and levels (N, 2)."""
        logarithms = self.offsets[0] + inputs @ self.offsets[1:] + np.repeat(levels, 3, axis=1)
        return covariances_about(rotations, np.hypot(np.exp(logarithms), np.repeat(self.floors, 3)))

    def _correction(self, axis: int, values: FloatArray) -> FloatArray:
        """(N,) of values (K, N)."""
        parts = zip(values, self.steps[axis], self.corrections[axis], strict=True)
        return np.sum([np.interp(value, steps, added) for value, steps, added in parts], axis=0)


def known(plain: FloatArray, levels: FloatArray, others: FloatArray) -> FloatArray:
    """(6, K, N) what the correction of each of the camera's axes depends on.

    Both levels (N, 2), the logarithm of the axis' own standard deviation from covariances ``plain`` (N, 6, 6), and
    others (N, K - 3).
    """
    own = 0.5 * np.log(np.einsum("nii->in", plain))
    return np.stack([np.stack([*levels.T, each, *others.T]) for each in own])


def covariances_about(rotations: FloatArray, sigmas: FloatArray) -> FloatArray:
    """Covariances (N, 6, 6) in the camera frame of errors that are independent about an object's own axes.

    Args:
        rotations: (N, 3, 3) from the object's frame to the camera's.
        sigmas: (N, 6) of translations along, and of rotations about, its axes.
    """
    covariances = np.zeros((len(sigmas), AXES, AXES))
    for half in HALVES:
        scaled = rotations * sigmas[:, None, half]
        covariances[:, half, half] = scaled @ scaled.transpose(0, 2, 1)
    return covariances


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


def kernel(first: FloatArray, second: FloatArray, slope: float) -> FloatArray:
    """(N, M): squared exponential of length scale 1 plus linear, of inputs (N, D) and (M, D)."""
    products = first @ second.T
    squares = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1) - 2 * products
    near: FloatArray = np.exp(-0.5 * squares) + slope * products
    return near
