"""Where the answers come from that an evaluation scores: an estimator, or what was heard of a node."""

from typing import Protocol

from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.ros.estimator_factory import FrameEstimator


class Answers(Protocol):
    """Who answers what each frame shows."""

    weights: WeightsInfo
    device: str

    def reset(self) -> None:
        """What follows has nothing to do with what was before."""

    def answer(self, stamp: int, frame: Frame) -> FrameResult | None:
        """Of the image with this stamp, nanoseconds; None if there is no answer."""


class EstimatorAnswers:
    """The answers of an estimator that has seen nothing yet."""

    def __init__(self, estimator: FrameEstimator) -> None:
        self._estimator = estimator
        self.weights = estimator.backend.weights
        self.device = estimator.backend.device

    def reset(self) -> None:
        """Forget the track."""
        self._estimator.reset()

    def answer(self, stamp: int, frame: Frame) -> FrameResult:
        """Estimate."""
        return self._estimator.process(frame)
