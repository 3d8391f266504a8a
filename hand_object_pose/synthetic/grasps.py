"""Plausible grasps of a known object: the palm approaches, the fingers close until contact, bad ones are refused."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.arrays import FloatArray
from hand_object_pose.geometry.se3 import transform_points
from hand_object_pose.geometry.signed_distance import SignedDistanceGrid
from hand_object_pose.hand.hand_model import HandModel
from hand_object_pose.objects.object_model import ObjectModel
from hand_object_pose.synthetic.finger_closing import ClosingConfig, PosedHand, close_fingers, relax_idle_fingers
from hand_object_pose.synthetic.grasp_approach import ApproachConfig, WristFilter, approach
from hand_object_pose.synthetic.grasp_quality import GraspQuality, QualityConfig, assess


@dataclass(frozen=True)
class GraspConfig:
    """How hands come near, close, and what is accepted; after ``max_batches`` the search for more is given up."""

    approach: ApproachConfig = field(default_factory=ApproachConfig)
    closing: ClosingConfig = field(default_factory=ClosingConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    max_batches: int = 60


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

    def __init__(self, hand: HandModel, config: GraspConfig | None = None) -> None:
        self.config = config or GraspConfig()
        self.posed = PosedHand(hand)

    def generate(
        self,
        model: ObjectModel,
        grid: SignedDistanceGrid,
        count: int,
        rng: np.random.Generator,
        is_worth_trying: WristFilter | None = None,
    ) -> tuple[Grasps, GraspQuality, float]:
        """``count`` grasps, or as many as could be found, their quality, and the share of candidates accepted.

        Args:
            model: the object; grid: its signed distances.
            count: how many grasps are wanted.
            rng: source of all randomness.
            is_worth_trying: of wrist poses (B, 4, 4) in the object's frame; others are mostly not tried.
        """
        found: list[Grasps] = []
        qualities: list[GraspQuality] = []
        accepted = tried = 0
        while accepted < count and len(found) < self.config.max_batches:
            grasps, quality = self.attempt(model, grid, rng, is_worth_trying)
            found.append(grasps[quality.accepted])
            qualities.append(quality[quality.accepted])
            tried += len(grasps)
            accepted += len(found[-1])
        return Grasps.joined(found)[:count], GraspQuality.joined(qualities)[:count], accepted / tried

    def attempt(
        self,
        model: ObjectModel,
        grid: SignedDistanceGrid,
        rng: np.random.Generator,
        is_worth_trying: WristFilter | None = None,
    ) -> tuple[Grasps, GraspQuality]:
        """One batch of candidates, good and bad, and their quality."""
        config, posed = self.config, self.posed
        attempts = approach(posed, model, grid, config.approach, rng, is_worth_trying)
        flexions = close_fingers(posed, grid, attempts, config.closing)
        flexions = relax_idle_fingers(posed, grid, attempts, flexions, config.quality.contact_distance)
        pose = posed.pose(flexions, attempts.rest)
        grasps = Grasps(attempts.wrist, pose, attempts.open_pose(posed), attempts.betas, attempts.precision)
        vertices, joints = posed.mesh(pose, attempts.betas)
        return grasps, assess(grid, grasps.T_object_wrist, vertices, joints, posed, config.quality)


def hand_in_object(posed: PosedHand, grasps: Grasps) -> tuple[FloatArray, FloatArray]:
    """Vertices (N, 778, 3) and joints (N, 21, 3) of grasping hands in the object's frame, metres."""
    vertices, joints = posed.mesh(grasps.pose, grasps.betas)
    return transform_points(grasps.T_object_wrist, vertices), transform_points(grasps.T_object_wrist, joints)
