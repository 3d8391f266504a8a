"""From a bundle of messages to published results: the work of the inference thread, and what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult, HandObjectEstimate
from hand_object_pose.ros.counters import Counters, Fate
from hand_object_pose.ros.delivery import Delivery
from hand_object_pose.ros.detections import Boxes, boxes_from_detections
from hand_object_pose.ros.estimator_factory import EstimatorFactory, FrameEstimator, estimator_config
from hand_object_pose.ros.frames import FrameBuilder, InputError, is_empty
from hand_object_pose.ros.health import Health
from hand_object_pose.ros.input_list import InputList, InputStamps
from hand_object_pose.ros.intake import Intake, too_old
from hand_object_pose.ros.mailbox import Mailbox
from hand_object_pose.ros.pairing import Bundle, stamp_of
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.ros.status import Outcome, Problem
from hand_object_pose.ros.worker import Worker


@dataclass(frozen=True)
class Estimated:
    """A frame and what was estimated from it; ``problem`` says why nothing in it is valid."""

    frame: Frame | None
    result: FrameResult
    problem: Problem | None = None


class Output(Protocol):
    """Who publishes. ``estimated`` and ``draw`` are called in the thread of ``Delivery``."""

    def estimated(self, bundle: Bundle, estimated: Estimated) -> None:
        """An image was worked on."""

    def draw(self, bundle: Bundle, estimated: Estimated) -> None:
        """Show people what was estimated, once everything else is done."""

    def changed(self) -> None:
        """The status may have changed."""

    def held(self) -> None:
        """An image waits for its partners; ``intake.expire`` is to be called ``sync_wait`` later."""

    def gave_up(self) -> None:
        """Nothing can work any more."""


@dataclass(frozen=True)
class Dropped:
    """An image that was not worked on after all."""

    fate: Fate
    problem: Problem


class Pipeline:
    """Owns the estimator, the mailbox and the worker.

    Args:
        settings: parameters at configuration.
        frames: converts bundles.
        factory: makes an estimator.
        counters, health: where everything is recorded.
        now: the node's clock, nanoseconds.
        output: publishes.

    Raises:
        UserError: the estimator cannot be made. An object that the weights do not know is no such error: it becomes
            ``setup_problem``, until another is chosen.
    """

    def __init__(
        self,
        settings: Settings,
        frames: FrameBuilder,
        factory: EstimatorFactory,
        counters: Counters,
        health: Health,
        now: Callable[[], int],
        output: Output,
    ) -> None:
        self.settings = settings
        self._frames = frames
        self._factory = factory
        self._counters = counters
        self._health = health
        self._now = now
        self._output = output
        self._delivery = Delivery()
        self._reset_wanted = False
        self._anew = False
        self._applied: Settings | None = None
        self._estimator: FrameEstimator | None = self._make_estimator()
        self.weights: WeightsInfo = self._estimator.backend.weights
        self.device: str = self._estimator.backend.device
        self._inputs = _input_list(settings)
        self.intake, self.worker = self._make_entrance()

    @property
    def setup_problem(self) -> Problem | None:
        """Why no image can be worked on now, or None."""
        return self.problem_of(self.settings)

    def problem_of(self, settings: Settings) -> Problem | None:
        """Why no image could be worked on with these settings, or None."""
        object_id = settings.text("object_id")
        if not object_id or object_id in self.weights.objects:
            return None
        error = UnknownObjectError(object_id, list(self.weights.objects), f"the weights '{self.weights.name}'")
        return Problem(f"parameter object_id: {error}")

    @property
    def estimator(self) -> FrameEstimator:
        """The one in use.

        Raises:
            UserError: it hung and was abandoned, and none has taken its place yet.
        """
        if self._estimator is None:
            raise UserError("the estimator hung and was abandoned; the next image makes a new one")
        return self._estimator

    def reset(self) -> None:
        """Forget the tracks, and drop what waits; to be called in the thread of the subscriptions."""
        self.intake.clear()
        self._want_reset()

    def start(self) -> None:
        """Begin to work on images."""
        self.intake, self.worker = self._make_entrance()
        self._delivery.start()
        self.worker.start()

    def stop(self) -> None:
        """Stop working; what waits is dropped and counted, what was estimated is published."""
        self.intake.clear()
        self.worker.stop()
        self._delivery.stop()

    def close(self) -> None:
        """Release what is open; after ``stop``."""
        if self._inputs is not None:
            self._inputs.close()

    def apply(self, settings: Settings) -> None:
        """Take over changed parameters; the worker sees them before its next image."""
        self.settings = settings
        self.intake.settings = settings

    def done(self, job: Bundle, result: Estimated | Dropped) -> None:
        """``Listener``: an image was worked on, or dropped."""
        if isinstance(result, Estimated):
            self._delivery.hand_over(partial(self._publish, job, result))
        else:
            self._delivery.hand_over(partial(self._drop, result))

    def failed(self, job: Bundle, error: BaseException) -> None:
        """``Listener``: the estimator raised."""
        self._counters.add("worker_restarts")
        failure = _failure(f"estimation failed: {type(error).__name__}: {error}")
        self._delivery.hand_over(partial(self._publish, job, failure))

    def hung(self, job: Bundle, seconds: float) -> None:
        """``Listener``: the estimator hangs. What it holds is lost with it."""
        self._estimator = None
        self._counters.add("worker_restarts")
        failure = _failure(f"estimation did not end within {seconds:.1f} s and was abandoned")
        self._delivery.hand_over(partial(self._publish, job, failure))

    def gave_up(self) -> None:
        """``Listener``: too many estimators hung."""
        self._output.gave_up()

    def _make_entrance(self) -> tuple[Intake, Worker[Bundle, Estimated | Dropped]]:
        mailbox: Mailbox[Bundle] = Mailbox()
        intake = Intake(
            self.settings,
            self._frames,
            mailbox,
            self._counters,
            self._health,
            self._now,
            self._want_reset,
            self._output.changed,
            self._output.held,
        )
        worker = Worker(mailbox, self._make_work, self, self.settings.number("watchdog_timeout"))
        return intake, worker

    def _make_estimator(self) -> FrameEstimator:
        self._applied = None
        try:
            return self._factory(self.settings)
        except UnknownObjectError:
            return self._factory(self.settings.changed({"object_id": ""}))

    def _want_reset(self) -> None:
        self._reset_wanted = True

    def _make_work(self) -> Callable[[Bundle], Estimated | Dropped]:
        estimator = self._estimator or self._make_estimator()
        self._estimator = estimator
        self._reset(estimator)
        return lambda bundle: self._work(estimator, bundle)

    def _work(self, estimator: FrameEstimator, bundle: Bundle) -> Estimated | Dropped:
        unfit = self._unfit(bundle)
        if unfit is not None:
            return unfit
        self._prepare(estimator)
        detections = self.intake.detections.take(stamp_of(bundle.image))
        boxes = self._boxes(detections)
        try:
            frame = self._frames.build(bundle, boxes, self.settings.flag("image_is_rectified"))
        except InputError as error:
            return Dropped(Fate.REFUSED, error.problem)
        self._list_inputs(bundle, detections)
        result = estimator.process(frame)
        valid = any(pair.valid for pair in result.pairs)
        return Estimated(frame, result, None if valid else self._explain(frame, boxes, result))

    def _unfit(self, bundle: Bundle) -> Dropped | None:
        problem = self.problem_of(self.settings)
        if problem is not None:
            return Dropped(Fate.REFUSED, problem)
        old = too_old(self.settings, self._now(), stamp_of(bundle.image), self._frames.topics.image)
        return None if old is None else Dropped(Fate.TOO_OLD, old)

    def _prepare(self, estimator: FrameEstimator) -> None:
        if self._reset_wanted:
            self._reset_wanted = False
            self._reset(estimator)
        settings = self.settings
        if settings is not self._applied:
            estimator.set_config(estimator_config(settings))
            self._applied = settings

    def _reset(self, estimator: FrameEstimator) -> None:
        self._anew = True
        estimator.reset()

    def _list_inputs(self, bundle: Bundle, detections: Any) -> None:
        anew, self._anew = self._anew, False
        if self._inputs is not None:
            others = (None if message is None else stamp_of(message) for message in (bundle.depth, detections))
            self._inputs.add(InputStamps(stamp_of(bundle.image), stamp_of(bundle.info), *others, anew))

    def _boxes(self, detections: Any) -> Boxes:
        if detections is None:
            return Boxes()
        return boxes_from_detections(detections, list(self.weights.objects), self.settings.text("object_id"))

    def _explain(self, frame: Frame, boxes: Boxes, result: FrameResult) -> Problem:
        """Why nothing is valid, and which topic that is about."""
        topics = self._frames.topics
        if is_empty(frame.depth) and self.settings.text("root_depth.mode") == "depth_image":
            return Problem(f"no root depth: {topics.depth} holds nothing but 0 and NaN", topics.depth)
        if boxes.ignored and not boxes.object_id:
            known = ", ".join(sorted(self.weights.objects))
            return Problem(
                f"{topics.detections} names {', '.join(boxes.ignored)}; the weights know: {known}", topics.detections
            )
        if not result.pairs:
            return Problem("nothing was seen", topics.image)
        pair = result.pairs[0]
        if pair.hand is None and pair.root_depth_source in ("depth_image", "ground_truth"):
            return Problem(f"no root depth: {pair.reason} ({topics.depth})", topics.depth)
        if pair.box is None:
            return Problem(f"no box: {pair.reason} ({topics.detections})", topics.detections)
        return Problem(pair.reason, topics.image)

    def _drop(self, dropped: Dropped) -> None:
        self._counters.settle(dropped.fate)
        self._health.problem(Outcome.UNFIT, dropped.problem)
        self._output.changed()

    def _publish(self, bundle: Bundle, estimated: Estimated) -> None:
        self._output.estimated(bundle, estimated)
        self._health.estimate_published(estimated.result.timing)
        if estimated.problem is None:
            self._counters.settle(Fate.ESTIMATED)
            self._health.valid(stamp_of(bundle.image))
        else:
            self._counters.settle(Fate.INVALID)
            unfit = estimated.frame is not None and is_empty(estimated.frame.depth)
            self._health.problem(Outcome.UNFIT if unfit else Outcome.INVALID, estimated.problem)
        self._output.changed()
        self._output.draw(bundle, estimated)


def _input_list(settings: Settings) -> InputList | None:
    path = settings.text("input_list")
    return InputList(Path(path)) if path else None


def _failure(reason: str) -> Estimated:
    return Estimated(None, FrameResult([HandObjectEstimate(0, False, reason, 0.0)]), Problem(reason))
