"""One playback: node, recorder and player, each a process of its own, on a ROS domain of their own."""

import json
import math
import os
import random
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hand_object_pose.demo.bag_content import BagContent
from hand_object_pose.demo.configuration import DemoConfig
from hand_object_pose.demo.processes import Child, ChildFailedError
from hand_object_pose.replay.topics import BagTopics
from hand_object_pose.ros.localhost import localhost_only

_START_LIMIT = 120.0
# The node reports its counts once a second; Fast DDS repeats a lost last message after three.
_SETTLE = 3.5
_NODE = "hand_object_pose_estimator"


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


def run_session(config: DemoConfig, content: BagContent, object_id: str) -> Session:
    """Play the bag into the node and record what it publishes.

    Raises:
        ChildFailedError: one of the processes failed; all others are ended.
    """
    logs, heard = config.out / "logs", config.out / "heard"
    for folder in (logs, heard):
        shutil.rmtree(folder, ignore_errors=True)
    logs.mkdir(parents=True)
    record = logs / "played.json"
    environment = session_environment(logs, config.domain_id)
    rounds = max(1, math.ceil(config.seconds / content.period))
    codes: dict[str, int] = {}
    with ExitStack() as stack:

        def start(name: str, *arguments: str) -> Child:
            return stack.enter_context(Child(name, arguments, logs, environment))

        parameters = write_parameters(logs / "node.yaml", config, content.topics, object_id)
        node = start(
            "node", "hand_object_pose.ros.start", "--ros-args", "--params-file", str(parameters), *_remaps(content)
        )
        recorder = start("recorder", "hand_object_pose.ros.recorder", str(heard))
        _await_node(start("await_node", "hand_object_pose.ros.await_node", "--limit", f"{_START_LIMIT:.0f}"), node)
        recorder.check_running()
        player = start("player", *player_arguments(content, rounds, record))
        _show_progress(player, [node, recorder], content.period * rounds)
        codes["player"] = player.finished(5.0)
        time.sleep(_SETTLE)
        torch_loaded = node.has_mapped("torch")
        codes["node"] = node.stop()
        codes["recorder"] = recorder.stop()
    return Session(json.loads(record.read_text()), heard, torch_loaded, codes, rounds)


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


def write_parameters(path: Path, config: DemoConfig, topics: BagTopics, object_id: str) -> Path:
    """The node's parameters as a file."""
    values: dict[str, Any] = {
        "object_id": object_id,
        "weights": str(config.weights.resolve()) if config.weights else "",
        "threads": config.threads,
        "image_transport": topics.image.transport,
    }
    if topics.depth is None:
        values |= {"root_depth.mode": "fixed", "root_depth.value": float(config.root_depth or 0.0)}
    else:
        values["depth_transport"] = topics.depth.transport
    # JSON is YAML.
    path.write_text(json.dumps({f"/**/{_NODE}": {"ros__parameters": values}}, indent=1) + "\n")
    return path


def player_arguments(content: BagContent, rounds: int, record: Path) -> list[str]:
    """Play nothing but what the node is given, and not before it listens."""
    given = content.topics.given
    withheld = sorted(set(content.types) - set(given)) or ["/ground_truth"]
    return [
        "hand_object_pose.ros.bag_player",
        str(content.path),
        "--rounds",
        str(rounds),
        "--exclude",
        *withheld,
        "--wait-for",
        *given,
        "--record",
        str(record),
    ]


def _remaps(content: BagContent) -> list[str]:
    topics = content.topics
    pairs = {"image": topics.image.base, "camera_info": topics.camera_info}
    if topics.depth:
        pairs["depth/image"] = topics.depth.base
    if topics.detections:
        pairs["detections"] = topics.detections
    # Names that are as the node expects them need no remapping.
    return [part for name, topic in pairs.items() if topic != f"/{name}" for part in ("-r", f"{name}:={topic}")]


def _await_node(waiting: Child, node: Child) -> None:
    while waiting.poll() is None:
        node.check_running()
        time.sleep(0.05)
    if waiting.poll() != 0:
        reason = waiting.log.read_text(errors="replace").strip().splitlines()[-1:]
        raise ChildFailedError(f"{' '.join(reason)}; see {node.log}")


def _show_progress(player: Child, watched: list[Child], seconds: float) -> None:
    columns = TextColumn("playing"), BarColumn(), TimeElapsedColumn()
    end = time.monotonic() + seconds + _START_LIMIT
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task("", total=seconds)
        while player.poll() is None and time.monotonic() < end:
            for child in watched:
                child.check_running()
            time.sleep(0.2)
            progress.advance(task, 0.2)
