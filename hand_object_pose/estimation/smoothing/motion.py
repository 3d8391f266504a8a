"""A rigid body that moves at constant velocity, with the covariance of what is known about it.

The state is a pose in SO(3) x R^3 and a twist; its error is a vector of twelve:

    position (3), rotation (3), linear velocity (3), angular velocity (3),

all about the camera frame's fixed axes: t_true = t + dp, R_true = Exp(dr) R. The twist is that of geometry_msgs/Twist
in the camera frame: the velocity of the object's origin, and the angular velocity about the camera's axes. With errors
about fixed axes, a rigid motion of the whole world moves the results along and changes nothing else.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.se3 import pose_matrix


def pose_difference(first: FloatArray, second: FloatArray) -> FloatArray:
    """(6,): what leads from the first pose (4, 4) to the second: translation, and rotation vector of R_2 R_1^T."""
    turn = Rotation.from_matrix(second[:3, :3] @ first[:3, :3].T).as_rotvec()
    return np.concatenate([second[:3, 3] - first[:3, 3], turn])


def moved_pose(pose: FloatArray, difference: FloatArray) -> FloatArray:
    """The inverse: the pose (4, 4) that a difference (6,) leads to: t + d_t, Exp(d_r) R."""
    turn = Rotation.from_rotvec(difference[3:]).as_matrix()
    return pose_matrix(turn @ pose[:3, :3], pose[:3, 3] + difference[:3])


@dataclass(frozen=True)
class Motion:
    """A pose, its twist, and how sure both are.

    Attributes:
        pose: (4, 4) object frame to camera frame; twist: (6,) m/s and rad/s, see above.
        covariance: (12, 12) of the error vector above: the pose's at its upper left, the twist's at its lower right.
        acceleration, angular_acceleration: white noise that disturbs the velocities, m/s^2/sqrt(Hz), rad/s^2/sqrt(Hz).
    """

    pose: FloatArray
    twist: FloatArray
    covariance: FloatArray
    acceleration: float
    angular_acceleration: float

    @property
    def pose_covariance(self) -> FloatArray:
        """(6, 6): x, y, z, rotation about the camera's x, y, z."""
        return self.covariance[:6, :6]

    @property
    def twist_covariance(self) -> FloatArray:
        """(6, 6): linear, then angular velocity."""
        return self.covariance[6:, 6:]

    def after(self, seconds: float) -> "Motion":
        """The motion gone on for some seconds, at least 0, at constant velocity."""
        transition = self._transition(seconds)
        covariance = transition @ self.covariance @ transition.T + self._disturbance(seconds)
        return replace(self, pose=moved_pose(self.pose, self.twist * seconds), covariance=covariance)

    def distance(self, pose: FloatArray, noise: FloatArray) -> float:
        """Squared Mahalanobis distance of a measured pose (4, 4) with covariance (6, 6)."""
        innovation = pose_difference(self.pose, pose)
        return float(innovation @ np.linalg.solve(self.pose_covariance + noise, innovation))

    def corrected(self, pose: FloatArray, noise: FloatArray) -> "Motion":
        """Updated with a measured pose (4, 4) of covariance (6, 6), as the extended Kalman filter does."""
        gain = np.linalg.solve(self.pose_covariance + noise, self.covariance[:6]).T
        step = gain @ pose_difference(self.pose, pose)
        # Joseph's form keeps the covariance symmetric and positive.
        kept = np.eye(12)
        kept[:, :6] -= gain
        covariance = kept @ self.covariance @ kept.T + gain @ noise @ gain.T
        return replace(self, pose=moved_pose(self.pose, step[:6]), twist=self.twist + step[6:], covariance=covariance)

    def _transition(self, seconds: float) -> FloatArray:
        """Derivative (12, 12) of the later error by the present one."""
        transition = np.eye(12)
        turn = self.twist[3:] * seconds
        transition[:3, 6:9] = seconds * np.eye(3)
        transition[3:6, 3:6] = Rotation.from_rotvec(turn).as_matrix()
        transition[3:6, 9:] = seconds * left_jacobian(turn)
        return transition

    def _disturbance(self, seconds: float) -> FloatArray:
        """Covariance (12, 12) of the integrated white noise."""
        cube, square = seconds**3 / 3, seconds**2 / 2
        density = np.repeat([self.acceleration**2, self.angular_acceleration**2], 3)
        return np.kron(np.array([[cube, square], [square, seconds]]), np.diag(density))


def left_jacobian(rotation_vector: FloatArray) -> FloatArray:
    """J (3, 3) with Exp(r + d) = Exp(J d) Exp(r) for small d (Sola, Deray and Atchuthan 2018, equation 145)."""
    angle = float(np.linalg.norm(rotation_vector))
    x, y, z = rotation_vector
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    if angle < 1e-4:
        return np.eye(3) + cross / 2 + cross @ cross / 6
    first = (1 - np.cos(angle)) / angle**2
    second = (angle - np.sin(angle)) / angle**3
    return np.eye(3) + first * cross + second * cross @ cross
