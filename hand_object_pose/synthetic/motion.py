"""Smooth motions between poses: minimum jerk (Flash and Hogan 1985), as human hands move."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.geometry.se3 import pose_matrix

FloatArray = NDArray[np.floating]


def minimum_jerk(fraction: float) -> float:
    """Share of the way made after a fraction of the time; both clipped to [0, 1]. At rest at both ends."""
    t = min(max(fraction, 0.0), 1.0)
    return t**3 * (10 - 15 * t + 6 * t**2)


def blend_poses(first: FloatArray, second: FloatArray, share: float) -> FloatArray:
    """Pose (4, 4) on the way from one to another: straight translation, the shortest rotation at constant axis."""
    turn = Rotation.from_matrix(first[:3, :3].T @ second[:3, :3]).as_rotvec()
    rotation = first[:3, :3] @ Rotation.from_rotvec(share * turn).as_matrix()
    return pose_matrix(rotation, (1 - share) * first[:3, 3] + share * second[:3, 3])


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
        return blend_poses(self.poses[last - 1], self.poses[last], minimum_jerk((time - start) / (end - start)))
