"""An object that stands on a table, and which grasps a hand can make of it there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.hand_frame import HandFrame
from hand_object_pose.synthetic.viewpoints import HandAttitude, ViewConfig

# A point of the forearm behind the wrist, and how high wrist and forearm must be above the table, metres.
_FOREARM, _FOREARM_HEIGHT = 0.22, 0.03


@dataclass(frozen=True)
class TableStand:
    """An object at rest, in a frame that is level (x, z along the table, y down), at heading zero.

    Attributes:
        model: the object.
        laid: (3, 3) object to level frame.
    """

    model: ObjectModel
    laid: FloatArray

    @classmethod
    def of(cls, model: ObjectModel, rng: np.random.Generator) -> "TableStand":
        """The object on one of the sides it can stand on."""
        downs = resting_directions(model)
        rotation, _ = Rotation.align_vectors([[0.0, 1.0, 0.0]], [downs[int(rng.integers(len(downs)))]])
        return cls(model, rotation.as_matrix())

    @property
    def table(self) -> float:
        """y of the table's plane."""
        return float((self.model.vertices @ self.laid.T)[:, 1].max())

    def depth_below(self, points: FloatArray) -> FloatArray:
        """How deep the lowest of points (B, N, 3), object frame, is below the table: (B,) metres, negative above."""
        return (points @ self.laid.T)[..., 1].max(axis=1) - self.table

    def is_reachable(self, wrist: FloatArray, frame: HandFrame, view: ViewConfig, margin: float) -> NDArray[np.bool_]:
        """Which wrist poses (B, 4, 4), object frame, fit the view at some heading, with the arm above the table."""
        places = wrist[:, :3, 3]
        elbows = places - _FOREARM * wrist[:, :3, :3] @ frame.forward
        free = self.depth_below(np.stack([places, elbows], axis=1)) < -_FOREARM_HEIGHT
        return free & np.array([self._fits(rotation, frame, view, margin) for rotation in wrist[:, :3, :3]])

    def facing(self, wrist_rotation: FloatArray, azimuth: float, frame: HandFrame) -> FloatArray:
        """(3, 3) object to level frame, turned such that a grasping hand points to ``azimuth``."""
        at_zero = HandAttitude.of(self.laid @ wrist_rotation, frame).azimuth
        return Rotation.from_rotvec([0.0, at_zero - azimuth, 0.0]).as_matrix() @ self.laid

    def _fits(self, wrist_rotation: FloatArray, frame: HandFrame, view: ViewConfig, margin: float) -> bool:
        attitude = HandAttitude.of(self.laid @ wrist_rotation, frame)
        straight = HandAttitude(sum(view.azimuth) / 2, attitude.pitch, attitude.roll)
        return straight.is_within(view, margin)


def resting_directions(model: ObjectModel, tolerance: float = 0.002) -> FloatArray:
    """Directions (N, 3) of the object's axes that can point down while it rests on a table.

    It rests where its vertices' centre lies above the hull of those within ``tolerance`` metres of the table. Where
    it can stand on its own z axis, it does.
    """
    centre = model.vertices.mean(axis=0)
    stable = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            heights = sign * model.vertices[:, axis]
            support = np.delete(model.vertices[heights > heights.max() - tolerance], axis, axis=1)
            if _covers(support, np.delete(centre, axis)):
                stable.append(sign * np.eye(3)[axis])
    standing = [down for down in stable if down[2] == -1.0]
    return np.array(standing or stable or [[0.0, 0.0, -1.0]])


def _covers(points: FloatArray, centre: FloatArray) -> bool:
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return False
    return bool((hull.equations[:, :2] @ centre + hull.equations[:, 2] < 0).all())
