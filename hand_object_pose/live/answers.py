"""What a live node answered, moved back to the stamps of the bag that was played."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from hand_object_pose.bags.bag_file import new_bag, open_bag
from hand_object_pose.bags.bag_types import typestore
from hand_object_pose.estimation.backend import WeightsInfo
from hand_object_pose.estimation.frame import Frame
from hand_object_pose.estimation.result import FrameResult
from hand_object_pose.live.recording import HeardEstimate
from hand_object_pose.ros.stamps import shift_first_stamp

# Of the topics that a node publishes for each image, those that begin with the image's header.
_COPIED = ("estimate", "object_pose")


class LiveAnswers:
    """``Answers``: what was heard for each image.

    Args:
        estimates: in order.
        shift: nanoseconds that the player added to all stamps.
        weights: of the node; device: where its network ran, in words.
    """

    def __init__(self, estimates: Sequence[HeardEstimate], shift: int, weights: WeightsInfo, device: str) -> None:
        self._heard = {heard.stamp - shift: heard for heard in estimates}
        self.weights = weights
        self.device = device
        self.backend: object = None

    def reset(self) -> None:
        """What was heard stays the same."""

    def answer(self, stamp: int, frame: Frame) -> FrameResult | None:
        """What was heard for the image with that stamp, nanoseconds; None if nothing was."""
        heard = self._heard.get(stamp)
        if heard is None:
            return None
        pairs = [heard.pair] if heard.pair is not None else []
        return FrameResult(pairs, heard.times)


def write_estimates(path: Path, heard: Path, shift: int) -> None:
    """Write a bag of what was published for images, with the stamps of the bag that was played.

    Args:
        path: the new bag's directory.
        heard: the recorder's bag.
        shift: nanoseconds that the player added to all stamps.
    """
    store = typestore()
    with new_bag(path) as writer, closing(open_bag(heard)) as reader:
        chosen = [entry for entry in reader.connections if entry.topic.rpartition("/")[2] in _COPIED]
        copies = {entry.id: writer.add_connection(entry.topic, entry.msgtype, typestore=store) for entry in chosen}
        for connection, time, data in reader.messages(chosen):
            writer.write(copies[connection.id], time - shift, shift_first_stamp(data, -shift))
