"""Attempts at a grasp up to the moment when the fingers close: hand shape, preshape, approach, thumb."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.meshes import vertex_normals
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.finger_closing import Attempts, PosedHand, distances_to

WristFilter = Callable[[FloatArray], NDArray[np.bool_]]

_THUMB = 0
_REDRAWS = 8
# Outside the distance grid only a bound is known, but there the surface is farther than this, metres.
_SAFE_STEP = 0.025
# Distance at which the approach stops, metres, and the number of steps that surely lead there.
_NEARLY_TOUCHING, _APPROACH_STEPS = 0.0004, 18
# Flexion before closing, base to tip: fingers and thumb, radians.
_OPEN_FINGER, _OPEN_THUMB = (0.1, 0.12, 0.08), (-0.25, 0.05, 0.05)
# Relative speeds of the thumb's joints, and of a fingertip's joint relative to its middle joint.
_THUMB_SPEEDS, _TIP_SPEED = (0.6, 0.9, 0.7), 0.65


@dataclass(frozen=True)
class ApproachConfig:
    """What hands try.

    Attributes:
        batch: candidates tried at once.
        precision_share: share of candidates that use the fingertips, the palm kept away.
        precision_gap: least and largest gap between palm and object of those, metres.
        spread: standard deviation of the angle between approach and surface normal, radians.
        shape_deviation: standard deviation of the shape coefficients; shape_limit: their bound.
        start_distance: the approach begins with the palm this far from the surface, metres.
        palm_shift: how far before the palm's centre the surface is met, towards the fingers, metres.
        oppositions: angles by which the thumb may turn from beside the palm to before it, radians.
    """

    batch: int = 64
    precision_share: float = 0.55
    precision_gap: tuple[float, float] = (0.01, 0.055)
    spread: float = 0.25
    shape_deviation: float = 0.7
    shape_limit: float = 1.8
    start_distance: float = 0.18
    palm_shift: tuple[float, float] = (-0.01, 0.05)
    oppositions: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9, 1.2)


def approach(
    posed: PosedHand,
    model: ObjectModel,
    grid: SignedDistanceGrid,
    config: ApproachConfig,
    rng: np.random.Generator,
    is_worth_trying: WristFilter | None = None,
) -> Attempts:
    """A batch of open hands at an object: the palm touches, or is near for those that will use the fingertips.

    Approaches that a filter rejects are drawn again, some times; it sees them at the start distance.
    """
    precision = rng.random(config.batch) < config.precision_share
    shapes = rng.normal(0, config.shape_deviation, (config.batch, 10))
    betas = np.clip(shapes, -config.shape_limit, config.shape_limit)
    rest, start, speeds = _preshape(posed, precision, rng)
    wrist = _approach_poses(posed, model, config, rng)
    if is_worth_trying is not None:
        for _ in range(_REDRAWS):
            bad = np.flatnonzero(~is_worth_trying(wrist))
            wrist[bad] = _approach_poses(posed, model, replace(config, batch=len(bad)), rng)
    attempts = Attempts(wrist, betas, rest, start, speeds, precision)
    attempts = replace(attempts, wrist=_advanced(posed, grid, attempts, config, rng))
    return replace(attempts, rest=_opposed(posed, grid, attempts, config, rng))


def _preshape(
    posed: PosedHand, precision: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Resting pose (B, 45) with spread fingers, first flexions and speeds (B, 15)."""
    batch = len(precision)
    rest = np.zeros((batch, 15, 3))
    spread = rng.normal(0.03, 0.05, (batch, 4))
    rest[:, 0:12:3] = spread[..., None] * posed.spread_axes[0:12:3]
    start = np.tile(np.array(_OPEN_FINGER * 4 + _OPEN_THUMB), (batch, 1))
    start[precision, 0:12:3] = rng.uniform(0.2, 0.7, (int(precision.sum()), 1))
    start += np.abs(rng.normal(0, 0.05, start.shape))
    ratio = np.where(precision, rng.uniform(0.35, 0.8, batch), rng.uniform(0.8, 1.0, batch))
    speeds = np.ones((batch, 15))
    speeds[:, 1:12:3] = ratio[:, None]
    speeds[:, 2:12:3] = _TIP_SPEED * ratio[:, None]
    speeds[:, 12:] = _THUMB_SPEEDS
    return rest.reshape(batch, 45), start, speeds


def _approach_poses(
    posed: PosedHand, model: ObjectModel, config: ApproachConfig, rng: np.random.Generator
) -> FloatArray:
    """Wrist poses (B, 4, 4) with the palm facing random surface points, any roll, at the start distance."""
    frame = posed.frame
    chosen = rng.integers(0, len(model.vertices), config.batch)
    normals = vertex_normals(model.vertices, model.faces)[chosen]
    tilt = Rotation.from_rotvec(rng.normal(0, config.spread, (config.batch, 3)))
    inward = -tilt.apply(normals)
    forward = np.cross(inward, rng.normal(size=inward.shape))
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    thumbward = np.cross(forward, inward) * posed.handedness
    rotation = np.stack([forward, thumbward, inward], axis=2) @ frame.axes.T
    touching = frame.palm_centre + rng.uniform(*config.palm_shift, (config.batch, 1)) * frame.forward
    palm = model.vertices[chosen] - config.start_distance * inward
    return pose_matrix(rotation, palm - np.einsum("bij,bj->bi", rotation, touching))


def _advanced(
    posed: PosedHand,
    grid: SignedDistanceGrid,
    attempts: Attempts,
    config: ApproachConfig,
    rng: np.random.Generator,
) -> FloatArray:
    """Wrist poses (B, 4, 4) moved along the palm's normal until first contact, thumb aside; less for precision grasps.

    A signed distance changes no faster than the hand moves, so steps of the least distance never pass through.
    """
    vertices, _ = posed.mesh(attempts.open_pose(posed), attempts.betas)
    leading = vertices[:, posed.finger_labels != _THUMB]
    moved = attempts.wrist.copy()
    inward = moved[:, :3, :3] @ posed.frame.palmar
    for _ in range(_APPROACH_STEPS):
        clearance = distances_to(grid, moved, leading).min(axis=1)
        moved[:, :3, 3] += np.clip(clearance - _NEARLY_TOUCHING, 0, _SAFE_STEP)[:, None] * inward
    gap = np.where(attempts.precision, rng.uniform(*config.precision_gap, len(moved)), 0.0)
    moved[:, :3, 3] -= gap[:, None] * inward
    return moved


def _opposed(
    posed: PosedHand,
    grid: SignedDistanceGrid,
    attempts: Attempts,
    config: ApproachConfig,
    rng: np.random.Generator,
) -> FloatArray:
    """The resting poses (B, 45) with the thumb turned before the palm, where the object leaves room for it."""
    options = np.stack([_with_opposition(posed, attempts.rest, angle) for angle in config.oppositions])
    score = np.empty(options.shape[:2])
    for option, turned in enumerate(options):
        vertices, _ = posed.mesh(posed.pose(attempts.start, turned), attempts.betas)
        thumb = vertices[:, posed.finger_labels == _THUMB]
        clearance = distances_to(grid, attempts.wrist, thumb).min(axis=1)
        score[option] = np.where(clearance > 0, rng.random(len(clearance)), clearance)
    return options[np.argmax(score, axis=0), np.arange(len(attempts.rest))]


def _with_opposition(posed: PosedHand, rest: FloatArray, angle: float) -> FloatArray:
    # Turning about the forward axis carries the thumb from beside the palm to before it.
    turned = rest.copy()
    turned[:, 36:39] = -angle * posed.handedness * posed.frame.forward
    return turned
