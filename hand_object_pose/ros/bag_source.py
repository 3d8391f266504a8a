"""Messages of a bag in the order of their times, read ahead, and repeated with increasing times. Needs no ROS."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rosbags.interfaces import Connection, Nodetype
from rosbags.typesys.store import Typestore

from hand_object_pose.errors import UserError
from hand_object_pose.evaluation.bag_file import open_bag

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
    """A bag whose chosen topics are read again and again.

    Args:
        path: a rosbag2 directory (MCAP or SQLite).
        exclude: topics that are left out.

    Raises:
        UserError: it cannot be read, or holds nothing.
    """

    def __init__(self, path: Path, exclude: tuple[str, ...] = ()) -> None:
        self._path = path
        self._reader = open_bag(path)
        self.connections = [entry for entry in self._reader.connections if entry.topic not in exclude]
        if not any(entry.msgcount for entry in self.connections):
            self.close()
            raise UserError(f"{path}: the bag holds no messages on topics other than {', '.join(exclude) or 'none'}")
        self.start = self._reader.start_time
        # rosbags counts the nanosecond after the last message to the duration.
        length = self._reader.duration - 1
        self.period = length + self._gap(length)

    @property
    def types(self) -> dict[str, str]:
        """Message type of each topic."""
        return {entry.topic: entry.msgtype for entry in self.connections}

    @property
    def store(self) -> Typestore:
        """The types of the bag."""
        return self._reader.typestore

    def close(self) -> None:
        """Close the bag."""
        self._reader.close()

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

    def _gap(self, length: int) -> int:
        """The pause between two rounds: the mean distance of the most frequent topic's messages."""
        most = max(entry.msgcount for entry in self.connections)
        return length // (most - 1) if length > 0 and most > 1 else _LONE_MESSAGE_GAP

    def _fill(self, ahead: queue.Queue, rounds: int, stop: threading.Event) -> None:
        try:
            number = 0
            while not stop.is_set() and (rounds == 0 or number < rounds):
                for connection, time, data in self._reader.messages(self.connections):
                    if stop.is_set():
                        return
                    ahead.put(self._message(connection, time, data, number))
                number += 1
            ahead.put(None)
        except Exception as error:
            ahead.put(UserError(f"{self._path}: the bag is damaged: {error or type(error).__name__}"))

    def _message(self, connection: Connection, time: int, data: bytes, number: int) -> BagMessage:
        shift = number * self.period
        return BagMessage(time - self.start + shift, shift, connection.topic, connection.msgtype, data)


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
