"""How steady the estimates of a bag are, under the names of ``metric_table``; needs no truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.checks import check_shape
from hand_object_pose.estimation.bone_lengths import bone_lengths
from hand_object_pose.geometry.se3 import rotation_angle
from hand_object_pose.hand.joints import WRIST

_CM, _PERCENT = 100.0, 100.0
# Frames farther apart than this many median intervals do not follow each other.
_LARGEST_GAP = 2.5


@dataclass(frozen=True)
class PosedPair:
    """Where an estimate puts hand and object; metres, camera frame.

    Attributes:
        stamp: seconds; track_id: of the estimate.
        joints: (21, 3); object_pose: (4, 4), None where it is not valid.
    """

    stamp: float
    track_id: int
    joints: FloatArray
    object_pose: FloatArray | None


def bone_deviations(joints: FloatArray) -> FloatArray:
    """``stability.bones_percent`` (N,) of joints (N, 21, 3) of one hand over time.

    Mean over the 20 bones of how much each differs from its own median length over all frames, relative to it. A hand
    whose bones keep their lengths has 0, however wrong they are.
    """
    check_shape("joints", joints, ("N", 21, 3))
    lengths = bone_lengths(joints)
    usual = np.median(lengths, axis=0)
    return _PERCENT * np.abs(lengths / np.maximum(usual, 1e-9) - 1.0).mean(axis=1)


def jump_metrics(pairs: Sequence[PosedPair]) -> list[dict[str, float]]:
    """``stability.*_jump_cm`` and ``stability.object_turn_deg`` of the valid estimates of a bag, in order.

    How far each lies from where the two before it would go on to in uniform motion, with the times between them taken
    into account. Estimates that do not follow each other closely, or of another track, begin anew and have no such
    value.
    """
    found: list[dict[str, float]] = [{} for _ in pairs]
    if len(pairs) < 3:
        return found
    intervals = np.diff([pair.stamp for pair in pairs])
    limit = _LARGEST_GAP * float(np.median(intervals))
    for number in range(2, len(pairs)):
        three, steps = pairs[number - 2 : number + 1], intervals[number - 2 : number]
        if (steps > limit).any() or (steps <= 0).any() or len({pair.track_id for pair in three}) > 1:
            continue
        found[number] = _jumps(three, float(steps[1] / steps[0]))
    return found


def _jumps(three: Sequence[PosedPair], ratio: float) -> dict[str, float]:
    """Of three estimates; ``ratio``: of the second to the first interval."""
    wrists = np.array([pair.joints[WRIST] for pair in three])
    values = {"stability.wrist_jump_cm": _CM * float(np.linalg.norm(wrists[2] - _continued(wrists, ratio)))}
    poses = [pair.object_pose for pair in three if pair.object_pose is not None]
    if len(poses) == 3:
        places = np.array([pose[:3, 3] for pose in poses])
        values["stability.object_jump_cm"] = _CM * float(np.linalg.norm(places[2] - _continued(places, ratio)))
        values["stability.object_turn_deg"] = float(np.degrees(_turn_beyond([pose[:3, :3] for pose in poses], ratio)))
    return values


def _continued(places: FloatArray, ratio: float) -> FloatArray:
    return places[1] + ratio * (places[1] - places[0])


def _turn_beyond(turns: Sequence[FloatArray], ratio: float) -> float:
    """Angle between the third rotation and that to which the first two go on."""
    step = Rotation.from_matrix(turns[1] @ turns[0].T).as_rotvec()
    expected = Rotation.from_rotvec(ratio * step).as_matrix() @ turns[1]
    return float(rotation_angle((turns[2] @ expected.T)[None])[0])
