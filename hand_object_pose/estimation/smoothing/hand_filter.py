"""A hand's vertices and joints over time."""

from collections.abc import Hashable

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.result import HandEstimate, HandPoints
from hand_object_pose.estimation.smoothing.configuration import SmoothingConfig
from hand_object_pose.estimation.smoothing.continuity import Continuity
from hand_object_pose.estimation.smoothing.one_euro import OneEuroPoints
from hand_object_pose.estimation.smoothing.point_motion import PointMotion
from hand_object_pose.estimation.smoothing.robust_filter import RobustFilter


class HandFilter:
    """Follows one hand."""

    def __init__(self, config: SmoothingConfig, lost_after: float) -> None:
        """``config`` with a mode that smooths; after a gap of more than ``lost_after`` seconds it begins anew."""
        self._config = config
        self._noise = config.motion.position_noise**2
        self._continuity = Continuity(lost_after)
        # The points of a hand err together: all of them are one measurement in space.
        self._filter: RobustFilter[PointMotion, OneEuroPoints] = RobustFilter(3, config.gate, self._make)

    def update(self, stamp: float, track: Hashable, seen: HandEstimate) -> HandPoints | None:
        """The filtered hand at ``stamp`` seconds; None until the filter has settled. Another ``track`` begins anew."""
        elapsed, motion = self._continuity.elapsed(stamp, (track, seen.side)), self._filter.motion
        points = np.concatenate([seen.vertices, seen.joints])
        if elapsed is None or motion is None:
            self._filter.begin(points, self._noise)
        elif elapsed > 0:
            self._filter.go_on(motion.after(elapsed), elapsed, points, self._noise)
        if not self._filter.is_settled:
            return None
        vertices, joints = np.split(self._points(), [len(seen.vertices)])
        return HandPoints(vertices, joints)

    def reset(self) -> None:
        """Forget everything."""
        self._continuity.reset()

    def _make(self, points: FloatArray, noise: float) -> tuple[PointMotion, OneEuroPoints | None]:
        settings = self._config.motion
        covariance = np.diag([noise, settings.first_speed**2])
        motion = PointMotion(points, np.zeros_like(points), covariance, settings.acceleration)
        return motion, OneEuroPoints(points, self._config.translation) if self._config.mode == "one_euro" else None

    def _points(self) -> FloatArray:
        motion, one_euro = self._filter.motion, self._filter.one_euro
        assert motion is not None
        if one_euro is not None:
            return one_euro.points + motion.velocities * self._filter.waited
        return motion.points
