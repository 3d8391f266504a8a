"""Truth of the object alone: poses on a topic, or transforms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hand_object_pose.arrays import FloatArray
from hand_object_pose.bags.message_values import object_pose
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.replay.bag import Bag
from hand_object_pose.replay.frame_truth import FrameTruth
from hand_object_pose.replay.transforms import TimedPoses, read_transforms

POSES = ("geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/PoseWithCovarianceStamped")


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


def read_object_truth(bag: Bag, topic: str, frame_id: str, weights: WeightsInfo, object_id: str) -> ObjectTruth:
    """Read the poses on a topic; those in another frame than ``frame_id`` are transformed into it.

    Raises:
        UserError: nothing connects the frames, or the object is not named, or not known to the weights.
    """
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
        raise in_another_frame(bag, topic, frame_id, ", ".join(sorted(frames)))

    def pose_at(stamp: int, tolerance: int) -> FloatArray | None:
        outer, inner = transforms.along(path, stamp, tolerance), timed.at(stamp, tolerance)
        return None if outer is None or inner is None else outer @ inner

    return ObjectTruth(topic, name, len(poses), pose_at)


def _named(bag: Bag, where: str, object_id: str, weights: WeightsInfo) -> str:
    if not object_id:
        raise UserError(f"{bag.name}: {where} does not say of which object its poses are; name it with --object")
    return weights.object(object_id).name


def in_another_frame(bag: Bag, topic: str, expected: str, found: str) -> UserError:
    """What is said of truth in a frame that is not the images'."""
    return UserError(
        f"{bag.name}: expected the ground truth in the images' frame '{expected}', found {topic} in '{found}', and no "
        "transforms in the bag connect the two"
    )
