"""Which messages belong to which image: as the node would pair them if everything reached it in time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hand_object_pose.errors import UserError
from hand_object_pose.replay.configuration import ReplayConfig
from hand_object_pose.replay.stamps import Stamps
from hand_object_pose.replay.topics import BagTopics
from hand_object_pose.ros.input_list import InputStamps


@dataclass(frozen=True)
class PlannedFrame:
    """One image to evaluate; the others are positions among the messages of their topics, in the order of the bag.

    Attributes:
        image: position of the image itself, from 0; stamp: nanoseconds.
        info, depth, detections: positions; None where there is none that fits.
        jumped: time went backwards before this image, or the live node began anew.
    """

    image: int
    stamp: int
    info: int | None
    depth: int | None
    detections: int | None
    jumped: bool = False


def plan_frames(
    name: str, stamps: Mapping[str, Sequence[int]], topics: BagTopics, depth: str | None, config: ReplayConfig
) -> list[PlannedFrame]:
    """The chosen images with what belongs to them, in the order of the bag.

    Args:
        name: of the bag, for messages.
        stamps: of the messages of all topics used.
        topics: which is which; depth: what the wrist's depth comes from, a depth image or the truth; None: neither.
        config: see there.

    Raises:
        UserError: the bag lacks a stamp that was asked for.
    """
    images = stamps[topics.image.name]
    chosen = _chosen(name, images, config)
    if config.inputs is not None:
        return _as_listed(name, chosen, stamps, topics, depth, config.inputs)
    infos = Stamps.of(stamps[topics.camera_info])
    depths = Stamps.of(stamps[depth] if depth else ())
    exact = config.root_depth_mode == "ground_truth"
    tolerance = 0 if exact else round(config.settings.number("depth_tolerance") * 1e9)
    detections = _Detections(stamps[topics.detections] if topics.detections else (), config)
    plan: list[PlannedFrame] = []
    for number in chosen:
        stamp = images[number]
        info = infos.newest(stamp)
        plan.append(
            PlannedFrame(
                number,
                stamp,
                infos.positions[0] if info is None and infos.positions else info,
                depths.nearest(stamp, tolerance),
                detections.take(stamp),
                bool(plan) and stamp < plan[-1].stamp,
            )
        )
    return plan


def _as_listed(
    name: str,
    chosen: Sequence[int],
    stamps: Mapping[str, Sequence[int]],
    topics: BagTopics,
    depth: str | None,
    inputs: Sequence[InputStamps],
) -> list[PlannedFrame]:
    """The chosen images with what a live node worked on them with."""
    images = stamps[topics.image.name]
    known = {topic: Stamps.of(entries) for topic, entries in stamps.items()}
    listed = {row.image: row for row in inputs}

    def position(topic: str | None, stamp: int | None) -> int | None:
        if stamp is None:
            return None
        found = known[topic].nearest(stamp, 0) if topic in known else None
        if found is None:
            raise UserError(f"{name}: the list names a message with the stamp {stamp}, which is not on {topic}")
        return found

    rows = [(number, listed[images[number]]) for number in chosen]
    return [
        PlannedFrame(
            number,
            row.image,
            position(topics.camera_info, row.camera_info),
            position(depth, row.depth),
            position(topics.detections, row.detections),
            row.anew,
        )
        for number, row in rows
    ]


def _chosen(name: str, images: Sequence[int], config: ReplayConfig) -> list[int]:
    if config.stamps is None:
        return list(range(0, len(images), config.every))
    wanted = set(config.stamps)
    if missing := sorted(wanted - set(images)):
        raise UserError(
            f"{name}: {len(missing)} of the {len(wanted)} stamps asked for are of no image in it, the first: "
            f"{missing[0]}; its images are stamped {min(images)} to {max(images)}"
        )
    # A stamp that two images share means the first.
    first = {stamp: number for number, stamp in reversed(list(enumerate(images)))}
    return sorted(first[stamp] for stamp in wanted)[:: config.every]


class _Detections:
    """The newest detections not younger than an image, each used once, as the node's slot gives them."""

    def __init__(self, stamps: Sequence[int], config: ReplayConfig) -> None:
        self._stamps = stamps
        self._sorted = Stamps.of(stamps)
        self._used: set[int] = set()
        self._max_age = round(config.settings.number("detection_max_age") * 1e9)

    def take(self, stamp: int) -> int | None:
        position = self._sorted.newest(stamp)
        if position is None or position in self._used:
            return None
        self._used.add(position)
        return position if stamp - self._stamps[position] <= self._max_age else None
