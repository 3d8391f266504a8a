"""The estimator's settings, and the strategies that they name."""

from dataclasses import dataclass, field

import numpy as np

from hand_object_pose.errors import UserError
from hand_object_pose.estimation import region_of_interest, root_depth_modes
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.grasp_state import GraspSettings
from hand_object_pose.estimation.hand_calibration import HandCalibration, known_bones
from hand_object_pose.estimation.interaction import DEFAULT_CONTACT_DISTANCE
from hand_object_pose.estimation.region_of_interest import RegionOfInterest
from hand_object_pose.estimation.root_depth import RootDepth
from hand_object_pose.estimation.smoothing.configuration import SmoothingConfig
from hand_object_pose.estimation.smoothing.smoother import Smoother
from hand_object_pose.estimation.tracking_region import Tracking
from hand_object_pose.geometry.crops import DEFAULT_MARGIN

_OLD_MODES = {"detections": "topic"}


@dataclass(frozen=True)
class EstimatorConfig:
    """What a user may choose.

    Attributes:
        object_id: the object to look for; empty: what the detector names, else the tracked one, else the only one that
            the weights know.
        hand_side: "right" or "left", where no detection says which. A left hand is shown to the network mirrored.
        max_hands: how many detected hands are followed at a time.
        roi_mode: one of ``region_of_interest.MODES``, or "detections", as "topic" was once called;
            roi_box: (x_min, y_min, x_max, y_max) for "fixed", pixels.
        margin: side of the crop relative to the box around hand and object.
        root_depth_mode: one of ``root_depth_modes.MODES``; root_depth_value: metres, for "fixed".
        hand_calibration: bone lengths of the person whose hand is seen; None takes those of a mean hand.
        surface_fit: whether to pull hand and object onto the depth image that the wrist's depth comes from.
        refinement: whether to move the hand towards plausible contacts, see ``contact_refinement``;
            refinement_time_budget: seconds.
        confidence_threshold: an estimate below is not valid.
        doubt_below: where a tracked square gives a lower confidence, its neighbours are looked at, too; 0: never.
        contact_distance: metres; contacts: whether to compute them.
        grasp_distance, grasp_settle: metres and seconds of the grasp state, see ``grasp_state.GraspSettings``.
        lost_after: seconds without a valid estimate after which a track ends, and the filters begin anew.
        smoothing: of hand and object over time.
    """

    object_id: str = ""
    hand_side: str = "right"
    max_hands: int = 2
    roi_mode: str = "tracking"
    roi_box: tuple[float, ...] = ()
    margin: float = DEFAULT_MARGIN
    root_depth_mode: str = "depth_image"
    root_depth_value: float = 0.6
    hand_calibration: HandCalibration | None = None
    surface_fit: bool = True
    refinement: bool = False
    refinement_time_budget: float = 0.005
    confidence_threshold: float = 0.28
    doubt_below: float = 0.45
    contact_distance: float = DEFAULT_CONTACT_DISTANCE
    contacts: bool = True
    grasp_distance: float = GraspSettings.distance
    grasp_settle: float = GraspSettings.settle
    lost_after: float = 0.5
    smoothing: SmoothingConfig = field(default_factory=SmoothingConfig)

    def __post_init__(self) -> None:
        object.__setattr__(self, "roi_mode", _OLD_MODES.get(self.roi_mode, self.roi_mode))
        _one_of("hand_side", self.hand_side, ("right", "left"))
        _one_of("roi_mode", self.roi_mode, region_of_interest.MODES)
        if self.max_hands < 1:
            raise UserError(f"max_hands: expected at least 1, found {self.max_hands}")
        _one_of("root_depth_mode", self.root_depth_mode, root_depth_modes.MODES)
        if self.roi_mode == "fixed":
            box = self.roi_box
            if len(box) != 4 or not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
                raise UserError(f"roi_box: expected (x_min, y_min, x_max, y_max) with an area, found {box}")
        if self.root_depth_mode in ("fixed", "auto") and not 0 < self.root_depth_value < np.inf:
            raise UserError(f"root_depth_value: expected a positive number of metres, found {self.root_depth_value}")

    @property
    def follows(self) -> bool:
        """Whether the region of interest follows the previous estimate."""
        return self.roi_mode in ("auto", "tracking")

    @property
    def most_tracks(self) -> int:
        """How many hands there may be at a time: one where the region of interest is given."""
        return self.max_hands if self.follows or self.roi_mode == "topic" else 1

    @property
    def grasp(self) -> GraspSettings:
        """Of the grasp state."""
        return GraspSettings(self.grasp_distance, settle=self.grasp_settle, forget_after=self.lost_after)

    def make_region_of_interest(self) -> RegionOfInterest:
        """A new strategy of ``roi_mode``."""
        if self.follows:
            return Tracking(self.margin, self.lost_after)
        if self.roi_mode == "topic":
            return region_of_interest.Detections(self.margin)
        if self.roi_mode == "fixed":
            return region_of_interest.Fixed(np.array(self.roi_box))
        return region_of_interest.FullFrame()

    def make_root_depth(self, weights: WeightsInfo) -> RootDepth:
        """A new strategy of ``root_depth_mode``.

        Raises:
            UserError: the hand was calibrated with other weights.
        """
        known = known_bones(weights, self.hand_calibration)
        return root_depth_modes.make_root_depth(self.root_depth_mode, self.root_depth_value, weights.hand, known)

    def make_smoother(self) -> Smoother:
        """New filters."""
        return Smoother(self.smoothing, self.lost_after)

    def same_smoothing(self, other: "EstimatorConfig") -> bool:
        """Whether filters under the other settings may go on under these."""
        names = ("smoothing", "lost_after")
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def same_region_of_interest(self, other: "EstimatorConfig") -> bool:
        """Whether a track under the other settings may go on under these."""
        names = ("roi_mode", "roi_box", "margin", "lost_after")
        return all(getattr(self, name) == getattr(other, name) for name in names)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{name}: expected one of {', '.join(allowed)}, found '{value}'")
