"""What a bag says is true: hand and object in our message, or the object's pose alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hand_object_pose.bags.bag_types import ESTIMATES
from hand_object_pose.bags.message_values import hand_side, object_pose, points
from hand_object_pose.errors import UserError
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.replay.bag import Bag
from hand_object_pose.replay.frame_truth import FrameTruth, Truth
from hand_object_pose.replay.object_truth import POSES, in_another_frame, read_object_truth
from hand_object_pose.replay.stamps import Stamps

_NAME = "ground_truth"


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
        return read_object_truth(bag, topic, frame_id, weights, object_id)
    found: dict[int, FrameTruth] = {}
    for raw in bag.messages([topic]):
        message = bag.content(raw)
        if message.header.frame_id != frame_id:
            raise in_another_frame(bag, topic, frame_id, message.header.frame_id)
        if (truth := _pair_truth(message, weights)) is not None:
            found[bag.stamp(raw)] = truth
    stamps = sorted(found)
    return FrameTruths(topic, stamps, [found[stamp] for stamp in stamps])


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
    if weights.object(thing.object_id).hash != thing.mesh_hash:
        raise UserError(
            f"object '{thing.object_id}': the mesh of the truth differs from the one that the weights "
            f"'{weights.name}' were trained on"
        )
    vertices = np.asarray(hand.vertices, dtype=float).reshape(-1, 3)
    return FrameTruth(thing.object_id, object_pose(thing.pose.pose), vertices, points(hand.joints), hand_side(hand))
