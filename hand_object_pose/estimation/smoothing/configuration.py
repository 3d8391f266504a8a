"""Settings of the filters over time."""

from dataclasses import dataclass, field

import numpy as np

from hand_object_pose.errors import UserError

MODES = ("none", "one_euro", "constant_velocity")


def _positive(where: str, **numbers: float) -> None:
    for name, value in numbers.items():
        if not 0 < value < np.inf:
            raise UserError(f"{where}: expected a positive {name}, found {value}")


@dataclass(frozen=True)
class OneEuroSettings:
    """Of one One-Euro filter (Casiez, Roussel and Vogel, CHI 2012).

    Attributes:
        min_cutoff: Hz, cutoff frequency at rest; lower is steadier.
        beta: Hz by which the cutoff rises with each m/s or rad/s; higher lags less.
        derivative_cutoff: Hz, of the speed's own low pass.
    """

    min_cutoff: float
    beta: float
    derivative_cutoff: float = 1.0

    def __post_init__(self) -> None:
        _positive("one_euro", min_cutoff=self.min_cutoff, derivative_cutoff=self.derivative_cutoff)
        if not 0 <= self.beta < np.inf:
            raise UserError(f"one_euro: expected beta of at least 0, found {self.beta}")


@dataclass(frozen=True)
class MotionSettings:
    """Of the constant-velocity model: how motion changes, and how uncertain a single image is.

    Attributes:
        acceleration: white noise of the acceleration, m/s^2/sqrt(Hz): in t seconds the velocity wanders by this times
            sqrt(t); angular_acceleration: rad/s^2/sqrt(Hz).
        first_speed, first_turn_rate: standard deviations of the velocity when something is seen first, m/s, rad/s.
        position_noise, rotation_noise: standard deviations by which an image's pose differs from the next one's of the
            same scene, m and rad, where the estimate has no valid covariance of its own; the first also of the hand.
        shared_error: where it has one: the share of that covariance that is the same in neighbouring images, so that no
            filter can remove it, 0 to 1.
    """

    acceleration: float = 0.4
    angular_acceleration: float = 3.0
    first_speed: float = 0.5
    first_turn_rate: float = 2.0
    position_noise: float = 0.005
    rotation_noise: float = 0.08
    shared_error: float = 0.75

    def __post_init__(self) -> None:
        numbers = {name: value for name, value in vars(self).items() if name != "shared_error"}
        _positive("constant_velocity", **numbers)
        if not 0 <= self.shared_error < 1:
            raise UserError(f"constant_velocity: expected shared_error from 0 to below 1, found {self.shared_error}")


@dataclass(frozen=True)
class GateSettings:
    """Which measurements a filter believes.

    Attributes:
        probability: of keeping a measurement that fits the model, 0 to 1: the quantile of the chi-squared distribution.
        reset_after: so many refused measurements in a row mean that the filter is wrong; it begins anew.
        settled_after: so many measurements after a beginning, pose and twist are given out.
    """

    probability: float = 0.999
    reset_after: int = 3
    settled_after: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.probability < 1:
            raise UserError(f"gate: expected a probability between 0 and 1, found {self.probability}")
        if min(self.reset_after, self.settled_after) < 1:
            raise UserError(f"gate: expected counts of at least 1, found {self.reset_after}, {self.settled_after}")


@dataclass(frozen=True)
class SmoothingConfig:
    """What a user may choose about smoothing.

    Attributes:
        mode: one of ``MODES``. The constant-velocity filter runs in both modes that smooth, as the judge of outliers
            and the source of the twist; "one_euro" takes the pose from a One-Euro filter instead.
        translation, rotation: One-Euro filters, of the object's origin and the hand's points, and of the object's turn.
    """

    mode: str = "one_euro"
    translation: OneEuroSettings = OneEuroSettings(1.0, 40.0)
    rotation: OneEuroSettings = OneEuroSettings(1.0, 3.0)
    motion: MotionSettings = field(default_factory=MotionSettings)
    gate: GateSettings = field(default_factory=GateSettings)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UserError(f"smoothing.mode: expected one of {', '.join(MODES)}, found '{self.mode}'")
