"""The lifecycle of the node `hand_object_pose_estimator`; the work is done by the parts that it puts together."""

import time
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.timer import Timer

from hand_object_pose.errors import UserError
from hand_object_pose.objects.catalogue import default_objects_directory, find_meshes
from hand_object_pose.ros.counters import Counters
from hand_object_pose.ros.estimator_factory import EstimatorFactory, estimator_config, load_estimator
from hand_object_pose.ros.frames import FrameBuilder
from hand_object_pose.ros.health import Health
from hand_object_pose.ros.node_parameters import declare_parameters, read_settings, requested_changes
from hand_object_pose.ros.pairing import Bundle
from hand_object_pose.ros.parameters import SPECS, Settings
from hand_object_pose.ros.pipeline import Estimated, Pipeline
from hand_object_pose.ros.publishers import Moment, Publishers
from hand_object_pose.ros.reporter import Reporter, Situation
from hand_object_pose.ros.services import Services
from hand_object_pose.ros.status import Problem, TopicFacts
from hand_object_pose.ros.subscriptions import Subscriptions
from hand_object_pose.ros.topics import resolve_topics

NODE_NAME = "hand_object_pose_estimator"
_WATCH_PERIOD = 0.1
_REPORT_PERIOD = 1.0
_SHORTEST_WAIT = 0.001

Transition = Callable[..., TransitionCallbackReturn]


def logged(transition: Transition) -> Transition:
    """Log what a transition raises, which rclpy swallows, and say it in the status."""

    @wraps(transition)
    def guarded(node: "EstimatorNode", state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except (UserError, ValueError) as error:
            node.get_logger().error(f"{transition.__name__}: {error}")
            node.situation.fatal = Problem(str(error))
            node.reporter.publish()
            return TransitionCallbackReturn.FAILURE
        except Exception as error:
            node.get_logger().error(f"{transition.__name__} failed:\n{traceback.format_exc()}")
            node.situation.fatal = Problem(f"{transition.__name__} failed: {type(error).__name__}: {error}")
            node.reporter.publish()
            return TransitionCallbackReturn.ERROR

    return guarded


class EstimatorNode(LifecycleNode):
    """Estimates hand, object and contacts from images.

    Attributes:
        exit_code: what the process should end with, once it is not None.
    """

    def __init__(self, estimator_factory: EstimatorFactory = load_estimator, **node_arguments: Any) -> None:
        super().__init__(NODE_NAME, **node_arguments)
        self._factory = estimator_factory
        self.exit_code: int | None = None
        self._activated = False
        self._counters, self._health = Counters(), Health()
        self._pipeline: Pipeline | None = None
        self._outputs: Publishers | None = None
        self._inputs: Subscriptions | None = None
        declare_parameters(self)
        self.situation = Situation(Settings())
        self.reporter = Reporter(self, self.situation, self._counters, self._health, self._topic_facts, time.monotonic)
        self.add_on_set_parameters_callback(self._on_parameters)
        # Steady: a simulation clock that stands still must not stop the timers that would notice it.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._report_timer = self.create_timer(_REPORT_PERIOD, self.reporter.periodic, clock=steady)
        self._watch_timer = self.create_timer(_WATCH_PERIOD, self._watch, clock=steady)
        self._slow_timer = self.create_timer(_REPORT_PERIOD, self._follow_publishers, clock=steady)
        self._steady = steady
        Services(self, self)
        self._expiry_timer: Timer | None = None
        threshold = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False)
        self._jump_handle = self.get_clock().create_jump_callback(threshold, post_callback=self._on_jump)

    @property
    def pipeline(self) -> Pipeline | None:
        """``services.Host``: None while the node is not configured."""
        return self._pipeline

    def set_enabled(self, enabled: bool) -> None:
        """``services.Host``: begin or cease to work on images; while the node is inactive, once it is active."""
        if enabled == self.situation.enabled:
            return
        self.situation.enabled = enabled
        if self._activated:
            self._begin() if enabled else self._stop()
        self.reporter.look()

    def autostart(self) -> None:
        """Configure and activate, if the parameter says so."""
        if not self.get_parameter("autostart").value:
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    @logged
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Validate the parameters, load the weights, warm up."""
        self.situation.fatal = None
        self.situation.settings = settings = read_settings(self)
        frames = FrameBuilder(resolve_topics(self, settings))
        pipeline = Pipeline(settings, frames, self._factory, self._counters, self._health, self._now, self)
        self._outputs = Publishers(self, pipeline.weights, _mesh_uris(settings))
        self._pipeline = pipeline
        self.situation.weights, self.situation.device = pipeline.weights, pipeline.device
        self.situation.setup = pipeline.setup_problem
        self.reporter.publish()
        return super().on_configure(state)

    @logged
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe."""
        self.situation.fatal = None
        activated = super().on_activate(state)
        try:
            if self.situation.enabled:
                self._begin()
        except Exception:
            # The node stays inactive: nothing that was begun may go on.
            self._stop()
            super().on_deactivate(state)
            raise
        self._activated = True
        self.reporter.look()
        return activated

    @logged
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe."""
        self._activated = False
        self._stop()
        self.reporter.publish()
        return super().on_deactivate(state)

    @logged
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release the weights and the device's memory."""
        self._release()
        self.reporter.publish()
        return super().on_cleanup(state)

    @logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and release everything."""
        self._activated = False
        self._stop()
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured; the status says what happened."""
        self._activated = False
        self._stop()
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def estimated(self, bundle: Bundle, estimated: Estimated) -> None:
        """``Output``: publish an image's results."""
        moment = Moment(self._now(), self._health.snapshot().last_valid_stamp)
        self._publish(lambda outputs: outputs.per_frame(bundle, estimated, moment, self.situation.settings))

    def draw(self, bundle: Bundle, estimated: Estimated) -> None:
        """``Output``: publish what people look at."""
        self._publish(lambda outputs: outputs.for_people(estimated, self.situation.settings))

    def changed(self) -> None:
        """``Output``: the status may have changed."""
        self.reporter.publish()

    def held(self) -> None:
        """``Output``: an image waits for its partners."""
        if self._expiry_timer is not None:
            self._expiry_timer.reset()

    def gave_up(self) -> None:
        """``Output``: end the process, so that whoever launched it may start it again."""
        self.situation.fatal = Problem("inference hung three times; the process ends so that it can be started anew")
        self.reporter.publish()
        self.get_logger().fatal(self.situation.fatal.reason)
        self.exit_code = 1

    def _publish(self, publish: Callable[[Publishers], None]) -> None:
        outputs = self._outputs
        if outputs is None:
            return
        try:
            publish(outputs)
        except Exception as error:
            # The stream must go on.
            self._health.last_error = f"publishing failed: {type(error).__name__}: {error}"
            self.get_logger().error(f"publishing failed:\n{traceback.format_exc()}", throttle_duration_sec=5.0)

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds

    def _watch(self) -> None:
        if self._pipeline is None or self._inputs is None:
            return
        self._pipeline.worker.check()
        self._inputs.check(only_refused=True)
        self.reporter.publish()

    def _follow_publishers(self) -> None:
        if self._inputs is not None:
            self._inputs.check()
            self.situation.missing_transform = self._inputs.missing_transform(self._health.snapshot().last_image_frame)

    def _expire(self) -> None:
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
        if self._pipeline is not None:
            self._pipeline.intake.expire()

    def _topic_facts(self) -> list[TopicFacts]:
        return self._inputs.facts() if self._inputs else []

    def _on_jump(self, jump: TimeJump) -> None:
        if self._pipeline is not None and self._inputs is not None:
            self._pipeline.intake.jumped_back()

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            changes = requested_changes(parameters)
            settings = read_settings(self).changed(changes)
            self._check_changes(set(changes), settings)
        except (UserError, ValueError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self._pipeline is not None and changes:
            self.situation.settings = settings
            self._pipeline.apply(settings)
            self.situation.setup = self._pipeline.setup_problem
            if self.situation.active:
                self._publish_latched(settings)
            self.reporter.publish()
        return SetParametersResult(successful=True)

    def _check_changes(self, names: set[str], settings: Settings) -> None:
        estimator_config(settings)
        if self._pipeline is None:
            return
        fixed = sorted(name for name in names if not SPECS[name].dynamic)
        if fixed:
            raise UserError(
                f"parameter {', '.join(fixed)}: takes effect when the node is configured; deactivate and clean up first"
            )
        problem = self._pipeline.problem_of(settings) if "object_id" in names else None
        if problem is not None:
            raise UserError(problem.reason)

    def _publish_latched(self, settings: Settings) -> None:
        if self._outputs is not None:
            self._outputs.latched(settings, self._now())

    def _begin(self) -> None:
        pipeline, settings = self._pipeline, self.situation.settings
        assert pipeline is not None
        self._health.begin()
        pipeline.start()
        self._publish_latched(settings)
        self._inputs = Subscriptions(self, settings, resolve_topics(self, settings), pipeline.intake)
        wait = max(settings.number("sync_wait"), _SHORTEST_WAIT)
        self._expiry_timer = self.create_timer(wait, self._expire, clock=self._steady)
        self._expiry_timer.cancel()
        self.situation.active = True

    def _stop(self) -> None:
        self.situation.active = False
        if self._inputs is not None:
            self._inputs.destroy()
            self._inputs = None
        self.situation.missing_transform = ""
        if self._expiry_timer is not None:
            self.destroy_timer(self._expiry_timer)
            self._expiry_timer = None
        if self._pipeline is not None:
            self._pipeline.stop()

    def _release(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close()
        self._pipeline = None
        if self._outputs is not None:
            self._outputs.destroy()
            self._outputs = None
        self.situation.weights, self.situation.device, self.situation.setup = None, "", None


def _mesh_uris(settings: Settings) -> dict[str, str]:
    directory = settings.text("objects_path") or default_objects_directory()
    return {name: path.resolve().as_uri() for name, path in find_meshes(Path(directory)).items()}
