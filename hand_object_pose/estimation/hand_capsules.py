"""The hand as twenty padded capsules: keep-out geometry for planners that know shapes rather than points.

One capsule for each bone between neighbouring joints, five of them through the palm. Each is as thick as the vertices
that lie nearest to its bone demand, so that every vertex lies inside one of them.
"""

from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.hand.joints import BONES, NUM_JOINTS

DEFAULT_PADDING = 0.01
"""Metres: about the mean error of a hand vertex."""
_NEAR, _FAR = np.array(BONES).T


@dataclass(frozen=True)
class Capsules:
    """Everything nearer to a segment than its radius.

    Attributes:
        starts, ends: (N, 3) of the segments; radii: (N,); metres.
    """

    starts: FloatArray
    ends: FloatArray
    radii: FloatArray

    def distance(self, points: FloatArray) -> FloatArray:
        """Signed distances (P,) of points (P, 3) to the union's surface, negative inside (there: a bound)."""
        gaps = segment_distances(points, self.starts, self.ends) - self.radii
        nearest: FloatArray = gaps.min(axis=1)
        return nearest


def hand_capsules(vertices: FloatArray, joints: FloatArray, padding: float = DEFAULT_PADDING) -> Capsules:
    """Capsules (N = 20) that hold a hand.

    Args:
        vertices: (V, 3); joints: (21, 3) in the order of ``hand.joints``; metres, any frame.
        padding: metres, added to each radius.
    """
    check_shape("vertices", vertices, ("V", 3))
    check_shape("joints", joints, (NUM_JOINTS, 3))
    starts, ends = joints[_NEAR], joints[_FAR]
    distances = segment_distances(vertices, starts, ends)
    nearest = distances.argmin(axis=1)
    radii = np.zeros(len(BONES))
    np.maximum.at(radii, nearest, distances[np.arange(len(vertices)), nearest])
    return Capsules(starts, ends, radii + padding)


def segment_distances(points: FloatArray, starts: FloatArray, ends: FloatArray) -> FloatArray:
    """Distances (P, N) of points (P, 3) to segments from starts to ends (N, 3)."""
    along, ways = ends - starts, points[:, None] - starts
    squares = np.maximum(np.square(along).sum(axis=1), 1e-12)
    shares = np.clip((ways * along).sum(axis=2) / squares, 0.0, 1.0)
    distances: FloatArray = np.linalg.norm(ways - shares[..., None] * along, axis=2)
    return distances
