"""Fingers that flex step by step until their skin touches an object.

The scheme is that of grasp simulators (Miller and Allen, GraspIt!, 2004): a joint stops as soon as anything beyond it
touches, the joints after it go on. A step that would press the skin deeper than the tolerance is taken back and halved,
so that the result touches without overlapping.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.hand.flexion import abduction_axes, flexion_axes
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.hand.mano_layer import ManoLayer
from hand_object_pose.synthetic.hand_frame import HandFrame

# MANO's blocks of three joints are index, middle, little, ring finger, thumb: to each finger the others by nearness.
_NEIGHBOURS = {0: (1, 3, 2), 1: (0, 3, 2), 3: (1, 2, 0), 2: (3, 1, 0)}
# How much more than its neighbour an idle finger may bend, radians.
_LOOSER = 0.1
# Largest flexion of the finger joints base to tip and of the thumb's, radians (clinical ranges, rounded down).
FINGER_LIMITS = (1.45, 1.75, 1.15)
THUMB_LIMITS = (0.75, 0.95, 1.2)
FLEXION_LIMITS = np.array(FINGER_LIMITS * 4 + THUMB_LIMITS)


@dataclass(frozen=True)
class ClosingConfig:
    """How fingers close.

    Attributes:
        step: flexion of the fastest joint in the first steps, radians.
        smallest_step: a joint is done when its steps have been halved below this, radians.
        skin_depth: how far the soft skin may be pressed in, metres.
        max_steps: bound on the number of steps.
    """

    step: float = 0.09
    smallest_step: float = 0.006
    skin_depth: float = 0.0008
    max_steps: int = 45


@dataclass(frozen=True)
class Attempts:
    """Open hands at an object, just before their fingers close.

    Attributes:
        wrist: (B, 4, 4) hand to object frame; betas: (B, 10).
        rest: (B, 45) finger pose at flexion zero; start: (B, 15) flexions to begin with.
        speeds: (B, 15) relative speed of the joints, at most 1.
        precision: (B,) whether only fingertips shall touch.
    """

    wrist: FloatArray
    betas: FloatArray
    rest: FloatArray
    start: FloatArray
    speeds: FloatArray
    precision: NDArray[np.bool_]

    def open_pose(self, posed: "PosedHand") -> FloatArray:
        """Finger poses (B, 45) of the open hands."""
        return posed.pose(self.start, self.rest)


class PosedHand:
    """Vertices of many hands whose wrist joint is at the origin and whose palm is not turned."""

    def __init__(self, hand: HandModel) -> None:
        self.layer = ManoLayer(hand)
        self.frame = HandFrame.of(hand)
        self.axes = flexion_axes(hand)
        self.spread_axes = abduction_axes(hand)
        self.faces = hand.faces
        self.finger_labels = hand.finger_labels
        self.handedness = 1.0 if hand.side == "right" else -1.0
        self._joint_of_vertex = np.argmax(hand.weights, axis=1)
        self._order = np.argsort(self._joint_of_vertex, kind="stable")
        self._starts = np.searchsorted(self._joint_of_vertex[self._order], np.arange(16))

    def mesh(self, pose: FloatArray, betas: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Vertices (B, 778, 3) and joints (B, 21, 3), wrist at the origin, of poses (B, 45) and shapes (B, 10)."""
        full = np.concatenate([np.zeros((len(pose), 3)), pose], axis=1)
        mesh = self.layer(full, betas)
        wrist = mesh.joints[:, :1]
        return mesh.vertices - wrist, mesh.joints - wrist

    def pose(self, flexions: FloatArray, rest: FloatArray) -> FloatArray:
        """Finger poses (B, 45): flexions (B, 15) about the flexion axes plus a resting pose (B, 45)."""
        return rest + (flexions[..., None] * self.axes).reshape(len(flexions), 45)

    def least_by_joint(self, distances: FloatArray) -> FloatArray:
        """(B, 16): the smallest of per-vertex distances (B, 778) among the vertices that move with each joint."""
        return np.minimum.reduceat(distances[:, self._order], self._starts, axis=1)


def distances_to(grid: SignedDistanceGrid, pose: FloatArray, points: FloatArray) -> FloatArray:
    """Signed distances (B, N) in metres of points (B, N, 3), moved by poses (B, 4, 4) into the grid's object frame."""
    moved = points @ np.swapaxes(pose[:, :3, :3], 1, 2) + pose[:, None, :3, 3]
    return grid.distance(moved.reshape(-1, 3)).reshape(points.shape[:2])


def close_fingers(posed: PosedHand, grid: SignedDistanceGrid, attempts: Attempts, config: ClosingConfig) -> FloatArray:
    """Flexions (B, 15) at which every finger touches the object of ``grid``, or is bent as far as it goes."""
    flexions = np.array(attempts.start)
    step = np.full(flexions.shape, config.step)
    stopped = np.zeros(flexions.shape, dtype=bool)
    for _ in range(config.max_steps):
        moves = ~stopped & (flexions < FLEXION_LIMITS)
        rows = np.flatnonzero(moves.any(axis=1))
        if not len(rows):
            break
        bent, moving = flexions[rows], moves[rows]
        trial = np.where(moving, np.minimum(bent + attempts.speeds[rows] * step[rows], FLEXION_LIMITS), bent)
        touching = _link_distances(posed, grid, attempts, trial, rows) < -config.skin_depth
        # Joints that caused a touch go back and try a smaller step; those beyond the touching link go on.
        pressed = _anything_beyond(touching) & moving
        flexions[rows] = np.where(pressed, bent, trial)
        stopped[rows] |= pressed & (step[rows] <= config.smallest_step)
        step[rows] = np.where(pressed, step[rows] / 2, step[rows])
    return flexions


def relax_idle_fingers(
    posed: PosedHand, grid: SignedDistanceGrid, attempts: Attempts, flexions: FloatArray, contact_distance: float
) -> FloatArray:
    """Flexions (B, 15) in which fingers that found nothing bend like the nearest touching one: no fist in the air."""
    least = _link_distances(posed, grid, attempts, flexions, np.arange(len(flexions)))
    touching = np.min(least.reshape(-1, 5, 3), axis=2) < contact_distance
    result = flexions.reshape(-1, 5, 3).copy()
    for block, others in _NEIGHBOURS.items():
        idle = np.logical_not(touching[:, block])
        for other in others:
            follows = idle & touching[:, other]
            result[follows, block] = np.minimum(result[follows, block], result[follows, other] + _LOOSER)
            idle &= ~follows
    return result.reshape(-1, 15)


def _link_distances(
    posed: PosedHand,
    grid: SignedDistanceGrid,
    attempts: Attempts,
    flexions: FloatArray,
    rows: NDArray[np.integer],
) -> FloatArray:
    """Least signed distance (R, 15) of each finger link of the attempts ``rows`` (R,), with flexions (R, 15)."""
    vertices, _ = posed.mesh(posed.pose(flexions, attempts.rest[rows]), attempts.betas[rows])
    return posed.least_by_joint(distances_to(grid, attempts.wrist[rows], vertices))[:, 1:]


def _anything_beyond(touching: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For each of 15 joints whether its link, or one further out on the same finger, touches."""
    blocks = touching.reshape(len(touching), 5, 3)
    return np.logical_or.accumulate(blocks[:, :, ::-1], axis=2)[:, :, ::-1].reshape(len(touching), 15)
