"""One playback: node, recorder and player, each a process of its own, on a ROS domain of their own."""

import json
import os
import random
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.live.playback import Playback
from hand_object_pose.live.processes import Child, ChildFailedError
from hand_object_pose.ros.localhost import localhost_only

_START_LIMIT = 120.0
# The node reports its counts once a second; Fast DDS repeats a lost last message after three.
_SETTLE = 3.5


@dataclass(frozen=True)
class Session:
    """What a playback left behind.

    Attributes:
        played: the player's record (``ros.bag_player.Played``).
        heard: the recorder's bag of everything the node published.
        torch_loaded: whether PyTorch's libraries were found in the node's memory.
        exit_codes: by process.
        rounds: how often the bag was played.
    """

    played: Mapping[str, Any]
    heard: Path
    torch_loaded: bool
    exit_codes: Mapping[str, int]
    rounds: int

    @property
    def shift(self) -> int:
        """Nanoseconds that the player added to all stamps of the bag."""
        return int(self.played["shift_ns"])

    @property
    def max_lateness_ms(self) -> float:
        """How late the player was with a message at most."""
        return 1000.0 * float(self.played["max_lateness"])

    def published(self, topic: str) -> list[int]:
        """Stamps of the messages that were played on a topic, nanoseconds, in order."""
        return [int(stamp) for stamp in self.played["stamps_ns"].get(topic, [])]


def require_ros(what: str, otherwise: str) -> None:
    """See that the node can run here.

    Args:
        what: runs it, as the subject of a sentence.
        otherwise: a sentence about what works without ROS.

    Raises:
        UserError: naming the package that is missing.
    """
    from hand_object_pose.ros.start import missing_packages

    if missing := missing_packages():
        raise UserError(
            f"{what} runs the real ROS 2 node, but {', '.join(missing)} cannot be imported. Without ROS, 'make demo' "
            "in the repository makes an environment that has all it needs; with ROS, build hand_object_pose_msgs and "
            f"source the workspace. {otherwise}"
        )


def run_session(playback: Playback, folder: Path, progress: Callable[[float], None]) -> Session:
    """Play the bag into the node and record what it publishes.

    Args:
        playback: see there.
        folder: for ``logs`` and for the recorder's bag ``heard``; older ones are replaced.
        progress: is told how many seconds were played.

    Raises:
        ChildFailedError: one of the processes failed; all others are ended.
    """
    logs, heard = folder / "logs", folder / "heard"
    for old in (logs, heard):
        shutil.rmtree(old, ignore_errors=True)
    logs.mkdir(parents=True)
    record, parameters = logs / "played.json", logs / "node.yaml"
    playback.write_parameters(parameters)
    environment = session_environment(logs, playback.domain_id)
    codes: dict[str, int] = {}
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> Child:
            return stack.enter_context(Child(name, arguments, logs, environment))

        node = start("node", "hand_object_pose.ros.start", *playback.node_arguments(parameters))
        recorder = start("recorder", "hand_object_pose.ros.recorder", str(heard))
        _await_node(start("await_node", "hand_object_pose.ros.await_node", "--limit", f"{_START_LIMIT:.0f}"), node)
        recorder.check_running()
        player = start("player", "hand_object_pose.ros.bag_player", *playback.player_arguments(record))
        _watch(player, [node, recorder], playback.seconds, progress)
        codes["player"] = player.finished(5.0)
        time.sleep(_SETTLE)
        torch_loaded = node.has_mapped("torch")
        codes["node"] = node.stop()
        codes["recorder"] = recorder.stop()
    return Session(json.loads(record.read_text()), heard, torch_loaded, codes, playback.rounds)


def session_environment(logs: Path, domain_id: int | None = None) -> dict[str, str]:
    """The environment of all processes: a random ROS domain unless given, this machine only, and logs of our own."""
    # 0 to 101 are the domains whose ports every Linux leaves free; 0 is everyone's default.
    domain = random.SystemRandom().randint(1, 101) if domain_id is None else domain_id
    return {
        **os.environ,
        "ROS_DOMAIN_ID": str(domain),
        **localhost_only(os.environ.get("ROS_DISTRO", "")),
        "ROS_LOG_DIR": str(logs.resolve() / "ros"),
        "PYTHONUNBUFFERED": "1",
    }


def _await_node(waiting: Child, node: Child) -> None:
    while waiting.poll() is None:
        node.check_running()
        time.sleep(0.05)
    if waiting.poll() != 0:
        reason = waiting.log.read_text(errors="replace").strip().splitlines()[-1:]
        raise ChildFailedError(f"{' '.join(reason)}; see {node.log}")


def _watch(player: Child, others: list[Child], seconds: float, progress: Callable[[float], None]) -> None:
    """Until the player ends, or is far too late."""
    start = time.monotonic()
    while player.poll() is None and (passed := time.monotonic() - start) < seconds + _START_LIMIT:
        for child in others:
            child.check_running()
        progress(min(passed, seconds))
        time.sleep(0.2)
