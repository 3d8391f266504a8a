"""Many points that move at constant velocity each, all equally sure: the hand's vertices and joints.

One gain for all coordinates makes the filter linear in the points: joints that are weighted means of vertices stay so,
and a mesh is not torn by points that lag differently.
"""

from dataclasses import dataclass, replace

import numpy as np

from hand_object_pose.arrays import FloatArray


@dataclass(frozen=True)
class PointMotion:
    """Points and their velocities.

    Attributes:
        points: (N, 3) metres; velocities: (N, 3) m/s.
        covariance: (2, 2) of position and velocity of every coordinate.
        acceleration: white noise that disturbs the velocities, m/s^2/sqrt(Hz).
    """

    points: FloatArray
    velocities: FloatArray
    covariance: FloatArray
    acceleration: float

    def after(self, seconds: float) -> "PointMotion":
        """The motion gone on for some seconds, at least 0, at constant velocity."""
        transition = np.array([[1.0, seconds], [0.0, 1.0]])
        cube, square = seconds**3 / 3, seconds**2 / 2
        disturbance = self.acceleration**2 * np.array([[cube, square], [square, seconds]])
        covariance = transition @ self.covariance @ transition.T + disturbance
        return replace(self, points=self.points + self.velocities * seconds, covariance=covariance)

    def distance(self, points: FloatArray, noise: float) -> float:
        """Squared Mahalanobis distance of measured points (N, 3) with variance ``noise``, averaged over the points."""
        squares = np.square(points - self.points).sum() / len(points)
        return float(squares / (self.covariance[0, 0] + noise))

    def corrected(self, points: FloatArray, noise: float) -> "PointMotion":
        """Updated with measured points (N, 3), each coordinate of variance ``noise`` in m^2 (Kalman 1960)."""
        gain = self.covariance[:, 0] / (self.covariance[0, 0] + noise)
        innovation = points - self.points
        kept = np.eye(2) - np.outer(gain, [1.0, 0.0])
        covariance = kept @ self.covariance @ kept.T + noise * np.outer(gain, gain)
        return PointMotion(
            self.points + gain[0] * innovation, self.velocities + gain[1] * innovation, covariance, self.acceleration
        )
