"""One playback: node, recorder and player, each a process of its own, on a ROS domain of their own."""

import json
import os
import random
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.live.processes import Child, ChildFailedError
from hand_object_pose.replay.topics import BagTopics
from hand_object_pose.ros.localhost import localhost_only

_START_LIMIT = 120.0
# The node reports its counts once a second; Fast DDS repeats a lost last message after three.
_SETTLE = 3.5
_NODE = "hand_object_pose_estimator"


@dataclass(frozen=True)
class Playback:
    """What to play, and into what.

    Attributes:
        bag: path of a rosbag2.
        topics: which is which; types: message type of every topic that it holds.
        parameters: of the node, but for the transports, which follow from the topics.
        period: seconds that a round takes; rounds: how often the bag is played.
        truth_topic: given to the node as `ground_truth`; empty: it is withheld.
        domain_id: ROS domain; None: a random one.
    """

    bag: Path
    topics: BagTopics
    types: Mapping[str, str]
    parameters: Mapping[str, Any]
    period: float
    rounds: int = 1
    truth_topic: str = ""
    domain_id: int | None = None

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.period * self.rounds

    @property
    def given(self) -> tuple[str, ...]:
        """Topics that are played."""
        return (*self.topics.given, *filter(None, [self.truth_topic]))


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
    record = logs / "played.json"
    environment = session_environment(logs, playback.domain_id)
    codes: dict[str, int] = {}
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> Child:
            return stack.enter_context(Child(name, arguments, logs, environment))

        parameters = write_parameters(logs / "node.yaml", playback)
        node = start(
            "node", "hand_object_pose.ros.start", "--ros-args", "--params-file", str(parameters), *_remaps(playback)
        )
        recorder = start("recorder", "hand_object_pose.ros.recorder", str(heard))
        _await_node(start("await_node", "hand_object_pose.ros.await_node", "--limit", f"{_START_LIMIT:.0f}"), node)
        recorder.check_running()
        player = start("player", *player_arguments(playback, record))
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


def write_parameters(path: Path, playback: Playback) -> Path:
    """The node's parameters as a file."""
    topics = playback.topics
    values = {**playback.parameters, "image_transport": topics.image.transport}
    if topics.depth is not None:
        values["depth_transport"] = topics.depth.transport
    # JSON is YAML.
    path.write_text(json.dumps({f"/**/{_NODE}": {"ros__parameters": values}}, indent=1) + "\n")
    return path


def player_arguments(playback: Playback, record: Path) -> list[str]:
    """Play nothing but what the node is given, and not before it listens."""
    return [
        "hand_object_pose.ros.bag_player",
        str(playback.bag),
        "--rounds",
        str(playback.rounds),
        "--exclude",
        *withheld(playback.types, playback.given),
        "--wait-for",
        *playback.given,
        "--record",
        str(record),
    ]


def withheld(types: Collection[str], given: Collection[str]) -> list[str]:
    """Topics that are not played; the player wants at least one name."""
    return sorted(set(types) - set(given)) or ["/nothing_is_withheld"]


def _remaps(playback: Playback) -> list[str]:
    topics = playback.topics
    pairs = {"image": topics.image.base, "camera_info": topics.camera_info, "ground_truth": playback.truth_topic}
    pairs["depth/image"] = topics.depth.base if topics.depth else ""
    pairs["detections"] = topics.detections or ""
    # Names that are as the node expects them need no remapping.
    chosen = {name: topic for name, topic in pairs.items() if topic and topic != f"/{name}"}
    return [part for name, topic in chosen.items() for part in ("-r", f"{name}:={topic}")]


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
