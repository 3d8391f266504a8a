"""What the estimator returns for one frame: plain arrays, metres, camera optical frame."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray, IntArray
from hand_object_pose.estimation.grasp_state import GraspState
from hand_object_pose.estimation.smoothing.motion import Motion


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in full-image pixels."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


@dataclass(frozen=True)
class HandPoints:
    """A hand's vertices (778, 3) and joints (21, 3), metres, camera frame."""

    vertices: FloatArray
    joints: FloatArray


@dataclass(frozen=True)
class HandEstimate:
    """One hand.

    Attributes:
        vertices: (778, 3); joints: (21, 3); metres, camera frame.
        vertex_sigma: (778,) standard deviation, metres; joint_sigma: (21,).
        side: "right" or "left".
        wrist: (4, 4) wrist frame to camera frame, see ``estimation.wrist_pose``; None where it was not computed.
        filtered: the hand smoothed over time; None where no filter runs, or it has not settled.
    """

    vertices: FloatArray
    joints: FloatArray
    vertex_sigma: FloatArray
    joint_sigma: FloatArray
    side: str = "right"
    wrist: FloatArray | None = None
    filtered: HandPoints | None = None


@dataclass(frozen=True)
class ObjectEstimate:
    """One object.

    Attributes:
        name: its id in the catalogue.
        pose: (4, 4) object frame to camera frame.
        covariance: (6, 6), order x, y, z, rx, ry, rz about the camera frame's fixed axes.
        covariance_valid: False where the covariance is a large documented constant.
        valid, reason: whether the pose may be used, and why not.
        filtered: pose and twist smoothed over time; None where no filter runs, or it has not settled.
    """

    name: str
    pose: FloatArray
    covariance: FloatArray
    covariance_valid: bool = False
    valid: bool = True
    reason: str = ""
    filtered: Motion | None = None


@dataclass(frozen=True)
class Contacts:
    """Where hand and object touch.

    Attributes:
        hand_vertices: (C,) ids of hand vertices nearer to the surface than the contact distance.
        fingers: (C,) finger of each, -1 palm.
        points: (C, 3) nearest points of the object's surface; normals: (C, 3) outward; camera frame.
        signed_distances: (C,) metres, negative inside the object.
        penetration_mean, penetration_max: metres, over all 778 vertices (zeros included).
        part_distances: (6,) smallest signed distance of palm, thumb, index, middle, ring and little finger, metres.
    """

    hand_vertices: IntArray
    fingers: IntArray
    points: FloatArray
    normals: FloatArray
    signed_distances: FloatArray
    penetration_mean: float
    penetration_max: float
    part_distances: FloatArray

    @property
    def min_distance(self) -> float:
        """Smallest signed distance of any hand vertex, metres."""
        return float(self.part_distances.min())

    @property
    def touching(self) -> NDArray[np.bool_]:
        """(6,) whether palm, thumb, index, middle, ring and little finger have a contact."""
        return np.isin(np.arange(len(self.part_distances)) - 1, self.fingers)


@dataclass(frozen=True)
class HandObjectEstimate:
    """A hand-object pair. ``hand`` and ``object`` are None where nothing could be computed at all.

    Attributes:
        track_id: the same while the pair is tracked; tracked: whether it continues an earlier estimate.
        valid, reason: whether hand and object may be used, and why not, in words.
        confidence: 0 to 1.
        grasp: whether the hand holds the object, steady in time; UNKNOWN where there are no contacts.
        box: what the network looked at, in pixels of the undistorted full image.
        roi_source: where the box came from: "tracking", "topic" (a detection), "detector" (the built-in one), "fixed",
            "full_frame".
        root_depth: depth of the wrist that was used, metres; root_depth_sigma: its standard deviation.
        root_depth_source: "depth_image", "bone_length", "fixed", "ground_truth".
    """

    track_id: int
    valid: bool
    reason: str
    confidence: float
    hand: HandEstimate | None = None
    object: ObjectEstimate | None = None
    contacts: Contacts | None = None
    grasp: GraspState = GraspState.UNKNOWN
    box: Box | None = None
    tracked: bool = False
    roi_source: str = ""
    root_depth: float = math.nan
    root_depth_sigma: float = math.nan
    root_depth_source: str = ""


@dataclass(frozen=True)
class FrameResult:
    """Everything estimated from one image, possibly nothing, and the seconds each stage took."""

    pairs: list[HandObjectEstimate]
    timing: dict[str, float] = field(default_factory=dict)
