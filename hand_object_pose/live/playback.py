"""What is played into the node, and what node and player are told of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hand_object_pose.replay.topics import BagTopics

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

    @property
    def withheld(self) -> list[str]:
        """Topics that are not played; the player wants at least one name."""
        return sorted(set(self.types) - set(self.given)) or ["/nothing_is_withheld"]

    def write_parameters(self, path: Path) -> None:
        """Write the node's parameters as a file."""
        topics = self.topics
        values = {**self.parameters, "image_transport": topics.image.transport}
        if topics.depth is not None:
            values["depth_transport"] = topics.depth.transport
        # JSON is YAML.
        path.write_text(json.dumps({f"/**/{_NODE}": {"ros__parameters": values}}, indent=1) + "\n")

    def node_arguments(self, parameters: Path) -> list[str]:
        """Of the node: the file of its parameters, and what its topics are called in the bag."""
        return ["--ros-args", "--params-file", str(parameters), *self._remaps()]

    def player_arguments(self, record: Path) -> list[str]:
        """Of the player: nothing but what the node is given, and not before it listens; ``record``: what it writes."""
        withheld = ["--exclude", *self.withheld, "--wait-for", *self.given]
        return [str(self.bag), "--rounds", str(self.rounds), *withheld, "--record", str(record)]

    def _remaps(self) -> list[str]:
        topics = self.topics
        pairs = {"image": topics.image.base, "camera_info": topics.camera_info, "ground_truth": self.truth_topic}
        pairs["depth/image"] = topics.depth.base if topics.depth else ""
        pairs["detections"] = topics.detections or ""
        # Names that are as the node expects them need no remapping.
        chosen = {name: topic for name, topic in pairs.items() if topic and topic != f"/{name}"}
        return [part for name, topic in chosen.items() for part in ("-r", f"{name}:={topic}")]
