"""The wrist's depth from an aligned depth image: where the visible sides of the predicted meshes meet it."""

import math
from dataclasses import dataclass

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.estimation.depth_sampling import density_peaks, sample_depth
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.root_depth import RelativeMeshes, RootDepthEstimate, no_depth
from hand_object_pose.estimation.visibility import visible_points


@dataclass(frozen=True)
class DepthFitSettings:
    """Of ``DepthImageRootDepth``; lengths in metres.

    Attributes:
        object_weight: of a vote by a vertex of the rough object, where one of the hand counts 1; less where the object
            has more votes, so that all its votes together count at most so much of the hand's.
        coarse_scale: standard deviation of the kernel that finds the peak of all votes.
        background_gap, foreground_share: a peak that lies so far before the highest one and reaches this share of it
            wins: a hand that is predicted a little beside where it is sees more of the wall behind it than of itself.
        fine_scale: of the kernel that refines it with the hand's votes.
        reach: votes farther from the peak are outliers.
        largest_step: depths around a vertex that differ by more are an edge, and not used.
        least_vertices: fewer measured vertices are no measurement.
        least_support: a smaller share of agreeing votes is no measurement.
        sigma_floor: standard deviation that remains however many vertices agree (sensor, shape).
        nearest, farthest: measured depths outside are ignored.
    """

    object_weight: float = 0.5
    coarse_scale: float = 0.03
    background_gap: float = 0.25
    foreground_share: float = 0.15
    fine_scale: float = 0.012
    reach: float = 0.05
    largest_step: float = 0.02
    least_vertices: int = 20
    least_support: float = 0.3
    sigma_floor: float = 0.003
    nearest: float = 0.1
    farthest: float = 10.0


class DepthImageRootDepth:
    """Shifts the predicted meshes along the optical axis until their visible sides meet the aligned depth image.

    Each visible vertex votes with measured minus predicted relative depth. Holes and depth edges do not vote.
    Whatever else is seen (a sleeve, another object, the background beside a finger) votes elsewhere. The peak of all
    votes, of the hand and of the object that it holds, tells where they are, unless it is the background's; the hand's
    votes near it are averaged by a mean that ignores outliers (Welsch's kernel). Where the object hides the hand, the
    object's votes are averaged too.
    """

    def __init__(self, settings: DepthFitSettings | None = None) -> None:
        """See ``DepthFitSettings``."""
        self._settings = settings or DepthFitSettings()

    def estimate(self, frame: Frame, meshes: RelativeMeshes) -> RootDepthEstimate:
        """The depth that most visible vertices agree on."""
        if frame.depth is None:
            return no_depth("depth_image", "no depth image for this image")
        hand, held = visible_points((meshes.hand, meshes.hand_faces), (meshes.object, meshes.object_faces))
        hand_votes, object_votes = self._votes(frame, meshes.hand[hand]), self._votes(frame, meshes.object[held])
        total = len(hand_votes) + len(object_votes)
        if total < self._settings.least_vertices:
            return no_depth("depth_image", f"the depth image measures only {total} visible vertices of hand and object")
        return self._agreement(hand_votes, object_votes)

    def _votes(self, frame: Frame, points: FloatArray) -> FloatArray:
        """Measured minus relative depth of points (N, 3) that a clean patch of the depth image measures."""
        measured, flat = sample_depth(frame, points[:, :2], self._settings.largest_step)
        used = flat & (measured > self._settings.nearest) & (measured < self._settings.farthest)
        return measured[used] - points[used, 2]

    def _agreement(self, hand_votes: FloatArray, object_votes: FloatArray) -> RootDepthEstimate:
        settings = self._settings
        votes = np.concatenate([hand_votes, object_votes])
        # A large object beside the hand has several times its vertices, and its relative depth is less certain.
        fair = min(1.0, max(len(hand_votes), settings.least_vertices) / max(len(object_votes), 1))
        weights = np.repeat([1.0, settings.object_weight * fair], [len(hand_votes), len(object_votes)])
        depth = self._foreground(*density_peaks(votes, weights, settings.coarse_scale))
        if (np.abs(hand_votes - depth) < settings.reach).sum() >= settings.least_vertices:
            votes = hand_votes
        near = votes[np.abs(votes - depth) < settings.reach]
        support = len(near) / len(votes)
        if support < settings.least_support:
            return no_depth("depth_image", f"only {support:.0%} of the visible surface's depths fit the prediction")
        for _ in range(6):
            weights = np.exp(-0.5 * np.square((near - depth) / settings.fine_scale))
            depth = float(np.average(near, weights=weights))
        spread = _robust_spread(near)
        # Errors of neighbouring vertices are alike: about ten of them count as one.
        sigma = math.hypot(settings.sigma_floor, spread / math.sqrt(max(len(near) / 10, 1)))
        return RootDepthEstimate(depth, sigma, "depth_image", spread, support)

    def _foreground(self, places: FloatArray, heights: FloatArray) -> float:
        """The highest peak, or the highest of those far enough before it."""
        settings, highest = self._settings, int(np.argmax(heights))
        before = places < places[highest] - settings.background_gap
        before &= heights >= settings.foreground_share * heights[highest]
        return float(places[np.argmax(np.where(before, heights, 0.0))] if before.any() else places[highest])


def _robust_spread(values: FloatArray) -> float:
    """Standard deviation by the median absolute deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
