"""From parameters to an estimator. The node takes any factory of this kind, so that tests can give it another."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hand_object_pose.estimation.backend import Backend
from hand_object_pose.estimation.configuration import EstimatorConfig
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.hand_calibration import HandCalibration, read_hand_calibration
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.estimation.smoothing.configuration import (
    GateSettings,
    MotionSettings,
    OneEuroSettings,
    SmoothingConfig,
)
from hand_object_pose.ros.parameters import Settings


class FrameEstimator(Protocol):
    """What the node needs of an estimator."""

    @property
    def backend(self) -> Backend:
        """What runs the network."""
        ...

    def set_config(self, config: EstimatorConfig) -> None:
        """Change settings between frames."""
        ...

    def reset(self) -> None:
        """Forget the track."""
        ...

    def process(self, frame: Frame) -> FrameResult:
        """Everything estimated from one frame."""
        ...

    def process_alone(self, frame: Frame, config: EstimatorConfig) -> FrameResult:
        """The same with other settings and apart from the stream; may be called while ``process`` runs."""
        ...


EstimatorFactory = Callable[[Settings], FrameEstimator]


def estimator_config(settings: Settings) -> EstimatorConfig:
    """The estimator's share of the parameters.

    Raises:
        UserError: values that do not go together.
    """
    return EstimatorConfig(
        object_id=settings.text("object_id"),
        hand_side=settings.text("hand_side"),
        max_hands=int(settings.number("max_hands")),
        roi_mode=settings.text("roi.mode"),
        roi_box=tuple(settings.numbers("roi.box")),
        root_depth_mode=settings.text("root_depth.mode"),
        root_depth_value=settings.number("root_depth.value"),
        hand_calibration=_hand_calibration(settings),
        surface_fit=settings.flag("surface_fit"),
        refinement=settings.flag("refinement.enabled"),
        refinement_time_budget=settings.number("refinement.time_budget"),
        confidence_threshold=settings.number("confidence_threshold"),
        doubt_below=settings.number("roi.doubt_below"),
        contact_distance=settings.number("contact.distance"),
        grasp_distance=settings.number("grasp.distance"),
        grasp_settle=settings.number("grasp.settle_time"),
        lost_after=settings.number("lost_after"),
        smoothing=smoothing_config(settings),
    )


def _hand_calibration(settings: Settings) -> HandCalibration | None:
    path = settings.text("calibration_path")
    return read_hand_calibration(Path(path)) if path else None


def smoothing_config(settings: Settings) -> SmoothingConfig:
    """The filters' share of the parameters."""

    def number(name: str) -> float:
        return settings.number(f"smoothing.{name}")

    return SmoothingConfig(
        settings.text("smoothing.mode"),
        translation=OneEuroSettings(number("one_euro.min_cutoff"), number("one_euro.beta")),
        rotation=OneEuroSettings(number("one_euro.rotation_min_cutoff"), number("one_euro.rotation_beta")),
        motion=MotionSettings(
            acceleration=number("constant_velocity.acceleration"),
            angular_acceleration=number("constant_velocity.angular_acceleration"),
            position_noise=number("constant_velocity.position_noise"),
            rotation_noise=number("constant_velocity.rotation_noise"),
        ),
        gate=GateSettings(number("gate_probability"), int(number("reset_after"))),
    )


def load_estimator(settings: Settings) -> FrameEstimator:
    """Load the weights and warm up.

    Raises:
        UserError: the weights cannot be loaded, or do not know the object.
    """
    # Imported here: loading ONNX Runtime takes time that a node with bad parameters need not spend.
    from hand_object_pose.estimation.backends import load_backend
    from hand_object_pose.estimation.estimator import Estimator

    weights = settings.text("weights")
    backend = load_backend(
        Path(weights) if weights else None,
        settings.text("backend"),
        settings.text("device"),
        int(settings.number("threads")),
        settings.text("precision"),
    )
    estimator = Estimator(backend, estimator_config(settings))
    estimator.prepare()
    return estimator
