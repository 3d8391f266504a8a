"""The mean-pose baseline: what one would answer knowing the training set and the true wrist, but not the image.

Always the training set's mean wrist-relative hand, and the mean wrist-relative pose of the object in question, both
placed at the true wrist. Orientations are the camera's. An estimator is worth having where it errs much less.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.errors import UnknownObjectError, UserError, in_one_line
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.hand.joints import WRIST
from hand_object_pose.npz_files import UNREADABLE, write_npz
from hand_object_pose.shipped import ASSETS
from hand_object_pose.synthetic.sample import SceneTruth


@dataclass(frozen=True)
class BaselinePrediction:
    """Hand vertices (778, 3), joints (21, 3) and object pose (4, 4); metres, camera frame."""

    vertices: FloatArray
    joints: FloatArray
    object_pose: FloatArray


@dataclass(frozen=True)
class Baseline:
    """Means over a training set, wrist at the origin, axes parallel to the camera's.

    Attributes:
        vertices: (778, 3); joints: (21, 3).
        object_poses: (4, 4) by object: chordal mean rotation, mean translation.
        count: how many scenes the means are over.
    """

    vertices: FloatArray
    joints: FloatArray
    object_poses: Mapping[str, FloatArray]
    count: int

    def predict(self, true_wrist: FloatArray, object_name: str) -> BaselinePrediction:
        """The means placed at a wrist (3,), camera frame.

        Raises:
            UnknownObjectError: the training set did not hold the object.
        """
        check_shape("true_wrist", true_wrist, (3,))
        if object_name not in self.object_poses:
            raise UnknownObjectError(object_name, list(self.object_poses), "the baseline")
        pose = np.array(self.object_poses[object_name])
        pose[:3, 3] += true_wrist
        return BaselinePrediction(self.vertices + true_wrist, self.joints + true_wrist, pose)

    @classmethod
    def from_truths(cls, truths: Iterable[SceneTruth]) -> "Baseline":
        """The means over scenes.

        Raises:
            ValueError: there are none.
        """
        hands, joints = np.zeros((778, 3)), np.zeros((21, 3))
        poses: dict[str, list[FloatArray]] = defaultdict(list)
        for truth in truths:
            wrist = truth.joints[WRIST]
            hands += truth.hand_vertices - wrist
            joints += truth.joints - wrist
            relative = np.array(truth.object_pose)
            relative[:3, 3] -= wrist
            poses[truth.object_name].append(relative)
        count = sum(map(len, poses.values()))
        if count == 0:
            raise ValueError("a baseline needs at least one scene")
        means = {name: mean_pose(np.stack(poses[name])) for name in sorted(poses)}
        return cls(hands / count, joints / count, means, count)

    def save(self, path: Path) -> None:
        """Write an npz file."""
        arrays: dict[str, Any] = {f"object/{name}": np.asarray(pose) for name, pose in self.object_poses.items()}
        arrays |= {"vertices": self.vertices, "joints": self.joints, "count": np.asarray(self.count)}
        write_npz(path, **arrays)

    @classmethod
    def load(cls, path: Path | None = None) -> "Baseline":
        """Read an npz file; by default the means over the training set of the default weights.

        Raises:
            UserError: the file is not there, or not a baseline.
        """
        path = path or default_baseline_file()
        try:
            with np.load(path) as arrays:
                poses = {key.removeprefix("object/"): arrays[key] for key in arrays if key.startswith("object/")}
                return cls(arrays["vertices"], arrays["joints"], poses, int(arrays["count"]))
        except UNREADABLE as error:
            raise UserError(
                f"{path}: expected a baseline, found: {in_one_line(error)}; hand-object-train baseline makes one"
            ) from error


def default_baseline_file() -> Path:
    """Where the means over the default training set lie."""
    return ASSETS / "baseline" / "default.npz"


def mean_pose(poses: FloatArray) -> FloatArray:
    """Chordal mean rotation and mean translation (4, 4) of poses (N, 4, 4).

    The chordal mean minimises the sum of squared Frobenius distances: the rotation nearest to the mean matrix
    (Hartley et al. 2013, section 5).
    """
    check_shape("poses", poses, ("N", 4, 4))
    mean = poses.mean(axis=0)
    left, _, right = np.linalg.svd(mean[:3, :3])
    handedness = np.diag([1.0, 1.0, np.linalg.det(left @ right)])
    return pose_matrix(left @ handedness @ right, mean[:3, 3])
