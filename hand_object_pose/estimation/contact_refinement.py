"""The hand moved a little so that it reaches less into the object, and touches where it nearly does.

Damped Gauss-Newton steps on the wrist's translation and on a small rotation of each finger joint, by the hand model's
skinning weights. Vertices inside the object are drawn to its surface; so is the part of each finger, and of the palm,
that is nearest to the object, if it is near. Priors on all unknowns hold the hand where the network saw it. What is
gained in plausibility is not gained in accuracy (``scripts/measure_refinement.py``): it is an option.
"""

import math
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.estimation.view import Lifted
from hand_object_pose.geometry.se3 import inverse_pose, transform_points
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.hand.hand_model import HandModel

_FINGER_JOINTS = 15


@dataclass(frozen=True)
class RefinementSettings:
    """Of ``ContactRefinement``; lengths in metres, angles in radians.

    Attributes:
        translation, rotation: standard deviations of the wrist's motion and of each joint's, about any axis.
        penetration, gap: of what remains between the surface and a vertex inside it, or a part that nearly touches.
        correlated: so many vertices count as one.
        reach: a part whose nearest vertex is farther away does not touch.
        band: of a part that nearly touches, the vertices so much farther away than its nearest one take part.
        steps: at most.
        time_budget: seconds; no step begins later.
    """

    translation: float = 0.002
    rotation: float = 0.2
    penetration: float = 0.004
    gap: float = 0.006
    correlated: float = 30.0
    reach: float = 0.008
    band: float = 0.002
    steps: int = 4
    time_budget: float = math.inf


class ContactRefinement:
    """Refines answers about right or left hands of one hand model, whichever side that is."""

    def __init__(self, hand: HandModel) -> None:
        """Prepare for a hand model."""
        self._regressor16, self._regressor21 = hand.joint_regressor, hand.joint_regressor21
        self._parts = [np.flatnonzero(hand.finger_labels == label) for label in range(-1, 5)]
        self._follow = _following(hand)

    def refine(self, lifted: Lifted, grid: SignedDistanceGrid, settings: RefinementSettings | None = None) -> Lifted:
        """The answer with hand and joints moved; the object stays.

        Args:
            lifted: the answer.
            grid: signed distances around its object, object frame, negative inside.
            settings: see ``RefinementSettings``.
        """
        settings = settings or RefinementSettings()
        vertices = self.refined_vertices(lifted.hand, lifted.object_pose, grid, settings)
        joints = lifted.joints + self._regressor21 @ (vertices - lifted.hand)
        return replace(lifted, hand=vertices, joints=joints)

    def refined_vertices(
        self, vertices: FloatArray, object_pose: FloatArray, grid: SignedDistanceGrid, settings: RefinementSettings
    ) -> FloatArray:
        """Vertices (778, 3) moved, metres, camera frame; ``object_pose`` (4, 4) object frame to camera frame."""
        check_shape("vertices", vertices, (self._follow.shape[1], 3))
        begin, motion = time.monotonic(), np.zeros(3 + 3 * _FINGER_JOINTS)
        for _ in range(settings.steps):
            if time.monotonic() - begin > settings.time_budget:
                break
            points = transform_points(inverse_pose(object_pose), vertices)
            distances = grid.distance(points)
            weights = self._weights(distances, settings)
            used = np.flatnonzero(weights)
            if len(used) == 0:
                break
            normals = _unit(grid.gradient(points[used])) @ object_pose[:3, :3].T
            step = self._step(vertices, used, normals, weights[used], distances[used], motion, settings)
            motion, vertices = motion + step, self._moved(vertices, step)
        return vertices

    def _weights(self, distances: FloatArray, settings: RefinementSettings) -> FloatArray:
        """Of each vertex (778,): one over the variance of its distance from the surface; 0 where it may be anywhere."""
        weights = np.where(distances < 0, 1 / settings.penetration**2, 0.0)
        for part in self._parts:
            nearest = distances[part].min(initial=np.inf)
            if 0 < nearest < settings.reach:
                weights[part[distances[part] < nearest + settings.band]] = 1 / settings.gap**2
        return weights / settings.correlated

    def _step(
        self,
        vertices: FloatArray,
        used: NDArray[np.int64],
        normals: FloatArray,
        weights: FloatArray,
        distances: FloatArray,
        motion: FloatArray,
        settings: RefinementSettings,
    ) -> FloatArray:
        """The most probable further motion (48,): translation, then a rotation vector of each finger joint."""
        arms = vertices[used] - self._joints(vertices)[:, None]
        turns = np.cross(arms, normals) * self._follow[:, used, None]
        rows = np.concatenate([normals, turns.transpose(1, 0, 2).reshape(len(used), -1)], axis=1)
        deviations = np.repeat([settings.translation, settings.rotation], [3, 3 * _FINGER_JOINTS])
        information = rows.T @ (rows * weights[:, None]) + np.diag(deviations**-2)
        solution: FloatArray = np.linalg.solve(information, -rows.T @ (weights * distances) - motion * deviations**-2)
        return solution

    def _moved(self, vertices: FloatArray, step: FloatArray) -> FloatArray:
        """Vertices after a small step: each turns about the joints that it follows."""
        turns = step[3:].reshape(-1, 3)
        # The sum over joints of weight times turn x (vertex - joint).
        turned = np.cross(self._follow.T @ turns, vertices) - self._follow.T @ np.cross(turns, self._joints(vertices))
        moved: FloatArray = vertices + step[:3] + turned
        return moved

    def _joints(self, vertices: FloatArray) -> FloatArray:
        """The fingers' joints (15, 3), in MANO's order without the wrist."""
        joints: FloatArray = self._regressor16[1:] @ vertices
        return joints


def _following(hand: HandModel) -> FloatArray:
    """How much each vertex follows a rotation of each finger joint (15, 778): its weights there and farther out."""
    follow = np.array(hand.weights.T)
    for joint in range(len(follow) - 1, 0, -1):
        if hand.parents[joint] > 0:
            follow[hand.parents[joint]] += follow[joint]
    return follow[1:]


def _unit(vectors: FloatArray) -> FloatArray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
