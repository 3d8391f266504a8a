"""A bag of which it is known what it holds: its topics, and the stamps of their messages."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hand_object_pose.bags.bag_types import ESTIMATES
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.root_depth_modes import USING_DEPTH_IMAGES
from hand_object_pose.replay.bag import Bag
from hand_object_pose.replay.configuration import IMAGE_OPTIONS, ReplayConfig
from hand_object_pose.replay.topics import BagTopics, find_topics
from hand_object_pose.replay.truth import find_truth_topic


@dataclass(frozen=True)
class OpenedBag:
    """A bag of which it is known what it holds.

    Attributes:
        bag: open; topics, truth_topic: of it.
        depth: topic that the wrist's depth comes from; None: it is given.
        stamps: of all messages of the topics that are used, nanoseconds, in the order of the bag.
    """

    bag: Bag
    topics: BagTopics
    truth_topic: str
    depth: str | None
    stamps: dict[str, list[int]] = field(default_factory=dict)

    @property
    def images(self) -> list[int]:
        """Stamps of the images."""
        return self.stamps[self.topics.image.name]

    @property
    def seconds(self) -> float:
        """From the first to the last image."""
        return (max(self.images) - min(self.images)) / 1e9

    def frame_id(self) -> str:
        """Of the images, as the first one says."""
        return str(self._first_image().header.frame_id)

    def digest(self) -> str:
        """SHA-256 of the images' stamps and of the first image: the same for copies and recompressed files of a bag."""
        found = hashlib.sha256(repr(self.images).encode())
        found.update(bytes(self._first_image().data))
        return found.hexdigest()

    def _first_image(self) -> Any:
        return self.bag.content(next(iter(self.bag.messages([self.topics.image.name]))))


def open_with_topics(bag: Bag, config: ReplayConfig) -> OpenedBag:
    """Tell topics apart and read all stamps.

    Raises:
        UserError: the bag lacks something that is needed.
    """
    if not bag.types:
        raise UserError(f"{bag.name}: the bag is empty: it holds no message on any topic")
    topics = find_topics(Path(bag.name), bag.types, config.image_topic, config.depth_topic, IMAGE_OPTIONS)
    truth_topic = find_truth_topic(bag.name, bag.types, config.truth_topic)
    depth = _depth_topic(bag, topics, truth_topic, config)
    used = [topics.image.name, topics.camera_info, *(name for name in (depth, topics.detections) if name)]
    stamps = _stamps_of(bag, used)
    for name in used[:2]:
        if not stamps[name]:
            raise _without_messages(bag, name, stamps)
    return OpenedBag(bag, topics, truth_topic, depth, stamps)


def _without_messages(bag: Bag, topic: str, stamps: Mapping[str, Sequence[int]]) -> UserError:
    return UserError(
        f"{bag.name}: holds no message on {topic}, of which every image needs one; found "
        + ", ".join(f"{len(found)} on {name}" for name, found in stamps.items())
        + "".join(f"; {damage}" for damage in bag.left_out)
    )


def _depth_topic(bag: Bag, topics: BagTopics, truth_topic: str, config: ReplayConfig) -> str | None:
    """What the wrist's depth comes from."""
    if config.root_depth_mode in USING_DEPTH_IMAGES and topics.depth is not None:
        return topics.depth.name
    if config.root_depth_mode == "depth_image":
        raise UserError(
            f"{bag.name}: holds no depth images (a topic of images with 'depth' in its name); give the wrist's "
            "depth in metres with --root-depth"
        )
    if config.root_depth_mode == "ground_truth":
        if bag.types.get(truth_topic) != ESTIMATES:
            raise UserError(
                f"{bag.name}: the wrist's depth is to come from the ground truth, but there is no topic of {ESTIMATES} "
                "with it"
            )
        return truth_topic
    return None


def _stamps_of(bag: Bag, topics: Sequence[str]) -> dict[str, list[int]]:
    """Stamps in nanoseconds of all messages of some topics, in the order of the bag."""
    found: dict[str, list[int]] = {topic: [] for topic in topics}
    for message in bag.messages(topics):
        found[message.topic].append(bag.stamp(message))
    return found
