"""Which measurements a Kalman filter believes."""

from scipy.special import chdtri

from hand_object_pose.estimation.smoothing.configuration import GateSettings


class OutlierGate:
    """Refuses measurements that are unlikely by the filter's own covariance; but not for ever."""

    def __init__(self, dimensions: int, settings: GateSettings) -> None:
        """``dimensions`` of a measurement; see ``GateSettings``."""
        self._settings = settings
        self._limit = float(chdtri(dimensions, 1 - settings.probability))
        self._accepted = 0
        self._refused = 0

    @property
    def is_settled(self) -> bool:
        """Whether enough measurements agreed since the beginning."""
        return self._accepted >= self._settings.settled_after

    @property
    def is_hopeless(self) -> bool:
        """Whether the filter must be wrong: too many in a row were refused, or any while it had not settled."""
        return self._refused >= (self._settings.reset_after if self.is_settled else 1)

    def begin(self) -> None:
        """The filter began anew, with one measurement."""
        self._accepted, self._refused = 1, 0

    def accepts(self, squared_distance: float) -> bool:
        """Whether the filter is to be corrected with a measurement of that squared Mahalanobis distance."""
        accepted = squared_distance <= self._limit
        self._accepted += accepted
        self._refused = 0 if accepted else self._refused + 1
        return accepted
