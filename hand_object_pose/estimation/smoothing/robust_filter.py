"""A Kalman filter that refuses outliers and begins anew where it was wrong; if wanted, a One-Euro filter beside it."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from hand_object_pose.estimation.smoothing.configuration import GateSettings
from hand_object_pose.estimation.smoothing.outlier_gate import OutlierGate

Self = TypeVar("Self", bound="KalmanState")


class KalmanState(Protocol):
    """What a Kalman filter knows; of this kind are ``Motion`` and ``PointMotion``."""

    def distance(self, measured: Any, noise: Any, /) -> float:
        """Squared Mahalanobis distance of a measurement."""
        ...

    def corrected(self: Self, measured: Any, noise: Any, /) -> Self:
        """Updated with a measurement."""
        ...


class LowPass(Protocol):
    """A One-Euro filter."""

    def update(self, measured: Any, seconds: float, /) -> Any:
        """Take in a measurement, ``seconds`` after the last one."""
        ...


Motion = TypeVar("Motion", bound=KalmanState)
OneEuro = TypeVar("OneEuro", bound=LowPass)


class RobustFilter(Generic[Motion, OneEuro]):
    """Filters are corrected with those measurements that the Kalman filter finds likely.

    Attributes:
        motion: of the Kalman filter, at the newest measurement whether it was believed or not; None before the first.
        one_euro: of the newest measurement that was believed, ``waited`` seconds ago; None where it is not wanted.
    """

    def __init__(
        self, dimensions: int, gate: GateSettings, make: Callable[[Any, Any], tuple[Motion, OneEuro | None]]
    ) -> None:
        """``make`` the filters from a first measurement, which has so many ``dimensions``, and its noise."""
        self._gate = OutlierGate(dimensions, gate)
        self._make = make
        self.motion: Motion | None = None
        self.one_euro: OneEuro | None = None
        self.waited = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether enough measurements agreed since the beginning."""
        return self._gate.is_settled

    def begin(self, measured: Any, noise: Any) -> None:
        """Begin anew."""
        self.motion, self.one_euro = self._make(measured, noise)
        self.waited = 0.0
        self._gate.begin()

    def go_on(self, expected: Motion, seconds: float, measured: Any, noise: Any) -> None:
        """Take in a measurement, ``seconds`` > 0 after the last one, where ``expected`` is predicted."""
        self.waited += seconds
        if self._gate.accepts(expected.distance(measured, noise)):
            self.motion = expected.corrected(measured, noise)
            if self.one_euro is not None:
                self.one_euro.update(measured, self.waited)
            self.waited = 0.0
        elif self._gate.is_hopeless:
            self.begin(measured, noise)
        else:
            self.motion = expected
