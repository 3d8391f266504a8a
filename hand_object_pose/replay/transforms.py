"""Transforms of a bag, /tf and /tf_static: where one frame lies in another at the time of an image."""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hand_object_pose.arrays import FloatArray
from hand_object_pose.bags.message_values import nanoseconds, transform_pose
from hand_object_pose.geometry.se3 import interpolated_pose, inverse_pose
from hand_object_pose.replay.bag import Bag

TRANSFORMS = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")


@dataclass(frozen=True)
class TimedPoses:
    """Poses (4, 4) at increasing stamps, nanoseconds; ``static``: of one pose, it is always the same."""

    stamps: Sequence[int]
    poses: Sequence[FloatArray]
    static: bool = False

    @classmethod
    def of(cls, poses: dict[int, FloatArray]) -> "TimedPoses":
        """Of poses by stamp."""
        stamps = sorted(poses)
        return cls(stamps, [poses[stamp] for stamp in stamps])

    def at(self, stamp: int, tolerance: int) -> FloatArray | None:
        """The pose of that time: known, or between two that are no farther than ``tolerance``; None: neither."""
        if self.static:
            return self.poses[-1]
        place = bisect_left(self.stamps, stamp)
        if place < len(self.stamps) and self.stamps[place] == stamp:
            return self.poses[place]
        if not 0 < place < len(self.stamps):
            return None
        before, after = self.stamps[place - 1], self.stamps[place]
        if max(stamp - before, after - stamp) > tolerance:
            return None
        return interpolated_pose(self.poses[place - 1], self.poses[place], (stamp - before) / (after - before))


class Transforms:
    """Everything that a bag says about frames.

    Args:
        poses: of a child frame in its parent frame, by (parent, child).
    """

    def __init__(self, poses: dict[tuple[str, str], TimedPoses]) -> None:
        self._poses = poses
        self._neighbours: dict[str, list[str]] = defaultdict(list)
        for parent, child in poses:
            self._neighbours[parent].append(child)
            self._neighbours[child].append(parent)

    @property
    def frames(self) -> list[str]:
        """All names."""
        return sorted(self._neighbours)

    def path(self, target: str, source: str) -> list[str] | None:
        """Frames from ``target`` to ``source``, both included; None where nothing connects them."""
        came_from: dict[str, str] = {target: target}
        waiting = deque([target])
        while waiting and source not in came_from:
            frame = waiting.popleft()
            for other in self._neighbours.get(frame, ()):
                if other not in came_from:
                    came_from[other] = frame
                    waiting.append(other)
        if source not in came_from:
            return None
        found = [source]
        while found[-1] != target:
            found.append(came_from[found[-1]])
        return found[::-1]

    def along(self, path: Sequence[str], stamp: int, tolerance: int) -> FloatArray | None:
        """Pose (4, 4) of the last frame in the first at a time, nanoseconds; None where a part is not known then."""
        pose = np.eye(4)
        for outer, inner in pairwise(path):
            step = self._step(outer, inner, stamp, tolerance)
            if step is None:
                return None
            pose = pose @ step
        return pose

    def count(self, path: Sequence[str]) -> int:
        """How many transforms there are on a path, of the frame that was seen least often; 1 if all are static."""
        numbers = [
            len(self._edge(outer, inner)[0].stamps)
            for outer, inner in pairwise(path)
            if not self._edge(outer, inner)[0].static
        ]
        return min(numbers, default=1)

    def _step(self, outer: str, inner: str, stamp: int, tolerance: int) -> FloatArray | None:
        poses, forward = self._edge(outer, inner)
        pose = poses.at(stamp, tolerance)
        return pose if pose is None or forward else inverse_pose(pose)

    def _edge(self, outer: str, inner: str) -> tuple[TimedPoses, bool]:
        if (outer, inner) in self._poses:
            return self._poses[outer, inner], True
        return self._poses[inner, outer], False


def read_transforms(bag: Bag) -> Transforms:
    """Read all transforms; those on a topic called `tf_static` hold for ever."""
    topics = [topic for topic, kind in bag.types.items() if kind in TRANSFORMS]
    moving: dict[tuple[str, str], dict[int, FloatArray]] = defaultdict(dict)
    fixed: dict[tuple[str, str], TimedPoses] = {}
    for raw in bag.messages(topics) if topics else ():
        static = raw.topic.rpartition("/")[2] == "tf_static"
        for entry in bag.content(raw).transforms:
            # Names of the first tf may begin with a slash.
            edge = entry.header.frame_id.lstrip("/"), entry.child_frame_id.lstrip("/")
            stamp, pose = nanoseconds(entry.header.stamp), transform_pose(entry.transform)
            if static:
                fixed[edge] = TimedPoses([stamp], [pose], static=True)
            else:
                moving[edge][stamp] = pose
    return Transforms({edge: TimedPoses.of(poses) for edge, poses in moving.items()} | fixed)
