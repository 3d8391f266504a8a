"""The wrist's depth from known bone lengths, without a depth image: a hand of known size tells how far away it is."""

import math
from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.bone_lengths import RelativeBones
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.root_depth import RelativeMeshes, RootDepthEstimate, no_depth

SOURCE = "bone_length"


@dataclass(frozen=True)
class BoneLengthSettings:
    """Of ``BoneLengthRootDepth``; lengths in metres.

    Attributes:
        across: standard deviation of a joint's place in the image, at the hand; along: of its relative depth.
        proportions: of a bone's length, as a share of it, among hands of one size.
        scale: residuals of so many standard deviations have little weight (Welsch's kernel).
        least_bones: fewer bones that tell anything are no measurement.
        largest_residual: median deviation of bones from their lengths, as a share, beyond which this is no such hand.
        nearest, farthest: depths outside are no measurement.
    """

    across: float = 0.003
    along: float = 0.01
    proportions: float = 0.03
    scale: float = 2.0
    least_bones: int = 6
    largest_residual: float = 0.35
    nearest: float = 0.1
    farthest: float = 5.0


@dataclass(frozen=True)
class KnownBones:
    """What is known of a person's hand, and of the depths that follow from it.

    Attributes:
        lengths: (20,) metres, as in ``bone_lengths``.
        size_spread: standard deviation of the size of hands about these lengths, as a share: the image of a hand half
            as large and half as far away is the same.
        depth_bias: by which share the depths are found too large; depth_spread: standard deviation of what the network
            makes wrong about all bones alike, as a share of the depth.
    """

    lengths: FloatArray
    size_spread: float
    depth_bias: float
    depth_spread: float


class BoneLengthRootDepth:
    """The depth at which all bones together are as long as they are known to be: weighted least squares, robust."""

    def __init__(self, regressor: FloatArray, known: KnownBones, settings: BoneLengthSettings | None = None) -> None:
        """``regressor`` (21, 778): joints from the hand's vertices; ``known``, ``settings``: see there."""
        self._regressor = regressor
        self._known = known
        self._settings = settings or BoneLengthSettings()

    def estimate(self, frame: Frame, meshes: RelativeMeshes) -> RootDepthEstimate:
        """The depth that fits the bones' lengths, with the uncertainty of the hand's size in its sigma."""
        directions = frame.camera.unproject(meshes.hand[:, :2], np.ones(len(meshes.hand)))
        bones = RelativeBones.of(directions, meshes.hand[:, 2], self._regressor)
        return self.of_bones(bones)

    def of_bones(self, bones: RelativeBones) -> RootDepthEstimate:
        """The depth that fits bones whose relative place is known."""
        settings, known = self._settings, self._known
        starts = bones.depths(known.lengths)
        starts = starts[(starts > settings.nearest) & (starts < settings.farthest)]
        if len(starts) < settings.least_bones:
            return no_depth(SOURCE, f"only {len(starts)} bones of the hand tell how far away it is")
        depth = float(np.median(starts))
        for _ in range(8):
            fit = _LinearFit(bones, known.lengths, depth, settings)
            depth = float(np.clip(depth + fit.step, settings.nearest, settings.farthest))
        fit = _LinearFit(bones, known.lengths, depth, settings)
        misfit = float(np.median(np.abs(fit.residuals) / known.lengths))
        if misfit > settings.largest_residual:
            return no_depth(SOURCE, f"the bones differ from a hand's by {misfit:.0%} at any depth")
        spread = math.hypot(known.size_spread * fit.depth_per_size, known.depth_spread * depth)
        return RootDepthEstimate(depth / (1 + known.depth_bias), math.hypot(spread, fit.sigma), SOURCE)


class _LinearFit:
    """The least-squares problem linearised at one depth."""

    def __init__(self, bones: RelativeBones, lengths: FloatArray, depth: float, settings: BoneLengthSettings) -> None:
        vectors = bones.vectors(depth)
        found = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
        along = np.square(vectors[:, 2] / found)
        self.residuals = found - lengths
        variances = settings.along**2 * along + settings.across**2 * (1 - along)
        variances = 2 * variances + np.square(settings.proportions * lengths)
        weights = np.exp(-0.5 * np.square(self.residuals / settings.scale) / variances) / variances
        slopes = (vectors * bones.slopes).sum(axis=1) / found
        information = max(float(weights @ np.square(slopes)), 1e-12)
        self.step = -float((weights * slopes) @ self.residuals) / information
        misfit = float(weights @ np.square(self.residuals)) / max(len(lengths) - 1, 1)
        self.sigma = math.sqrt(max(1.0, misfit) / information)
        self.depth_per_size = float((weights * slopes) @ lengths) / information
        """By how much the depth grows, in metres, for a hand that is larger by a share of one."""
