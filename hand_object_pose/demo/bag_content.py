"""What a bag holds: its topics, the images' stamps, the camera, and the truth where it is known. Needs no ROS."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from hand_object_pose.bags.bag_file import open_bag
from hand_object_pose.bags.message_values import object_pose, points
from hand_object_pose.errors import UserError
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.replay.topics import BagTopics, find_topics
from hand_object_pose.ros.stamps import first_stamp
from hand_object_pose.synthetic.sample import SceneTruth


@dataclass(frozen=True)
class Truth:
    """What a bag says is true.

    Attributes:
        scenes: by stamp in nanoseconds; empty where the bag knows none.
        hand_hashes, object_hashes: of the meshes that it refers to.
    """

    scenes: dict[int, SceneTruth] = field(default_factory=dict)
    hand_hashes: set[str] = field(default_factory=set)
    object_hashes: dict[str, str] = field(default_factory=dict)

    @property
    def object_name(self) -> str:
        """The one object; empty where it is not known or there are several."""
        names = {scene.object_name for scene in self.scenes.values()}
        return names.pop() if len(names) == 1 else ""


@dataclass(frozen=True)
class BagContent:
    """The content of a bag, images left out.

    Attributes:
        path: its directory; topics: see there; types: message type by topic.
        period: seconds that playing it takes.
        camera: of the first CameraInfo.
        stamps: of the images, nanoseconds, in order; frame_id: of the first image.
        truth: see there.
    """

    path: Path
    topics: BagTopics
    types: dict[str, str]
    period: float
    camera: Camera
    stamps: list[int]
    frame_id: str
    truth: Truth = field(default_factory=Truth)

    def images(self, stamps: set[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Stamp and RGB image (H, W, 3) of the images with these stamps, in order."""
        from hand_object_pose.ros.images import rgb_from_compressed, rgb_image

        decode = rgb_image if self.topics.image.transport == "raw" else rgb_from_compressed
        with closing(open_bag(self.path)) as reader:
            for stamp, data, kind in _stamped(reader, self.topics.image.name):
                if stamp in stamps:
                    yield stamp, decode(reader.deserialize(data, kind))


def read_bag(path: Path, image: str = "", depth: str = "") -> BagContent:
    """Read everything but the pictures.

    Raises:
        UserError: see ``bag_file.open_bag`` and ``topics.find_topics``; or it holds no image.
    """
    from hand_object_pose.ros.camera_info import camera_from_info

    with closing(open_bag(path)) as reader:
        types = {entry.topic: entry.msgtype for entry in reader.connections}
        topics = find_topics(path, types, image, depth)
        stamps, frame_id = _image_stamps(reader, topics.image.name)
        info = next((reader.deserialize(data, kind) for _, data, kind in _stamped(reader, topics.camera_info)), None)
        if not stamps or info is None:
            raise UserError(f"{path}: holds no message on {topics.camera_info if stamps else topics.image.name}")
        truth = _read_truth(reader, topics.ground_truth) if topics.ground_truth else Truth()
        period = max(reader.duration / 1e9, 1e-3)
        return BagContent(path, topics, types, period, camera_from_info(info), stamps, frame_id, truth)


def _image_stamps(reader: AnyReader, topic: str) -> tuple[list[int], str]:
    stamps: list[int] = []
    frame_id = ""
    for stamp, data, kind in _stamped(reader, topic):
        if not stamps:
            message: Any = reader.deserialize(data, kind)
            frame_id = message.header.frame_id
        stamps.append(stamp)
    return stamps, frame_id


def _stamped(reader: AnyReader, topic: str) -> Iterator[tuple[int, bytes, str]]:
    """Header stamp, serialised message and type of each message of a topic."""
    connections = [entry for entry in reader.connections if entry.topic == topic]
    for connection, _, data in reader.messages(connections):
        yield first_stamp(data), data, connection.msgtype


def _read_truth(reader: AnyReader, topic: str) -> Truth:
    truth = Truth()
    for stamp, data, kind in _stamped(reader, topic):
        message: Any = reader.deserialize(data, kind)
        pairs = message.estimates
        if len(pairs) != 1 or not pairs[0].hand.valid or not pairs[0].object.valid:
            continue
        hand, thing = pairs[0].hand, pairs[0].object
        vertices = np.asarray(hand.vertices, dtype=float).reshape(-1, 3)
        truth.scenes[stamp] = SceneTruth(vertices, points(hand.joints), thing.object_id, object_pose(thing.pose.pose))
        truth.object_hashes[thing.object_id] = thing.mesh_hash
        truth.hand_hashes.add(hand.model_hash)
    return truth
