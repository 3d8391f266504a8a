"""Which grasps a person would recognise as such: contact, opposition, and little overlap."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import BoolArray, FloatArray
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.hand.joints import FINGER_NAMES
from hand_object_pose.synthetic.finger_closing import PosedHand, distances_to
from hand_object_pose.synthetic.hand_frame import HandFrame

_TIPS_AND_LAST_JOINTS = (7, 8, 11, 12, 15, 16, 19, 20)
_THUMB_END = (3, 4)


@dataclass(frozen=True)
class QualityConfig:
    """Limits of a good grasp.

    Attributes:
        contact_distance: skin nearer than this touches, metres.
        least_fingers: how many fingers besides the thumb must touch.
        largest_penetration: deepest allowed overlap, metres; largest_mean_penetration: mean over all 778 vertices.
        opposition: largest cosine between the surface normals under the thumb and under some other finger.
        forearm_length, forearm_radius: a cylinder behind the wrist that must be free, metres.
        finger_clearance: least distance between thumb and finger bones' ends, metres.
    """

    contact_distance: float = 0.003
    least_fingers: int = 2
    largest_penetration: float = 0.004
    largest_mean_penetration: float = 0.0003
    opposition: float = -0.3
    forearm_length: float = 0.25
    forearm_radius: float = 0.03
    finger_clearance: float = 0.013


@dataclass(frozen=True)
class GraspQuality:
    """Measures of N hands on an object.

    Attributes:
        mean_penetration, max_penetration: (N,) metres, over all 778 vertices, zero outside the object.
        finger_distance: (N, 5) signed distance of the nearest vertex, thumb to little finger, metres.
        opposition: (N,) least cosine between the normals under the thumb and under another touching finger.
        accepted: (N,) whether all limits are kept.
    """

    mean_penetration: FloatArray
    max_penetration: FloatArray
    finger_distance: FloatArray
    opposition: FloatArray
    accepted: BoolArray

    def __getitem__(self, index: object) -> "GraspQuality":
        """The measures of some hands."""
        return GraspQuality(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    @classmethod
    def joined(cls, parts: list["GraspQuality"]) -> "GraspQuality":
        """The measures of several sets."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))


def assess(
    grid: SignedDistanceGrid,
    wrist: FloatArray,
    vertices: FloatArray,
    joints: FloatArray,
    posed: PosedHand,
    config: QualityConfig,
) -> GraspQuality:
    """Measure hands whose wrist is at the origin and placed by ``wrist`` (N, 4, 4) in the object's frame.

    Args:
        grid: signed distances of the object.
        wrist: hand to object; vertices: (N, 778, 3); joints: (N, 21, 3) metres.
        posed: the hand they belong to; config: limits.
    """
    distances = distances_to(grid, wrist, vertices)
    depth = np.maximum(-distances, 0)
    finger_distance, normals = _nearest_by_finger(grid, wrist, vertices, distances, posed.finger_labels)
    touching = finger_distance < config.contact_distance
    cosines = np.where(touching[:, 1:], np.einsum("nc,nfc->nf", normals[:, 0], normals[:, 1:]), 1.0)
    opposition = cosines.min(axis=1)
    accepted = (
        touching[:, 0]
        & (touching[:, 1:].sum(axis=1) >= config.least_fingers)
        & (depth.max(axis=1) <= config.largest_penetration)
        & (depth.mean(axis=1) <= config.largest_mean_penetration)
        & (opposition <= config.opposition)
        & _forearm_is_free(grid, wrist, posed.frame, config)
        & (_thumb_clearance(joints) >= config.finger_clearance)
    )
    return GraspQuality(depth.mean(axis=1), depth.max(axis=1), finger_distance, opposition, accepted)


def _nearest_by_finger(
    grid: SignedDistanceGrid,
    wrist: FloatArray,
    vertices: FloatArray,
    distances: FloatArray,
    finger_labels: NDArray[np.integer],
) -> tuple[FloatArray, FloatArray]:
    """Least distance (N, 5) of each finger and the object's outward normal there (N, 5, 3), object frame."""
    rows = np.arange(len(vertices))
    least = np.empty((len(vertices), len(FINGER_NAMES)))
    points = np.empty((len(vertices), len(FINGER_NAMES), 3))
    for finger in range(len(FINGER_NAMES)):
        members = np.flatnonzero(finger_labels == finger)
        nearest = members[np.argmin(distances[:, members], axis=1)]
        least[:, finger] = distances[rows, nearest]
        points[:, finger] = vertices[rows, nearest]
    moved = points @ np.swapaxes(wrist[:, :3, :3], 1, 2) + wrist[:, None, :3, 3]
    gradient = grid.gradient(moved.reshape(-1, 3)).reshape(moved.shape)
    return least, gradient / np.maximum(np.linalg.norm(gradient, axis=-1, keepdims=True), 1e-9)


def _forearm_is_free(grid: SignedDistanceGrid, wrist: FloatArray, frame: HandFrame, config: QualityConfig) -> BoolArray:
    along = np.linspace(0.03, config.forearm_length, 8)
    axis = -along[:, None] * frame.forward
    distances = distances_to(grid, wrist, np.broadcast_to(axis, (len(wrist), *axis.shape)))
    return np.asarray((distances > config.forearm_radius).all(axis=1))


def _thumb_clearance(joints: FloatArray) -> FloatArray:
    """Least distance (N,) between the thumb's last two joints and those of the fingers."""
    ends = joints[:, _TIPS_AND_LAST_JOINTS]
    gaps = np.linalg.norm(joints[:, _THUMB_END][:, :, None] - ends[:, None], axis=-1)
    return np.asarray(gaps.min(axis=(1, 2)))
