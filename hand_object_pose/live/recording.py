"""What the recorder heard of the node, read without ROS."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hand_object_pose.bags.bag_file import open_bag
from hand_object_pose.bags.message_values import hand_side, nanoseconds, object_pose, points
from hand_object_pose.estimation.result import Box, HandEstimate, HandObjectEstimate, ObjectEstimate


@dataclass(frozen=True)
class HeardEstimate:
    """One message of the topic `estimate`; times in nanoseconds.

    Attributes:
        stamp, frame_id: of its image; received, published: the node's clock; arrived: the recorder's.
        sequence: how many images the node had received.
        pair: the first hand-object pair; None where there is none.
        timing: seconds by stage.
    """

    stamp: int
    frame_id: str
    received: int
    published: int
    arrived: int
    sequence: int
    pair: HandObjectEstimate | None
    timing: Mapping[str, float]

    @property
    def valid(self) -> bool:
        """Whether it holds a valid estimate."""
        return self.pair is not None and self.pair.valid

    @property
    def clock_times(self) -> dict[str, float]:
        """Seconds: from the image's stamp to the node, from there to publication, from the stamp to the listener."""
        return {
            "transport": (self.received - self.stamp) / 1e9,
            "node": (self.published - self.received) / 1e9,
            "end_to_end": (self.arrived - self.stamp) / 1e9,
        }

    @property
    def times(self) -> dict[str, float]:
        """Seconds by stage, and ``clock_times``."""
        return {**self.timing, **self.clock_times}


@dataclass(frozen=True)
class HeardPose:
    """A pose (position, then quaternion x, y, z, w) with the stamp and frame it came with."""

    stamp: int
    frame_id: str
    child_frame_id: str
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Recording:
    """Everything heard, in order of arrival.

    Attributes:
        estimates: of the topic `estimate`; estimate_poses: the object poses of the valid ones, as in the messages.
        transforms: of /tf; object_poses: of the topic `object_pose`.
        counts: of the newest status, by name; device, weights_name, weights_hash: of the same.
    """

    estimates: list[HeardEstimate] = field(default_factory=list)
    estimate_poses: list[HeardPose] = field(default_factory=list)
    transforms: list[HeardPose] = field(default_factory=list)
    object_poses: list[HeardPose] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    device: str = ""
    weights_name: str = ""
    weights_hash: str = ""


_COUNTS = (
    "images_received",
    "estimated",
    "invalid",
    "replaced",
    "too_old",
    "refused",
    "pending",
    "unsynchronised",
    "lost_before_arrival",
    "clock_jumps",
    "worker_restarts",
)


def read_recording(path: Path) -> Recording:
    """Read the recorder's bag."""
    heard: dict[str, list[tuple[int, Any]]] = {"estimate": [], "tf": [], "object_pose": [], "status": []}
    with closing(open_bag(path)) as reader:
        connections = [entry for entry in reader.connections if entry.topic.rpartition("/")[2] in heard]
        for connection, arrived, data in reader.messages(connections):
            name = connection.topic.rpartition("/")[2]
            heard[name].append((arrived, reader.deserialize(data, connection.msgtype)))
    status = heard["status"][-1][1] if heard["status"] else None
    return Recording(
        [_estimate(arrived, message) for arrived, message in heard["estimate"]],
        [pose for _, message in heard["estimate"] for pose in _poses_of_estimates(message)],
        [_transform(entry) for _, message in heard["tf"] for entry in message.transforms],
        [_pose(message.header, "", message.pose.pose) for _, message in heard["object_pose"]],
        {name: int(getattr(status, name)) for name in _COUNTS} if status else {},
        status.device if status else "",
        status.weights_name if status else "",
        status.weights_hash if status else "",
    )


def _estimate(arrived: int, message: Any) -> HeardEstimate:
    header = message.header
    pair = estimate_from_message(message.estimates[0]) if len(message.estimates) else None
    times = (nanoseconds(header.stamp), header.frame_id, nanoseconds(message.received), nanoseconds(message.published))
    timing = {entry.stage: float(entry.seconds) for entry in message.timing}
    return HeardEstimate(*times, arrived, int(message.sequence), pair, timing)


def estimate_from_message(message: Any) -> HandObjectEstimate:
    """A hand_object_pose_msgs/HandObjectEstimate without its contacts."""
    hand, thing, box = message.hand, message.object, message.box
    corners = Box(*(float(value) for value in (box.x_min, box.y_min, box.x_max, box.y_max)))
    return HandObjectEstimate(
        int(message.track_id),
        bool(message.valid),
        message.reason,
        float(message.confidence),
        _hand(hand) if hand.valid else None,
        _object(thing) if thing.object_id else None,
        box=corners if corners.x_max > corners.x_min else None,
        roi_source=message.roi_source,
        root_depth=float(message.root_depth),
        root_depth_source=message.root_depth_source,
    )


def _hand(message: Any) -> HandEstimate:
    return HandEstimate(
        np.asarray(message.vertices, dtype=float).reshape(-1, 3),
        points(message.joints),
        np.asarray(message.vertex_sigmas, dtype=float),
        np.asarray(message.joint_sigmas, dtype=float),
        hand_side(message),
    )


def _object(message: Any) -> ObjectEstimate:
    covariance = np.asarray(message.pose.covariance, dtype=float).reshape(6, 6)
    pose = object_pose(message.pose.pose)
    return ObjectEstimate(
        message.object_id, pose, covariance, bool(message.covariance_valid), bool(message.valid), message.reason
    )


def _poses_of_estimates(message: Any) -> Iterator[HeardPose]:
    for pair in message.estimates:
        if pair.valid and pair.object.valid:
            yield _pose(message.header, pair.object.object_id, pair.object.pose.pose)


def _transform(message: Any) -> HeardPose:
    place, turn = message.transform.translation, message.transform.rotation
    numbers = (place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w)
    return HeardPose(nanoseconds(message.header.stamp), message.header.frame_id, message.child_frame_id, numbers)


def _pose(header: Any, child: str, pose: Any) -> HeardPose:
    place, turn = pose.position, pose.orientation
    numbers = (place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w)
    return HeardPose(nanoseconds(header.stamp), header.frame_id, child, numbers)
