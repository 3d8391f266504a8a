"""Plausible grasps of a known object: the palm approaches, the fingers close until contact, bad ones are refused."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_pose.geometry.meshes import vertex_normals
from hand_object_pose.geometry.se3 import pose_matrix, transform_points
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.finger_closing import ClosingConfig, PosedHand, close_fingers, distances_to
from hand_object_pose.synthetic.grasp_quality import GraspQuality, QualityConfig, assess
from hand_object_pose.synthetic.hand_frame import HandFrame

FloatArray = NDArray[np.floating]

_THUMB = 0
# Outside the distance grid only a bound is known, but there the surface is farther than this, metres.
_SAFE_STEP = 0.025


@dataclass(frozen=True)
class GraspConfig:
    """What hands try.

    Attributes:
        batch: candidates tried at once.
        precision_share: share of candidates that use the fingertips, the palm kept away.
        precision_gap: least and largest gap between palm and object of those, metres.
        approach_spread: standard deviation of the angle between approach and surface normal, radians.
        shape_deviation: standard deviation of the shape coefficients; shape_limit: their bound.
        start_distance: the approach begins with the palm this far from the surface, metres.
        palm_shift: how far before the palm's centre the surface is met, towards the fingers, metres.
        oppositions: angles by which the thumb may turn from beside the palm to before it, radians.
        closing, quality: see there.
    """

    batch: int = 64
    precision_share: float = 0.55
    precision_gap: tuple[float, float] = (0.01, 0.055)
    approach_spread: float = 0.25
    shape_deviation: float = 0.7
    shape_limit: float = 1.8
    start_distance: float = 0.18
    palm_shift: tuple[float, float] = (-0.01, 0.05)
    oppositions: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9, 1.2)
    closing: ClosingConfig = field(default_factory=ClosingConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)


@dataclass(frozen=True)
class Grasps:
    """N grasps of one object.

    Attributes:
        T_object_wrist: (N, 4, 4) hand model's axes with the wrist joint at the origin, to object frame.
        pose: (N, 45) axis-angle finger pose; open_pose: (N, 45) the hand just before its fingers close.
        betas: (N, 10) hand shape.
        precision: (N,) bool, whether only the fingers touch by intention.
    """

    T_object_wrist: FloatArray
    pose: FloatArray
    open_pose: FloatArray
    betas: FloatArray
    precision: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pose)

    def __getitem__(self, index: object) -> "Grasps":
        """Some of the grasps: a slice, a mask or an array of indices."""
        return Grasps(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    @classmethod
    def joined(cls, parts: list["Grasps"]) -> "Grasps":
        """All grasps of several sets."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))


class GraspGenerator:
    """Finds grasps of objects for one hand model."""

    def __init__(self, hand: HandModel, config: GraspConfig = GraspConfig()) -> None:
        self.config = config
        self.frame = HandFrame.of(hand)
        self.posed = PosedHand(hand)

    def generate(
        self, model: ObjectModel, grid: SignedDistanceGrid, count: int, rng: np.random.Generator, max_batches: int = 60
    ) -> tuple[Grasps, GraspQuality, float]:
        """At least ``count`` grasps where the object allows, their quality, and the share of candidates accepted.

        Args:
            model: the object; grid: its signed distances.
            count: how many grasps are wanted; the result is cut to that.
            rng: source of all randomness.
            max_batches: give up after as many batches.
        """
        found, qualities, tried = [], [], 0
        while sum(len(part) for part in found) < count and tried < max_batches * self.config.batch:
            grasps, quality = self._try_batch(model, grid, rng)
            accepted = quality.accepted
            tried += len(grasps)
            found.append(grasps[accepted])
            qualities.append(quality[accepted])
        rate = sum(len(part) for part in found) / tried
        return Grasps.joined(found)[:count], GraspQuality.joined(qualities)[:count], rate

    def _try_batch(
        self, model: ObjectModel, grid: SignedDistanceGrid, rng: np.random.Generator
    ) -> tuple[Grasps, GraspQuality]:
        config = self.config
        precision = rng.random(config.batch) < config.precision_share
        betas = np.clip(
            rng.normal(0, config.shape_deviation, (config.batch, 10)), -config.shape_limit, config.shape_limit
        )
        rest, start, speeds = self._preshape(precision, rng)
        wrist = self._approach_poses(model, rng)
        open_pose = self.posed.pose(start, rest)
        wrist = self._advanced(grid, wrist, open_pose, betas, precision, rng)
        rest = self._opposed(grid, wrist, rest, start, betas, rng)
        open_pose = self.posed.pose(start, rest)
        flexions = close_fingers(self.posed, grid, wrist, betas, rest, speeds, start, config.closing)
        pose = self.posed.pose(self._idle_fingers_follow(flexions, wrist, betas, rest, grid), rest)
        grasps = Grasps(wrist, pose, open_pose, betas, precision)
        vertices, joints = self.posed.mesh(pose, betas)
        return grasps, assess(grid, wrist, vertices, joints, self.posed.finger_labels, self.frame, config.quality)

    def _preshape(self, precision: NDArray[np.bool_], rng: np.random.Generator) -> tuple[FloatArray, ...]:
        """Resting pose (B, 45) with spread fingers and opposed thumb, first flexions and speeds (B, 15)."""
        batch = len(precision)
        rest = np.zeros((batch, 15, 3))
        spread = rng.normal(0.03, 0.05, (batch, 4))
        rest[:, 0:12:3] = spread[..., None] * self.posed.spread_axes[0:12:3]
        start = np.tile(np.array([0.1, 0.12, 0.08] * 4 + [-0.25, 0.05, 0.05]), (batch, 1))
        start[precision, 0:12:3] = rng.uniform(0.2, 0.7, (int(precision.sum()), 1))
        start += np.abs(rng.normal(0, 0.05, start.shape))
        ratio = np.where(precision, rng.uniform(0.35, 0.8, batch), rng.uniform(0.8, 1.0, batch))
        speeds = np.ones((batch, 15))
        speeds[:, 1:12:3] = ratio[:, None]
        speeds[:, 2:12:3] = 0.65 * ratio[:, None]
        speeds[:, 12:] = [0.6, 0.9, 0.7]
        return rest.reshape(batch, 45), start, speeds

    def _approach_poses(self, model: ObjectModel, rng: np.random.Generator) -> FloatArray:
        """Wrist poses (B, 4, 4) with the palm facing random surface points, any roll, at the start distance."""
        config = self.config
        chosen = rng.integers(0, len(model.vertices), config.batch)
        points = model.vertices[chosen]
        normals = vertex_normals(model.vertices, model.faces)[chosen]
        tilt = Rotation.from_rotvec(rng.normal(0, config.approach_spread, (config.batch, 3)))
        inward = -tilt.apply(normals)
        any_axis = rng.normal(size=inward.shape)
        forward = np.cross(inward, any_axis)
        forward /= np.linalg.norm(forward, axis=1, keepdims=True)
        thumbward = np.cross(forward, inward) * self.posed.handedness
        rotation = np.stack([forward, thumbward, inward], axis=2) @ self.frame.axes.T
        touching = self.frame.palm_centre + rng.uniform(*config.palm_shift, (config.batch, 1)) * self.frame.forward
        palm = points - config.start_distance * inward
        return pose_matrix(rotation, palm - np.einsum("bij,bj->bi", rotation, touching))

    def _advanced(
        self,
        grid: SignedDistanceGrid,
        wrist: FloatArray,
        open_pose: FloatArray,
        betas: FloatArray,
        precision: NDArray[np.bool_],
        rng: np.random.Generator,
    ) -> FloatArray:
        """Move hands, thumb aside, along their palm's normal until first contact; precision grasps stop earlier.

        A signed distance changes no faster than the hand moves, so steps of the least distance never pass through.
        """
        vertices, _ = self.posed.mesh(open_pose, betas)
        inward = wrist[:, :3, :3] @ self.frame.palmar
        moved = wrist.copy()
        leading = vertices[:, self.posed.finger_labels != _THUMB]
        for _ in range(18):
            clearance = distances_to(grid, moved, leading).min(axis=1)
            moved[:, :3, 3] += np.clip(clearance - 0.0004, 0, _SAFE_STEP)[:, None] * inward
        gap = np.where(precision, rng.uniform(*self.config.precision_gap, len(wrist)), 0.0)
        moved[:, :3, 3] -= gap[:, None] * inward
        return moved

    def _opposed(
        self,
        grid: SignedDistanceGrid,
        wrist: FloatArray,
        rest: FloatArray,
        start: FloatArray,
        betas: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """The resting poses (B, 45) with the thumb turned before the palm, where the object leaves room for it."""
        options = np.stack([self._with_opposition(rest, angle) for angle in self.config.oppositions])
        score = np.empty(options.shape[:2])
        for option, turned in enumerate(options):
            vertices, _ = self.posed.mesh(self.posed.pose(start, turned), betas)
            clearance = distances_to(grid, wrist, vertices[:, self.posed.finger_labels == _THUMB]).min(axis=1)
            score[option] = np.where(clearance > 0, rng.random(len(clearance)), clearance)
        return options[np.argmax(score, axis=0), np.arange(len(rest))]

    def _with_opposition(self, rest: FloatArray, angle: float) -> FloatArray:
        # Turning about the forward axis carries the thumb from beside the palm to before it.
        turned = rest.copy()
        turned[:, 36:39] = angle * -self.frame.forward * self.posed.handedness
        return turned

    def _idle_fingers_follow(
        self, flexions: FloatArray, wrist: FloatArray, betas: FloatArray, rest: FloatArray, grid: SignedDistanceGrid
    ) -> FloatArray:
        """Fingers that found nothing to touch bend no further than a touching neighbour: no fist beside the object."""
        vertices, _ = self.posed.mesh(self.posed.pose(flexions, rest), betas)
        least = self.posed.least_by_joint(distances_to(grid, wrist, vertices))[:, 1:]
        touching = (least.reshape(-1, 5, 3) < self.config.quality.contact_distance).any(axis=2)
        result = flexions.reshape(-1, 5, 3).copy()
        order = (0, 1, 3, 2)  # blocks of index, middle, ring, little finger in MANO's order
        for number, block in enumerate(order):
            by_nearness = sorted(
                (other for other in order if other != block), key=lambda o: abs(order.index(o) - number)
            )
            followed = touching[:, block].copy()
            for other in by_nearness:
                follows = ~followed & touching[:, other]
                result[follows, block] = np.minimum(result[follows, block], result[follows, other] + 0.1)
                followed |= follows
        return result.reshape(-1, 15)


def hand_in_object(generator: GraspGenerator, grasps: Grasps) -> tuple[FloatArray, FloatArray]:
    """Vertices (N, 778, 3) and joints (N, 21, 3) of grasping hands in the object's frame, metres."""
    vertices, joints = generator.posed.mesh(grasps.pose, grasps.betas)
    return transform_points(grasps.T_object_wrist, vertices), transform_points(grasps.T_object_wrist, joints)
