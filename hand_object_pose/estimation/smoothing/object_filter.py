"""An object's pose over time."""

from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.result import ObjectEstimate
from hand_object_pose.estimation.smoothing.configuration import SmoothingConfig
from hand_object_pose.estimation.smoothing.continuity import Continuity
from hand_object_pose.estimation.smoothing.motion import Motion, moved_pose
from hand_object_pose.estimation.smoothing.one_euro import OneEuroPose
from hand_object_pose.estimation.smoothing.robust_filter import RobustFilter
from hand_object_pose.objects.object_model import Symmetries
from hand_object_pose.objects.symmetry import nearest_equivalent_pose

# A millimetre and a degree, added in quadrature: the surer the measurements, the faster the filter follows them, and
# below that it takes the noise of a scene at rest for motion, and predicts what moves no better (docs/smoothing.md).
_LEAST_NOISE = np.diag([1e-3] * 3 + [0.016] * 3) ** 2


class ObjectFilter:
    """Follows one object. Of the poses that look alike, the one nearest to where it is expected is taken."""

    def __init__(self, config: SmoothingConfig, lost_after: float) -> None:
        """``config`` with a mode that smooths; after a gap of more than ``lost_after`` seconds it begins anew."""
        self._config = config
        self._continuity = Continuity(lost_after)
        self._filter: RobustFilter[Motion, OneEuroPose] = RobustFilter(6, config.gate, self._make)

    def update(self, stamp: float, track: Hashable, seen: ObjectEstimate, symmetries: Symmetries) -> Motion | None:
        """The filtered motion at ``stamp``, with the covariance to be published; None until the filter has settled.

        Args:
            stamp: of the image, seconds.
            track: another one begins anew, as another object does.
            seen: what was estimated from the image alone.
            symmetries: of the object.
        """
        elapsed, motion = self._continuity.elapsed(stamp, (track, seen.name)), self._filter.motion
        if elapsed is None or motion is None:
            self._filter.begin(seen.pose, self._noise(seen))
        elif elapsed > 0:
            expected = motion.after(elapsed)
            pose = nearest_equivalent_pose(seen.pose, expected.pose, symmetries)
            self._filter.go_on(expected, elapsed, pose, self._noise(seen))
            self._drop_invisible_spin(symmetries)
        return self._published(seen) if self._filter.is_settled else None

    def reset(self) -> None:
        """Forget everything."""
        self._continuity.reset()

    def _drop_invisible_spin(self, symmetries: Symmetries) -> None:
        """Nobody sees a can turn about its axis: that part of the angular velocity is zero by convention."""
        motion = self._filter.motion
        if motion is None or not len(symmetries.axes):
            return
        twist = motion.twist.copy()
        axis = motion.pose[:3, :3] @ symmetries.axes[0]
        twist[3:] = twist[3:] - (twist[3:] @ axis) * axis if len(symmetries.axes) == 1 else 0.0
        self._filter.motion = replace(motion, twist=twist)

    def _make(self, pose: FloatArray, noise: FloatArray) -> tuple[Motion, OneEuroPose | None]:
        settings = self._config.motion
        covariance = np.zeros((12, 12))
        covariance[:6, :6] = noise
        covariance[6:, 6:] = np.diag(np.repeat([settings.first_speed, settings.first_turn_rate], 3) ** 2)
        motion = Motion(pose, np.zeros(6), covariance, settings.acceleration, settings.angular_acceleration)
        if self._config.mode != "one_euro":
            return motion, None
        return motion, OneEuroPose(pose, self._config.translation, self._config.rotation)

    def _noise(self, seen: ObjectEstimate) -> FloatArray:
        """Covariance (6, 6) of what differs from one image to the next."""
        settings = self._config.motion
        if seen.covariance_valid:
            return seen.covariance * (1 - settings.shared_error) + _LEAST_NOISE
        return np.diag(np.repeat([settings.position_noise, settings.rotation_noise], 3) ** 2)

    def _published(self, seen: ObjectEstimate) -> Motion:
        motion, one_euro = self._filter.motion, self._filter.one_euro
        assert motion is not None
        if one_euro is not None:
            motion = replace(motion, pose=moved_pose(one_euro.pose, motion.twist * self._filter.waited))
        return replace(motion, covariance=self._published_covariance(motion, seen))

    def _published_covariance(self, motion: Motion, seen: ObjectEstimate) -> FloatArray:
        """The error that successive images share does not become smaller by looking at many of them."""
        covariance = motion.covariance.copy()
        if seen.covariance_valid:
            covariance[:6, :6] += self._config.motion.shared_error * seen.covariance
            return covariance
        covariance[:6, 6:] = covariance[6:, :6] = 0.0
        covariance[:6, :6] = seen.covariance
        return covariance
