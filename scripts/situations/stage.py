"""Where situations are played: the node in a process of its own, and in this one a camera and a listener."""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.frame_errors import hand_errors, object_errors
from hand_object_pose.live.processes import Child
from hand_object_pose.live.recording import estimate_from_message
from hand_object_pose.live.session import session_environment
from hand_object_pose.objects.catalogue import default_catalogue
from hand_object_pose.ros.processes import enlarge_shared_memory, init_ros
from hand_object_pose.ros.publishers import LATCHED
from hand_object_pose.ros.status import State
from hand_object_pose_msgs.msg import HandObjectEstimates, Status
from situations.camera import Camera
from situations.faulty_node import FAULTS

NODE = "hand_object_pose_estimator"
LIMIT = 90.0
"""Seconds after which a situation has failed; far more than any takes."""
LARGEST_ERROR_CM = 2.0
_ERRORS = ("hand.mje_cm", "object.add_s_cm")


@dataclass(frozen=True)
class HeardStatus:
    """A status and when it arrived (steady, seconds)."""

    time: float
    state: State
    reason: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class HeardEstimate:
    """An estimate, when it arrived (steady, seconds) and its stamp (ns)."""

    time: float
    stamp: int
    message: Any


class Stage:
    """One node at a time beside a camera and a listener, on a ROS domain of their own."""

    def __init__(self, folder: Path) -> None:
        """Logs go to ``folder``, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._faults, self._starts = folder, folder / "faults", 0
        paths = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
        self._environment = {
            **session_environment(folder),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "OPENBLAS_NUM_THREADS": "1",
            FAULTS: str(self._faults.resolve()),
        }
        os.environ.update(self._environment)
        enlarge_shared_memory()
        init_ros(None)
        self.listener = Node("listener")
        self.statuses: list[HeardStatus] = []
        self.estimates: list[HeardEstimate] = []
        self.listener.create_subscription(Status, "status", self._hear_status, LATCHED)
        self.listener.create_subscription(HandObjectEstimates, "estimate", self._hear_estimate, 50)
        self.camera = Camera(self.listener)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.listener)
        self._spinning = threading.Thread(target=self._spin, name="listener", daemon=True)
        self._spinning.start()
        self.child: Child | None = None

    def close(self) -> None:
        """End everything that was started."""
        self.camera.close()
        self.end_node()
        self._executor.shutdown(timeout_sec=1.0)
        rclpy.try_shutdown()
        self._spinning.join(5.0)
        self.listener.destroy_node()

    def start_node(self, parameters: Mapping[str, Any]) -> None:
        """Start the node, in the place of an earlier one."""
        self.end_node()
        self._faults.unlink(missing_ok=True)
        self._starts += 1
        arguments = [part for name, value in parameters.items() for part in ("-p", f"{name}:={_yaml(value)}")]
        command = ["situations.faulty_node", "--ros-args", *arguments]
        self.child = Child(f"node_{self._starts}", command, self._folder, self._environment)

    def end_node(self) -> None:
        """End it with SIGINT, if it runs."""
        if self.child is not None:
            self.child.__exit__(None, None, None)
            self.child = None

    def make_fail(self, *orders: str) -> None:
        """The node's next images are to fail: "raise" or "hang", each."""
        self._faults.write_text("\n".join(orders))

    def has_orders(self) -> bool:
        """Whether images are still to fail."""
        return bool(self._faults.read_text().strip())

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """The answer of a service of the node.

        Raises:
            UserError: none comes.
        """
        client: Any = self.listener.create_client(kind, f"/{NODE}/{name}")
        self.until(client.service_is_ready, f"the service {name}")
        future = client.call_async(request)
        self.until(future.done, f"an answer of {name}")
        self.listener.destroy_client(client)
        return future.result()

    def resident_megabytes(self) -> float:
        """Memory of the node's process (Linux)."""
        assert self.child is not None
        lines = Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """The value of a condition, once it is true.

        Raises:
            UserError: it does not come true.
        """
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.01)
        last = self.statuses[-1] if self.statuses else None
        raise UserError(f"waited {LIMIT:.0f} s in vain for {what}; newest status: {last}; see {self._folder}")

    def until_said(self, state: State, words: str, since: float) -> HeardStatus:
        """The first status since then (steady) with that state and these words."""

        def said() -> HeardStatus | None:
            return next(
                (s for s in list(self.statuses) if s.time >= since and s.state == state and words in s.reason), None
            )

        return self.until(said, f"the status {state.name} with '{words}'")

    def until_right(self, since: float) -> float:
        """Seconds from then (steady) until the first right estimate of a picture that was shown later."""
        looked_at = 0

        def right() -> HeardEstimate | None:
            nonlocal looked_at
            while looked_at < len(self.estimates):
                heard = self.estimates[looked_at]
                looked_at += 1
                if heard.time >= since and self.camera.shown[heard.stamp].time >= since and self.is_right(heard):
                    return heard
            return None

        return self.until(right, "a right estimate").time - since

    def is_right(self, heard: HeardEstimate) -> bool:
        """Whether hand and object are where they truly are, within ``LARGEST_ERROR_CM``."""
        truth, pairs = self.camera.shown[heard.stamp].truth, heard.message.estimates
        if truth is None or not pairs or not pairs[0].valid:
            return False
        pair = estimate_from_message(pairs[0])
        if pair.hand is None or pair.object is None or pair.object.name != truth.object_name:
            return False
        errors = hand_errors(truth, pair.hand.vertices, pair.hand.joints)
        errors |= object_errors(truth, pair.object.pose, default_catalogue()[truth.object_name])
        return max(errors[name] for name in _ERRORS) < LARGEST_ERROR_CM

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def _hear_status(self, message: Status) -> None:
        heard = HeardStatus(time.monotonic(), State(message.state), message.reason, tuple(message.warnings))
        self.statuses.append(heard)

    def _hear_estimate(self, message: HandObjectEstimates) -> None:
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        self.estimates.append(HeardEstimate(time.monotonic(), stamp, message))


def _yaml(value: object) -> str:
    """A parameter's value on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else repr(value)


def show_progress(text: str) -> None:
    """A line for people who wait."""
    print(text, file=sys.stderr, flush=True)
