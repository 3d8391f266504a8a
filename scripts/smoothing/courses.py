"""Estimates of the images of a sequence, raw and filtered, with the truth."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.result import HandEstimate, HandObjectEstimate, ObjectEstimate
from hand_object_pose.estimation.smoothing.configuration import SmoothingConfig
from hand_object_pose.estimation.smoothing.motion import moved_pose
from hand_object_pose.estimation.smoothing.smoother import Smoother
from hand_object_pose.estimation.uncertainty import UNCALIBRATED_COVARIANCE
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.objects.symmetry import nearest_equivalent_pose
from hand_object_pose.synthetic.motion import PoseTrack

_LOST_AFTER = 0.5


@dataclass(frozen=True)
class Moment:
    """One image's estimate, and the truth: object pose (4, 4), joints (21, 3), metres, camera frame."""

    stamp: float
    pair: HandObjectEstimate
    true_pose: FloatArray
    true_joints: FloatArray


@dataclass(frozen=True)
class Course:
    """A sequence of one object."""

    model: ObjectModel
    moments: list[Moment]

    @property
    def valid(self) -> list[Moment]:
        """Those with a valid estimate."""
        return [moment for moment in self.moments if moment.pair.valid]


@dataclass(frozen=True)
class Track:
    """What a mode gives out of a course, at the same images for every mode: those where the filters have settled.

    Attributes:
        stamps: (N,) seconds; poses: (N, 4, 4) those that look alike nearest to the truth; joints: (N, 21, 3).
        twists: (N, 6).
        course_stamps, true_poses: (M,) and (M, 4, 4) of the whole course.
        true_at: (N, 4, 4), true_joints: (N, 21, 3): at ``stamps``.
    """

    stamps: FloatArray
    poses: FloatArray
    joints: FloatArray
    twists: FloatArray
    course_stamps: FloatArray
    true_poses: FloatArray
    true_at: FloatArray
    true_joints: FloatArray

    def predicted(self, seconds: float) -> FloatArray:
        """The poses moved on by their twists."""
        return np.array(
            [moved_pose(pose, twist * seconds) for pose, twist in zip(self.poses, self.twists, strict=True)]
        )


def reach(rate: float = 30.0) -> Course:
    """A reach without noise: 30 cm and 90 degrees in a second (minimum jerk), then a second of rest."""
    end = pose_matrix(Rotation.from_rotvec([0, np.pi / 2, 0]).as_matrix(), np.array([0.3, 0, 0]))
    motion = PoseTrack(np.array([1.0, 2.0]), np.stack([np.eye(4), end]))
    moments = []
    for stamp in np.arange(0, 3, 1 / rate):
        pose = motion.at(stamp)
        joints = np.tile(pose[:3, 3], (21, 1))
        hand = HandEstimate(joints, joints, np.zeros(21), np.zeros(21))
        thing = ObjectEstimate("", pose, UNCALIBRATED_COVARIANCE)
        moments.append(Moment(float(stamp), HandObjectEstimate(1, True, "", 1.0, hand, thing), pose, joints))
    points = np.random.default_rng(0).normal(size=(1000, 3))
    return Course(ObjectModel("", points, np.arange(999).reshape(-1, 3)), moments)


def filtered(course: Course, config: SmoothingConfig) -> Track:
    """What a mode makes of a course; mode "none" gives the raw estimates of the images that the others settle at."""
    raw = config.mode == "none"
    smoother = Smoother(replace(config, mode="constant_velocity") if raw else config, _LOST_AFTER)
    kept, poses, joints, twists = [], [], [], []
    for moment in course.moments:
        pair = smoother.refine(moment.stamp, moment.pair, {course.model.name: course.model})
        hand, thing = pair.hand, pair.object
        if hand is None or thing is None or hand.filtered is None or thing.filtered is None:
            continue
        pose = thing.pose if raw else thing.filtered.pose
        kept.append(moment)
        poses.append(nearest_equivalent_pose(pose, moment.true_pose, course.model.symmetries))
        joints.append(hand.joints if raw else hand.filtered.joints)
        twists.append(thing.filtered.twist)
    return Track(
        np.array([moment.stamp for moment in kept]),
        np.array(poses).reshape(-1, 4, 4),
        np.array(joints).reshape(-1, 21, 3),
        np.array(twists).reshape(-1, 6),
        np.array([moment.stamp for moment in course.moments]),
        np.array([moment.true_pose for moment in course.moments]),
        np.array([moment.true_pose for moment in kept]).reshape(-1, 4, 4),
        np.array([moment.true_joints for moment in kept]).reshape(-1, 21, 3),
    )
