"""What a bag says is true: hand and object in our message, or the object's pose alone."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from hand_object_pose.errors import UnknownObjectError, UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.result import HandEstimate, HandObjectEstimate, ObjectEstimate
from hand_object_pose.evaluation.message_values import object_pose, points
from hand_object_pose.geometry.se3 import pose_matrix
from hand_object_pose.replay.bag import Bag
from hand_object_pose.replay.plan import Stamps
from hand_object_pose.replay.topics import ESTIMATES

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


@dataclass(frozen=True)
class BagTruth:
    """All truth of a bag, by stamps in nanoseconds.

    Attributes:
        topic: empty where the bag holds none.
        frames: in the order of ``stamps``; interpolated: whether poses between two stamps are known, too.
    """

    topic: str = ""
    stamps: Sequence[int] = ()
    frames: Sequence[FrameTruth] = field(default_factory=list)
    interpolated: bool = False

    def at(self, stamp: int, tolerance: int) -> FrameTruth | None:
        """The truth of an image; None where it is not known near enough (nanoseconds)."""
        if not self.frames:
            return None
        place = bisect_left(self.stamps, stamp)
        if place < len(self.stamps) and self.stamps[place] == stamp:
            return self.frames[place]
        if self.interpolated and 0 < place < len(self.stamps):
            before, after = self.stamps[place - 1], self.stamps[place]
            if max(stamp - before, after - stamp) <= tolerance:
                return _between(self.frames[place - 1], self.frames[place], (stamp - before) / (after - before))
        nearest = Stamps(self.stamps, range(len(self.stamps))).nearest(stamp, tolerance)
        return None if nearest is None or self.interpolated else self.frames[nearest]


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


def read_truth(bag: Bag, topic: str, frame_id: str, weights: WeightsInfo, object_id: str) -> BagTruth:
    """Read all truth of a bag.

    Args:
        bag: open; topic: see ``find_truth_topic``.
        frame_id: of the images; the truth must be given in it.
        weights: whose meshes must be those of the truth.
        object_id: what the poses of an object alone are of.

    Raises:
        UserError: it is in another frame, or of other meshes, or of an object that is not named.
    """
    if not topic:
        return BagTruth()
    alone = bag.types[topic] in POSES
    if alone and not object_id:
        raise UserError(f"{bag.name}: {topic} does not say of which object its poses are; name it with --object")
    found: dict[int, FrameTruth] = {}
    for raw in bag.messages([topic]):
        message = bag.content(raw)
        if message.header.frame_id != frame_id:
            raise UserError(
                f"{bag.name}: expected the ground truth in the images' frame '{frame_id}', found {topic} in "
                f"'{message.header.frame_id}'"
            )
        truth = _pose_truth(message, object_id) if alone else _pair_truth(message, weights)
        if truth is not None:
            found[bag.stamp(raw)] = truth
    stamps = sorted(found)
    return BagTruth(topic, stamps, [found[stamp] for stamp in stamps], alone)


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


def _pose_truth(message: Any, object_id: str) -> FrameTruth:
    pose = message.pose
    return FrameTruth(object_id, object_pose(pose.pose if hasattr(pose, "covariance") else pose))


def _between(first: FrameTruth, second: FrameTruth, share: float) -> FrameTruth:
    """Translation straight, rotation along the shortest turn."""
    poses = np.stack([first.object_pose, second.object_pose])
    turn = Slerp([0.0, 1.0], Rotation.from_matrix(poses[:, :3, :3]))(share).as_matrix()
    place = (1 - share) * poses[0, :3, 3] + share * poses[1, :3, 3]
    return FrameTruth(first.object_name, pose_matrix(turn, place))
