"""What can be measured of estimates without ground truth: fit to the depth image, penetration, steadiness."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.checks import check_shape
from hand_object_pose.estimation.depth_sampling import sample_depth
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.visibility import visible_points
from hand_object_pose.evaluation.metrics.interaction import exact_interaction
from hand_object_pose.evaluation.metrics.penetration_volume import penetration_volume
from hand_object_pose.evaluation.painting import rendered_depth
from hand_object_pose.geometry.meshes import TriangleMesh
from hand_object_pose.geometry.se3 import rotation_angle
from hand_object_pose.hand.joints import JOINT_PARENTS, WRIST

FloatArray = NDArray[np.floating]

_CM, _MM, _PERCENT = 100.0, 1000.0, 100.0
_CUBIC_CM = 1e6
# As the estimator's own fit: patches with a larger step are edges.
_LARGEST_STEP = 0.02
_LEAST_MEASURED = 20
# A surface is background if it lies so far behind the estimated one, metres; hands and objects are thicker.
_BEHIND = 0.02
_LEAST_PIXELS = 100
_DIGITS = 4
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


def penetration_metrics(hand_vertices: FloatArray, object_mesh: TriangleMesh) -> dict[str, float]:
    """``interaction.*`` of hand vertices (778, 3) and the posed object, exact to a tenth of a micrometre."""
    interaction = exact_interaction(hand_vertices, object_mesh)
    # The last digits of libigl's distances differ from one call to the next; evaluations must not.
    mean, deepest = (
        round(_MM * value, _DIGITS) for value in (interaction.penetration_mean, interaction.penetration_max)
    )
    return {
        "interaction.pd_mm": mean,
        "interaction.pd_max_mm": deepest,
        "interaction.cp_percent": _PERCENT * float(deepest > 0),
    }


def volume_metrics(hand: TriangleMesh, thing: TriangleMesh) -> dict[str, float]:
    """``interaction.volume_cm3`` of the posed hand and object, metres, the same frame."""
    return {"interaction.volume_cm3": _CUBIC_CM * penetration_volume(hand, thing)}


def depth_residual(frame: Frame, *meshes: TriangleMesh) -> float | None:
    """``depth.residual_mm``: median distance along the optical axis of visible vertices to the measured surface.

    Meshes in metres, camera frame, may hide each other. None where the depth image measures too few of their vertices.
    """
    if frame.depth is None:
        return None
    shown = [_in_image(frame, mesh) for mesh in meshes]
    seen = visible_points(*((points, mesh.faces) for points, mesh in zip(shown, meshes, strict=True)))
    points = np.concatenate([points[visible] for points, visible in zip(shown, seen, strict=True)])
    measured, clean = sample_depth(frame, points[:, :2], _LARGEST_STEP)
    residuals = np.abs(measured - points[:, 2])[clean]
    return _MM * float(np.median(residuals)) if len(residuals) >= _LEAST_MEASURED else None


def mask_agreement(frame: Frame, *meshes: TriangleMesh) -> float | None:
    """``mask.agreement_percent``: share of the pixels covered by the meshes that do not show what lies behind them.

    A pixel shows it where the depth image measures more than 2 cm behind the mesh; what is measured in front may hide
    it. The outermost covered pixels do not count: the border goes through them. Meshes in metres, camera frame. None
    where the depth image measures too few of the pixels.
    """
    if frame.depth is None or min(float(mesh.vertices[:, 2].min()) for mesh in meshes) <= 0:
        return None
    surface = rendered_depth(frame.camera, [(mesh.vertices, mesh.faces) for mesh in meshes])
    covered = cv2.erode(np.isfinite(surface).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    # A hole is 0, NaN or infinite.
    measured = covered & np.isfinite(frame.depth) & (frame.depth > 0)
    behind = frame.depth[measured] > surface[measured] + _BEHIND
    return _PERCENT * (1.0 - float(behind.mean())) if behind.size >= _LEAST_PIXELS else None


def bone_deviations(joints: FloatArray) -> FloatArray:
    """``stability.bones_percent`` (N,) of joints (N, 21, 3) of one hand over time.

    Mean over the 20 bones of how much each differs from its own median length over all frames, relative to it. A hand
    whose bones keep their lengths has 0, however wrong they are.
    """
    check_shape("joints", joints, ("N", 21, 3))
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, JOINT_PARENTS[1:]], axis=-1)
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


def _in_image(frame: Frame, mesh: TriangleMesh) -> FloatArray:
    """(V, 3): u, v in undistorted full-image pixels, depth in metres."""
    homogeneous = mesh.vertices @ frame.camera.matrix.T
    return np.concatenate([homogeneous[:, :2] / mesh.vertices[:, 2:], mesh.vertices[:, 2:]], axis=1)
