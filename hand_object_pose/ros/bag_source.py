"""Messages of a bag in the order of their times, read ahead, and repeated with increasing times. Needs no ROS."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rosbags.interfaces import Nodetype
from rosbags.typesys.store import Typestore

from hand_object_pose.errors import UserError
from hand_object_pose.replay.bag import Bag, Extent, RawMessage
from hand_object_pose.replay.bag_files import open_recording

HEADER = "std_msgs/msg/Header"
_AHEAD = 60
_LONE_MESSAGE_GAP = 33_333_333


@dataclass(frozen=True)
class BagMessage:
    """One serialised message.

    Attributes:
        time: nanoseconds since the first message of the first round.
        shift: nanoseconds by which this round's times exceed those of the bag.
    """

    time: int
    shift: int
    topic: str
    message_type: str
    data: bytes


class BagSource:
    """A bag whose chosen topics are read again and again; of a damaged one, what can be read.

    Args:
        path: a rosbag2 of any kind: see ``replay.bag_files``.
        exclude: topics that are left out.

    Raises:
        UserError: it cannot be read, or holds nothing.
    """

    def __init__(self, path: Path, exclude: tuple[str, ...] = ()) -> None:
        self._bag = open_recording(path)
        self.types = {topic: kind for topic, kind in self._bag.types.items() if topic not in exclude}
        try:
            extent = self._checked_extent(path, exclude)
        except UserError:
            self.close()
            raise
        self.start = extent.first
        length = extent.last - extent.first
        self.period = length + _gap(length, max(extent.counts.values()))

    @property
    def store(self) -> Typestore:
        """The types of the bag."""
        return self._bag.store

    @property
    def left_out(self) -> list[str]:
        """What could not be read, in words."""
        return self._bag.left_out

    def close(self) -> None:
        """Close the bag."""
        self._bag.close()

    def _checked_extent(self, path: Path, exclude: tuple[str, ...]) -> Extent:
        check_playable(self._bag, path)
        extent = self._bag.extent(list(self.types))
        if extent is None:
            damage = "".join(f"; {words}" for words in self.left_out)
            raise UserError(
                f"{path}: the bag holds no messages on topics other than {', '.join(exclude) or 'none'}{damage}"
            )
        return extent

    def messages(self, rounds: int = 1) -> Iterator[BagMessage]:
        """All messages of so many rounds (0: without end), read ahead by a thread."""
        ahead: queue.Queue[BagMessage | Exception | None] = queue.Queue(_AHEAD)
        stop = threading.Event()
        thread = threading.Thread(target=self._fill, args=(ahead, rounds, stop), daemon=True)
        thread.start()
        try:
            while (message := ahead.get()) is not None:
                if isinstance(message, Exception):
                    raise message
                yield message
        finally:
            stop.set()
            while thread.is_alive():
                _drain(ahead)
                thread.join(0.01)

    def _fill(self, ahead: queue.Queue, rounds: int, stop: threading.Event) -> None:
        try:
            number = 0
            while not stop.is_set() and (rounds == 0 or number < rounds):
                for message in self._bag.messages(list(self.types)):
                    if stop.is_set():
                        return
                    ahead.put(self._played(message, number))
                number += 1
            ahead.put(None)
        except Exception as error:
            ahead.put(error)

    def _played(self, message: RawMessage, number: int) -> BagMessage:
        shift = number * self.period
        return BagMessage(message.time - self.start + shift, shift, message.topic, message.message_type, message.data)


def check_playable(bag: Bag, path: Path) -> None:
    """Refuse what ROS 2 cannot be given as it is.

    Raises:
        UserError: saying how to convert it.
    """
    if bag.is_ros1:
        raise UserError(
            f"{path}: a bag of ROS 1 cannot be played into ROS 2 as it is; convert it first: "
            f"rosbags-convert --src {path} --dst {path.with_suffix('')}"
        )


def _gap(length: int, most: int) -> int:
    """The pause between two rounds: the mean distance of the most frequent topic's messages."""
    return length // (most - 1) if length > 0 and most > 1 else _LONE_MESSAGE_GAP


def begins_with_header(store: Typestore, message_type: str) -> bool:
    """Whether a type's first field is a std_msgs/Header."""
    fields = store.fielddefs[message_type][1]
    return bool(fields) and fields[0][1] == (Nodetype.NAME, HEADER)


def holds_inner_headers(store: Typestore, message_type: str) -> bool:
    """Whether a header lies anywhere but at the beginning."""
    fields = store.fielddefs[message_type][1]
    inner = fields[1:] if begins_with_header(store, message_type) else fields
    return any(_holds_header(store, definition) for _, definition in inner)


def _holds_header(store: Typestore, definition: tuple) -> bool:
    kind, detail = definition
    if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
        return _holds_header(store, detail[0])
    if kind != Nodetype.NAME:
        return False
    return detail == HEADER or any(_holds_header(store, inner) for _, inner in store.fielddefs[detail][1])


def _drain(ahead: queue.Queue) -> None:
    while not ahead.empty():
        ahead.get_nowait()
