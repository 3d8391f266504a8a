"""What a bag says is true: hand and object in our message, or the object's pose alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.result import HandEstimate, HandObjectEstimate, ObjectEstimate
from hand_object_pose.evaluation.message_values import object_pose, points
from hand_object_pose.replay.bag import Bag
from hand_object_pose.replay.plan import Stamps
from hand_object_pose.replay.topics import ESTIMATES
from hand_object_pose.replay.transforms import TimedPoses, read_transforms

FloatArray = NDArray[np.floating]

POSES = ("geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/PoseWithCovarianceStamped")
_NAME = "ground_truth"


@dataclass(frozen=True)
class FrameTruth:
    """What is true of one image; metres, camera frame.

    Attributes:
        object_name: id in the catalogue; object_pose: (4, 4) object frame to camera frame.
        hand_vertices: (778, 3), joints: (21, 3); None where only the object is known.
    """

    object_name: str
    object_pose: FloatArray
    hand_vertices: FloatArray | None = None
    joints: FloatArray | None = None

    def as_estimate(self, side: str) -> HandObjectEstimate:
        """The same as if it had been estimated without a doubt, of a hand of this side."""
        hand = None
        if self.hand_vertices is not None and self.joints is not None:
            sure = np.zeros(len(self.hand_vertices)), np.zeros(len(self.joints))
            hand = HandEstimate(self.hand_vertices, self.joints, *sure, side)
        thing = ObjectEstimate(self.object_name, self.object_pose, np.zeros((6, 6)), True)
        return HandObjectEstimate(0, True, "", 1.0, hand, thing)


class Truth(Protocol):
    """What a bag says is true.

    Attributes:
        topic: where it says so, for people; empty: nowhere.
    """

    @property
    def topic(self) -> str:
        """See above."""
        ...

    @property
    def count(self) -> int:
        """How many times it says so."""
        ...

    def at(self, stamp: int, tolerance: int) -> FrameTruth | None:
        """The truth of an image; None where it is not known near enough (nanoseconds)."""
        ...


@dataclass(frozen=True)
class FrameTruths:
    """Truth of images, by stamps in nanoseconds: the nearest is taken.

    Attributes:
        frames: in the order of ``stamps``.
    """

    topic: str = ""
    stamps: Sequence[int] = ()
    frames: Sequence[FrameTruth] = ()

    @property
    def count(self) -> int:
        """Of all frames."""
        return len(self.frames)

    def at(self, stamp: int, tolerance: int) -> FrameTruth | None:
        """The truth of an image; None where it is not known near enough (nanoseconds)."""
        nearest = Stamps(self.stamps, range(len(self.stamps))).nearest(stamp, tolerance)
        return None if nearest is None else self.frames[nearest]


@dataclass(frozen=True)
class ObjectTruth:
    """Poses of one object alone, by time: between two of them it moves uniformly.

    Attributes:
        object_name: id in the catalogue; count: how many poses there are.
        pose_at: (4, 4) in the camera's frame, of a stamp with a tolerance, nanoseconds; None where it is not known.
    """

    topic: str
    object_name: str
    count: int
    pose_at: Callable[[int, int], FloatArray | None]

    def at(self, stamp: int, tolerance: int) -> FrameTruth | None:
        """The truth of an image; None where it is not known near enough (nanoseconds)."""
        pose = self.pose_at(stamp, tolerance)
        return None if pose is None else FrameTruth(self.object_name, pose)


def find_truth_topic(name: str, types: Mapping[str, str], wanted: str = "") -> str:
    """The topic of the ground truth: the one asked for, else the only one called `ground_truth`; empty: none.

    Raises:
        UserError: the bag lacks the topic asked for, or it holds something else, or several can be meant.
    """
    allowed = (ESTIMATES, *POSES)
    if wanted:
        if types.get(wanted) not in allowed:
            fitting = ", ".join(sorted(topic for topic, kind in types.items() if kind in allowed)) or "none"
            raise UserError(
                f"{name}: --truth-topic {wanted}: expected a topic of {', '.join(allowed)}, found "
                f"{types.get(wanted, 'no such topic')}; topics that can be meant: {fitting}"
            )
        return wanted
    found = [topic for topic, kind in types.items() if kind in allowed and topic.rpartition("/")[2] == _NAME]
    if len(found) > 1:
        raise UserError(f"{name}: several topics of ground truth: {', '.join(found)}; choose one with --truth-topic")
    return found[0] if found else ""


def read_truth(bag: Bag, topic: str, frame_id: str, weights: WeightsInfo, object_id: str) -> Truth:
    """Read all truth of a bag.

    Args:
        bag: open; topic: see ``find_truth_topic``.
        frame_id: of the images. Poses in another frame are transformed by what the bag says of both.
        weights: whose meshes must be those of the truth.
        object_id: what the poses of an object alone are of.

    Raises:
        UserError: it is in another frame, or of other meshes, or of an object that is not named.
    """
    if not topic:
        return FrameTruths()
    if bag.types[topic] in POSES:
        return _object_truth(bag, topic, frame_id, weights, object_id)
    found: dict[int, FrameTruth] = {}
    for raw in bag.messages([topic]):
        message = bag.content(raw)
        if message.header.frame_id != frame_id:
            raise _in_another_frame(bag, topic, frame_id, message.header.frame_id)
        if (truth := _pair_truth(message, weights)) is not None:
            found[bag.stamp(raw)] = truth
    stamps = sorted(found)
    return FrameTruths(topic, stamps, [found[stamp] for stamp in stamps])


def read_transform_truth(
    bag: Bag, object_frame: str, camera_frame: str, weights: WeightsInfo, object_id: str
) -> ObjectTruth:
    """Read where the object is from transforms.

    Args:
        bag: open.
        object_frame, camera_frame: as the bag's transforms name them.
        weights: that must know the object.
        object_id: of the object; empty: it is called as its frame.

    Raises:
        UserError: the bag does not know a frame, or does not connect the two, or the object is not named.
    """
    known = object_id or (object_frame if object_frame in weights.objects else "")
    name = _named(bag, f"--truth-frame {object_frame}", known, weights)
    transforms = read_transforms(bag)
    for option, frame in (("--truth-frame", object_frame), ("--camera-frame", camera_frame)):
        if frame not in transforms.frames:
            listed = ", ".join(transforms.frames) or "none"
            raise UserError(f"{bag.name}: {option}: no transform speaks of '{frame}'; frames in the bag: {listed}")
    path = transforms.path(camera_frame, object_frame)
    if path is None:
        raise UserError(f"{bag.name}: the transforms do not connect '{camera_frame}' with '{object_frame}'")
    return ObjectTruth(" -> ".join(path), name, transforms.count(path), partial(transforms.along, path))


def _object_truth(bag: Bag, topic: str, frame_id: str, weights: WeightsInfo, object_id: str) -> ObjectTruth:
    name = _named(bag, topic, object_id, weights)
    poses: dict[int, FloatArray] = {}
    frames = set()
    for raw in bag.messages([topic]):
        message = bag.content(raw)
        pose = message.pose
        frames.add(message.header.frame_id)
        poses[bag.stamp(raw)] = object_pose(pose.pose if hasattr(pose, "covariance") else pose)
    timed = TimedPoses.of(poses)
    if frames <= {frame_id}:
        return ObjectTruth(topic, name, len(poses), timed.at)
    transforms = read_transforms(bag)
    path = transforms.path(frame_id, next(iter(frames))) if len(frames) == 1 else None
    if path is None:
        raise _in_another_frame(bag, topic, frame_id, ", ".join(sorted(frames)))

    def pose_at(stamp: int, tolerance: int) -> FloatArray | None:
        outer, inner = transforms.along(path, stamp, tolerance), timed.at(stamp, tolerance)
        return None if outer is None or inner is None else outer @ inner

    return ObjectTruth(topic, name, len(poses), pose_at)


def _named(bag: Bag, where: str, object_id: str, weights: WeightsInfo) -> str:
    if not object_id:
        raise UserError(f"{bag.name}: {where} does not say of which object its poses are; name it with --object")
    if object_id not in weights.objects:
        raise UnknownObjectError(object_id, list(weights.objects), f"the weights '{weights.name}'")
    return object_id


def _in_another_frame(bag: Bag, topic: str, expected: str, found: str) -> UserError:
    return UserError(
        f"{bag.name}: expected the ground truth in the images' frame '{expected}', found {topic} in '{found}', and no "
        "transforms in the bag connect the two"
    )


def _pair_truth(message: Any, weights: WeightsInfo) -> FrameTruth | None:
    pairs = message.estimates
    if len(pairs) != 1 or not pairs[0].hand.valid or not pairs[0].object.valid:
        return None
    hand, thing = pairs[0].hand, pairs[0].object
    if hand.model_hash != weights.hand.hash:
        raise UserError(
            f"the truth shows the hand '{hand.model_name}', another than '{weights.hand.name}', which the weights "
            f"'{weights.name}' were trained on; their vertices cannot be compared"
        )
    if thing.object_id not in weights.objects:
        raise UnknownObjectError(thing.object_id, list(weights.objects), f"the weights '{weights.name}'")
    if weights.objects[thing.object_id].hash != thing.mesh_hash:
        raise UserError(
            f"object '{thing.object_id}': the mesh of the truth differs from the one that the weights "
            f"'{weights.name}' were trained on"
        )
    vertices = np.asarray(hand.vertices, dtype=float).reshape(-1, 3)
    return FrameTruth(thing.object_id, object_pose(thing.pose.pose), vertices, points(hand.joints))
