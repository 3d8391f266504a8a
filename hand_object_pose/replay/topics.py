"""Which topics of a bag are given to the node, or to the estimator without it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hand_object_pose.bags.bag_types import DETECTIONS, ESTIMATES
from hand_object_pose.errors import UserError

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
GROUND_TRUTH = "/ground_truth"


@dataclass(frozen=True)
class StreamTopic:
    """A topic of images: its base name, and how it is transported ("raw", "compressed", "compressedDepth")."""

    base: str
    transport: str

    @property
    def name(self) -> str:
        """The topic in the bag."""
        return self.base if self.transport == "raw" else f"{self.base}/{self.transport}"

    @property
    def message_type(self) -> str:
        """Of its messages."""
        return IMAGE if self.transport == "raw" else COMPRESSED


@dataclass(frozen=True)
class BagTopics:
    """What the node is given, None where the bag has no such topic, and where the truth is."""

    image: StreamTopic
    camera_info: str
    depth: StreamTopic | None
    detections: str | None
    ground_truth: str | None

    @property
    def given(self) -> tuple[str, ...]:
        """All topics that are played."""
        optional = (self.depth.name if self.depth else None, self.detections)
        return (self.image.name, self.camera_info, *(name for name in optional if name))


def find_topics(
    bag: Path,
    types: Mapping[str, str],
    image: str = "",
    depth: str = "",
    options: tuple[str, str] = ("--image", "--depth"),
) -> BagTopics:
    """Tell a bag's topics apart by their types and names.

    Args:
        bag: for messages.
        types: message type by topic.
        image, depth: base names of the topics to take; empty: the only ones that can be meant.
        options: what the command calls these two, for messages.

    Raises:
        UserError: the bag lacks something that is needed, or several topics can be meant.
    """
    streams = [stream for name, kind in sorted(types.items()) if (stream := _stream(name, kind))]
    colours = [stream for stream in streams if "depth" not in stream.name.lower()]
    depths = [stream for stream in streams if "depth" in stream.name.lower()]
    chosen = _chosen(bag, options[0], image, colours or streams)
    if chosen is None:
        raise UserError(f"{bag}: holds no topic of colour images ({IMAGE} or {COMPRESSED}); found {_listed(types)}")
    info = chosen.base.rpartition("/")[0] + "/camera_info"
    if types.get(info) != CAMERA_INFO:
        raise UserError(
            f"{bag}: expected the camera's intrinsics, {CAMERA_INFO} on {info}, beside the images on {chosen.name}; "
            f"found {_listed(types)}"
        )
    detections = [name for name, kind in types.items() if kind == DETECTIONS]
    truths = [name for name, kind in types.items() if kind == ESTIMATES and name == GROUND_TRUTH]
    return BagTopics(
        chosen,
        info,
        _chosen(bag, options[1], depth, depths),
        detections[0] if detections else None,
        truths[0] if truths else None,
    )


def _stream(name: str, kind: str) -> StreamTopic | None:
    if kind == IMAGE:
        return StreamTopic(name, "raw")
    base, _, transport = name.rpartition("/")
    if kind == COMPRESSED and transport in ("compressed", "compressedDepth"):
        return StreamTopic(base, transport)
    return None


def _chosen(bag: Path, option: str, wanted: str, streams: list[StreamTopic]) -> StreamTopic | None:
    fitting = [stream for stream in streams if not wanted or wanted in (stream.base, stream.name)]
    if wanted and not fitting:
        found = ", ".join(stream.name for stream in streams) or "none"
        raise UserError(f"{bag}: no topic {wanted} ({option}); topics of that kind: {found}")
    if len({stream.base for stream in fitting}) > 1:
        found = ", ".join(sorted({stream.base for stream in fitting}))
        raise UserError(f"{bag}: several topics can be meant: {found}; choose one with {option}")
    return fitting[0] if fitting else None


def _listed(types: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in sorted(types.items())) or "nothing"
