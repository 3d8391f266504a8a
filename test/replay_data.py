"""Small bags of a known scene, of every kind, and an estimator that is off by a known amount."""

import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from backports import zstd
from demo_data import moved_hand, moved_object, scene
from fake_backend import weights
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from hand_object_pose.bags import message_builders
from hand_object_pose.bags.bag_types import ESTIMATES, new_message, typestore
from hand_object_pose.demo.pictures import truth_as_estimate
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult, HandObjectEstimate
from hand_object_pose.geometry.cameras import Camera
from hand_object_pose.ros.parameters import Settings
from hand_object_pose.synthetic.sample import SceneTruth

FRAMES, PERIOD, START = 8, 40_000_000, 1_700_000_000_000_000_123
CAMERA = Camera(np.array([[150.0, 0, 80], [0, 150, 60], [0, 0, 1]]), 160, 120)
FRAME_ID = "camera"
STAMPS = [START + number * PERIOD for number in range(FRAMES)]
# The estimate is off by this, metres, and there is none in this frame.
HAND_OFFSET, OBJECT_OFFSET, MISSED = np.array([0.0, 0.0, 0.02]), np.array([0.03, 0.0, 0.04]), 5

Messages = Mapping[str, tuple[str, Any]]


def messages(number: int, compressed: bool = False) -> dict[str, tuple[str, Any]]:
    """Type and message by topic of one frame."""
    header = message_builders.header_message(STAMPS[number], FRAME_ID)
    image = np.full((CAMERA.height, CAMERA.width, 3), 20 + number, np.uint8)
    depth = np.full((CAMERA.height, CAMERA.width), 0.6, np.float32)
    found: dict[str, tuple[str, Any]] = {
        "/camera_info": ("sensor_msgs/msg/CameraInfo", message_builders.camera_info_message(header, CAMERA)),
        "/ground_truth": (ESTIMATES, new_message(ESTIMATES, header=header, estimates=[pair_message(scene(number))])),
    }
    kind = "sensor_msgs/msg/CompressedImage"
    if compressed:
        found["/image/compressed"] = (kind, message_builders.jpeg_message(header, image))
        found["/depth/image/compressedDepth"] = (kind, message_builders.compressed_depth_message(header, depth))
    else:
        found["/image"] = ("sensor_msgs/msg/Image", message_builders.image_message(header, image))
        found["/depth/image"] = ("sensor_msgs/msg/Image", message_builders.depth_message(header, depth))
    if number == 0:
        boxes = {"hand_right": np.array([40.0, 30, 90, 90]), "mug": np.array([50.0, 40, 80, 80])}
        found["/detections"] = ("vision_msgs/msg/Detection2DArray", message_builders.detections_message(header, boxes))
        found["/tf_static"] = ("tf2_msgs/msg/TFMessage", new_message("tf2_msgs/msg/TFMessage"))
    return found


def pair_message(truth: SceneTruth) -> Any:
    """Hand and object of a scene."""
    known = weights()
    hand = new_message(
        "hand_object_pose_msgs/msg/HandEstimate", valid=True, model_name=known.hand.name, model_hash=known.hand.hash,
        vertices=truth.hand_vertices.astype(np.float32).ravel(),
        joints=[message_builders.point_message(joint) for joint in truth.joints],
    )  # fmt: skip
    placed = new_message("geometry_msgs/msg/PoseWithCovariance", pose=pose_message(truth.object_pose))
    thing = new_message(
        "hand_object_pose_msgs/msg/ObjectEstimate", valid=True, object_id=truth.object_name,
        mesh_hash=known.objects[truth.object_name].hash, pose=placed,
    )  # fmt: skip
    depth = float(truth.joints[0, 2])
    return new_message(
        "hand_object_pose_msgs/msg/HandObjectEstimate", valid=True, root_depth=depth, hand=hand, object=thing
    )


def pose_message(pose: np.ndarray) -> Any:
    """geometry_msgs/Pose of (4, 4)."""
    return message_builders.pose_message(pose)


def write_bag(
    path: Path,
    plugin: StoragePlugin = StoragePlugin.MCAP,
    compression: CompressionMode = CompressionMode.NONE,
    frames: Sequence[Messages] | None = None,
    stamps: list[int] | None = None,
) -> Path:
    """A rosbag2 of frames; the scene's unless given."""
    frames = [messages(number) for number in range(FRAMES)] if frames is None else frames
    store = typestore()
    path.parent.mkdir(exist_ok=True)
    writer = Writer(path, version=8, storage_plugin=plugin)
    if compression != CompressionMode.NONE:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for stamp, frame in zip(stamps or STAMPS, frames, strict=False):
            for topic, (kind, message) in frame.items():
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=store)
                writer.write(connections[topic], stamp, bytes(store.serialize_cdr(message, kind)))
    return path


def storage_file(bag: Path) -> Path:
    """The one file with messages."""
    return next(file for file in bag.iterdir() if file.name != "metadata.yaml")


def without_definitions(bag: Path) -> Path:
    """A SQLite bag as distributions before Iron wrote it."""
    with closing(sqlite3.connect(storage_file(bag))) as database:
        for table in ("message_definitions", "schema", "metadata"):
            database.execute(f"DROP TABLE {table}")
        database.execute("ALTER TABLE topics DROP COLUMN type_description_hash")
        database.commit()
    return bag


def split(path: Path, with_metadata: bool) -> Path:
    """Two files, the second with the later half, one after the other in one directory."""
    frames = [messages(number) for number in range(FRAMES)]
    half = FRAMES // 2
    write_bag(path.with_name("first"), frames=frames[:half])
    write_bag(path.with_name("second"), frames=frames[half:], stamps=STAMPS[half:])
    path.mkdir()
    # By their names, 10 comes before 9; what counts are the times of the messages.
    for number, name in ((9, "first"), (10, "second")):
        shutil.move(storage_file(path.with_name(name)), path / f"split_{number}.mcap")
    if with_metadata:
        # Of a bag that holds as much as both together.
        text = (write_bag(path.with_name("whole"), frames=frames) / "metadata.yaml").read_text()
        text = text.replace("  - whole.mcap\n", "  - split_9.mcap\n  - split_10.mcap\n")
        assert "split_10" in text
        (path / "metadata.yaml").write_text(text)
    return path


def write_ros1_bag(path: Path, compression: Writer1.CompressionFormat | None = None) -> Path:
    """A ROS 1 bag whose truth is the object's pose alone."""
    store = get_typestore(Stores.ROS1_NOETIC)
    bag = Writer1(path)
    if compression is not None:
        bag.set_compression(compression)
    with bag as writer:
        connections = {}
        for number, stamp in enumerate(STAMPS):
            frame = {name: entry for name, entry in messages(number).items() if name in ("/image", "/depth/image")}
            frame["/camera_info"] = ("sensor_msgs/msg/CameraInfo", _ros1_info(store, stamp))
            header = message_builders.header_message(stamp, FRAME_ID)
            truth = new_message(
                "geometry_msgs/msg/PoseStamped", header=header, pose=pose_message(scene(number).object_pose)
            )
            frame["/ground_truth"] = ("geometry_msgs/msg/PoseStamped", truth)
            for topic, (kind, message) in frame.items():
                if kind != "sensor_msgs/msg/CameraInfo":
                    message = _with_sequence(store, kind, message)
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=store)
                writer.write(connections[topic], stamp, bytes(store.serialize_ros1(message, kind)))
    return path


def _ros1_header(store: Any, header: Any) -> Any:
    return store.types["std_msgs/msg/Header"](seq=7, stamp=header.stamp, frame_id=header.frame_id)


def _with_sequence(store: Any, kind: str, message: Any) -> Any:
    fields = {name: getattr(message, name) for name in vars(message)} | {"header": _ros1_header(store, message.header)}
    return store.types[kind](**fields)


def _ros1_info(store: Any, stamp: int) -> Any:
    header = message_builders.header_message(stamp, FRAME_ID)
    info = message_builders.camera_info_message(header, CAMERA)
    fields = {name: getattr(info, name) for name in vars(info)} | {"header": _ros1_header(store, header)}
    fields = {name.upper() if name in "dkrp" else name: value for name, value in fields.items()}
    return store.types["sensor_msgs/msg/CameraInfo"](**fields)


def compressed_file(bag: Path) -> Path:
    """The one file of a bag alone, compressed, without any metadata."""
    file = storage_file(bag)
    target = bag.with_name(f"{file.name}.zstd")
    target.write_bytes(zstd.compress(file.read_bytes()))
    return target


@dataclass
class KnownBackend:
    """Weights without a network."""

    weights: WeightsInfo = field(default_factory=weights)
    device: str = "none"


@dataclass
class OffEstimator:
    """Knows the truth of the scene and is off by a constant.

    Attributes:
        offset: of the object; seen: every frame it was shown; resets: before how many of them.
    """

    offset: np.ndarray = field(default_factory=lambda: OBJECT_OFFSET)
    backend: Any = field(default_factory=KnownBackend)
    seen: list[Frame] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)

    def set_config(self, config: object) -> None:
        """Not asked for."""

    def reset(self) -> None:
        """Time went backwards."""
        self.resets.append(len(self.seen))

    def process(self, frame: Frame) -> FrameResult:
        """The truth of the frame's stamp, moved."""
        self.seen.append(frame)
        # Frames are stamped since the first one, but their pictures are numbered.
        number = round(float(frame.image.mean())) - 20
        timing = {"network": 0.01, "total": 0.02 + 0.001 * number}
        if number == MISSED:
            return FrameResult([HandObjectEstimate(1, False, "low confidence: 0.10", 0.1)], timing)
        pair = truth_as_estimate(scene(number))
        pair = moved_object(moved_hand(pair, HAND_OFFSET, wrist_too=True), self.offset)
        return FrameResult([replace(pair, track_id=1, roi_source="tracking", root_depth=0.6)], timing)

    def process_alone(self, frame: Frame, config: object) -> FrameResult:
        """Not asked for."""
        raise AssertionError("bags are streams")


def off_estimator(settings: Settings) -> OffEstimator:
    """For processes of their own."""
    return OffEstimator()


def better_estimator(settings: Settings) -> OffEstimator:
    """Off by half as much."""
    return OffEstimator(OBJECT_OFFSET / 2)
