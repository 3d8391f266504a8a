"""The One-Euro filter: a low pass whose cutoff frequency rises with the speed.

Casiez, Roussel and Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems",
CHI 2012, algorithm 1, for points and for rotations. The speed is that of the whole, not of each coordinate, so that the
result does not depend on the choice of axes.
"""

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.smoothing.configuration import OneEuroSettings
from hand_object_pose.estimation.smoothing.motion import moved_pose, pose_difference


def smoothing_factor(cutoff: float, seconds: float) -> float:
    """The new value's weight alpha in a first-order low pass: ``cutoff`` in Hz, ``seconds`` since the last value."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * seconds))


class AdaptiveCutoff:
    """The part that all One-Euro filters share: from a velocity to the new value's weight."""

    def __init__(self, settings: OneEuroSettings) -> None:
        """See ``OneEuroSettings``."""
        self._settings = settings
        self._velocity: FloatArray | float = 0.0

    def weight(self, step: FloatArray, seconds: float) -> float:
        """Alpha for a step (N, D) from the last filtered value to the new one; the speed is the RMS over N."""
        share = smoothing_factor(self._settings.derivative_cutoff, seconds)
        self._velocity = share * (step / seconds) + (1 - share) * self._velocity
        speed = float(np.sqrt(np.square(self._velocity).sum() / len(step)))
        return smoothing_factor(self._settings.min_cutoff + self._settings.beta * speed, seconds)


class OneEuroPoints:
    """Points (N, 3) that share one cutoff."""

    def __init__(self, points: FloatArray, settings: OneEuroSettings) -> None:
        """Begin at the first points."""
        self.points = points
        self._cutoff = AdaptiveCutoff(settings)

    def update(self, points: FloatArray, seconds: float) -> FloatArray:
        """The filtered points (N, 3), ``seconds`` > 0 after the last ones."""
        step = points - self.points
        self.points = self.points + self._cutoff.weight(step, seconds) * step
        return self.points


class OneEuroPose:
    """A pose: its translation, and its rotation on the manifold, each with a cutoff of its own."""

    def __init__(self, pose: FloatArray, translation: OneEuroSettings, rotation: OneEuroSettings) -> None:
        """Begin at the first pose (4, 4)."""
        self.pose = pose
        self._cutoffs = AdaptiveCutoff(translation), AdaptiveCutoff(rotation)

    def update(self, pose: FloatArray, seconds: float) -> FloatArray:
        """The filtered pose (4, 4), ``seconds`` > 0 after the last one."""
        steps = pose_difference(self.pose, pose).reshape(2, 1, 3)
        weighted = [cutoff.weight(step, seconds) * step for cutoff, step in zip(self._cutoffs, steps, strict=True)]
        self.pose = moved_pose(self.pose, np.ravel(weighted))
        return self.pose
