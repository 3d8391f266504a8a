"""The node's services: `~/reset`, `~/set_enabled`, `~/set_object` and `~/estimate`."""

import threading
from collections.abc import Awaitable, Callable
from concurrent import futures
from typing import Any, Protocol, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.task import Future
from std_srvs.srv import SetBool, Trigger

from hand_object_pose.errors import UserError
from hand_object_pose.ros.pipeline import Pipeline
from hand_object_pose.ros.results import estimate_message, frame_message
from hand_object_pose.ros.single_frame import estimate_request, objection
from hand_object_pose_msgs.msg import HandObjectEstimates
from hand_object_pose_msgs.srv import EstimateFrame, SetObject

Value = TypeVar("Value")


class Host(Protocol):
    """What the services need of the node."""

    @property
    def pipeline(self) -> Pipeline | None:
        """None while the node is not configured."""
        ...

    def set_enabled(self, enabled: bool) -> None:
        """Begin or cease to work on images."""
        ...

    def set_parameters(self, parameters: list[Parameter], /) -> list[SetParametersResult]:
        """Of every ROS node."""
        ...


class Services:
    """Answers in the node's executor, but for ``~/estimate``, which has a thread for each request, one by one."""

    def __init__(self, node: Node, host: Host) -> None:
        self._node, self._host = node, host
        node.create_service(Trigger, "~/reset", _answering(self._reset))
        node.create_service(SetBool, "~/set_enabled", _answering(self._set_enabled))
        node.create_service(SetObject, "~/set_object", _answering(self._set_object))
        # A group of its own: while a request is worked on, the node's other callbacks go on.
        alone = MutuallyExclusiveCallbackGroup()
        callback = self._aside(_answering(self._estimate))
        node.create_service(EstimateFrame, "~/estimate", callback, callback_group=alone)

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> None:
        self._pipeline().reset()

    def _set_enabled(self, request: SetBool.Request, response: SetBool.Response) -> None:
        self._host.set_enabled(request.data)

    def _set_object(self, request: SetObject.Request, response: SetObject.Response) -> None:
        response.known_objects = sorted(self._pipeline().weights.objects)
        if not request.object_id:
            raise UserError(
                f"object_id is empty; expected one of {', '.join(response.known_objects)}. To look for what detections "
                "name, set the parameter object_id to an empty text"
            )
        result = self._host.set_parameters([Parameter("object_id", value=request.object_id)])[0]
        if not result.successful:
            raise UserError(result.reason)

    def _estimate(self, request: EstimateFrame.Request, response: EstimateFrame.Response) -> None:
        pipeline, received = self._pipeline(), self._node.get_clock().now().to_msg()
        settings, weights = pipeline.settings, pipeline.weights
        result = _within(
            settings.number("watchdog_timeout"), lambda: estimate_request(request, pipeline.estimator, settings)
        )
        pairs = [estimate_message(pair, weights, settings.number("contact.distance"), 0) for pair in result.pairs]
        message: HandObjectEstimates = frame_message(request.image.header, pairs, result.timing, weights)
        for pair in pairs:
            pair.last_valid = request.image.header.stamp if pair.valid else pair.last_valid
        message.received, message.published = received, self._node.get_clock().now().to_msg()
        response.estimates = message
        if problem := objection(result):
            raise UserError(problem)

    def _aside(self, answer: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Awaitable[Any]]:
        """A service callback that leaves the executor free while it is answered."""

        async def callback(request: Any, response: Any) -> Any:
            answered: Future = Future()

            def work() -> None:
                answered.set_result(answer(request, response))
                # It looks at what waits for answers only when something happens.
                if (executor := self._node.executor) is not None:
                    executor.wake()

            threading.Thread(target=work, name="estimate_service", daemon=True).start()
            return await answered

        return callback

    def _pipeline(self) -> Pipeline:
        if self._host.pipeline is None:
            raise UserError("the node is not configured: configure it, or set the parameter autostart")
        return self._host.pipeline


def _answering(action: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
    """A service callback that does an action and says whether it succeeded, and if not, why."""

    def callback(request: Any, response: Any) -> Any:
        try:
            action(request, response)
            response.success = True
        except UserError as error:
            response.success, response.message = False, str(error)
        except Exception as error:
            response.success, response.message = False, f"{type(error).__name__}: {error}"
        return response

    return callback


def _within(seconds: float, action: Callable[[], Value]) -> Value:
    """What an action returns or raises, if it does so in time; else it is left alone.

    Raises:
        UserError: it takes longer.
    """
    done: futures.Future[Value] = futures.Future()

    def work() -> None:
        try:
            done.set_result(action())
        except Exception as error:
            done.set_exception(error)

    # A daemon: one that hangs must not keep the process from ending.
    threading.Thread(target=work, name="estimate_request", daemon=True).start()
    try:
        return done.result(seconds)
    except futures.TimeoutError:
        raise UserError(f"the estimate did not end within watchdog_timeout ({seconds:g} s)") from None
