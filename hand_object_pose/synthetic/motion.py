"""Smooth motions between poses: minimum jerk (Flash and Hogan 1985), as human hands move."""

from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.se3 import interpolated_pose


def minimum_jerk(fraction: float) -> float:
    """Share of the way made after a fraction of the time; both clipped to [0, 1]. At rest at both ends."""
    t = min(max(fraction, 0.0), 1.0)
    return t**3 * (10 - 15 * t + 6 * t**2)


@dataclass(frozen=True)
class PoseTrack:
    """A motion through poses (K, 4, 4), at rest at each of the increasing times (K,) in seconds."""

    times: FloatArray
    poses: FloatArray

    def at(self, time: float) -> FloatArray:
        """The pose (4, 4) at a time; the first before the motion, the last after it."""
        if time <= self.times[0]:
            return self.poses[0]
        if time >= self.times[-1]:
            return self.poses[-1]
        last = int(np.searchsorted(self.times, time, side="right"))
        start, end = self.times[last - 1], self.times[last]
        return interpolated_pose(self.poses[last - 1], self.poses[last], minimum_jerk((time - start) / (end - start)))
