"""One recording, whatever kind of bag it is: topics, raw messages in order, and their content on demand."""

import heapq
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.replay.bag_definitions import types_of
from hand_object_pose.replay.messages import normalised
from hand_object_pose.replay.storage import Storage
from hand_object_pose.replay.zstandard import MAGIC, zstd
from hand_object_pose.ros.stamps import first_stamp


@dataclass(frozen=True)
class RawMessage:
    """A serialised message; ``time``: when it was recorded, nanoseconds."""

    topic: str
    time: int
    data: bytes
    message_type: str


@dataclass(frozen=True)
class Extent:
    """When the first and the last message of some topics were recorded, nanoseconds, and how many of each there are."""

    first: int
    last: int
    counts: dict[str, int]


class Bag:
    """Reads the messages of one recording in the order of time.

    Attributes:
        name: for people.
        types: message type by topic, by their ROS 2 names also for ROS 1.
        store: definitions of these types.
        is_ros1: how messages are serialised.
        announced: how many messages there should be by topic, where it is known to be damaged.
        remarks: what readers should know of how it was read, though nothing is missing.
    """

    def __init__(
        self,
        name: str,
        storages: Sequence[Storage],
        is_ros1: bool = False,
        remarks: Sequence[str] = (),
        left_out: Sequence[str] = (),
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.remarks = list(remarks)
        self.announced: dict[str, int] = {}
        self._storages = list(storages)
        self.is_ros1 = is_ros1
        self._found_damage: dict[str, None] = {}
        self._close = close
        connections = [entry for storage in self._storages for entry in storage.connections]
        self.types = {entry.topic: entry.msgtype for entry in connections}
        self.store, damage = types_of(connections, is_ros1)
        self._known_damage = [*left_out, *damage]

    @property
    def left_out(self) -> list[str]:
        """What could not be read, in words; complete once everything was read."""
        damage = [entry for storage in self._storages for entry in getattr(storage, "damage", ())]
        return list(dict.fromkeys([*self._known_damage, *damage, *self._found_damage]))

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """Messages of some topics, up to what cannot be read."""
        streams = [self._stream(storage, topics) for storage in self._storages]
        return heapq.merge(*streams, key=lambda message: message.time)

    def extent(self, topics: Collection[str]) -> Extent | None:
        """Of the bag by its index, else of the messages on these topics that can be read; None if there are none."""
        counts = dict.fromkeys(topics, 0)
        if all(hasattr(storage, "end_time") for storage in self._storages):
            storages: list[Any] = list(self._storages)
            for entry in (entry for storage in storages for entry in storage.connections if entry.topic in counts):
                counts[entry.topic] += entry.msgcount
            # rosbags' end is the nanosecond after the last message.
            ends = min(storage.start_time for storage in storages), max(storage.end_time for storage in storages) - 1
            return Extent(*ends, counts) if any(counts.values()) else None
        times: list[int] = []
        for message in self.messages(topics):
            times = [*times[:1], message.time]
            counts[message.topic] += 1
        return Extent(times[0], times[-1], counts) if times else None

    def stamp(self, message: RawMessage) -> int:
        """Nanoseconds of the header with which a message begins; nothing else of it is read."""
        if self.is_ros1:
            _, seconds, fraction = struct.unpack_from("<III", message.data)
            return seconds * 10**9 + fraction
        return first_stamp(message.data)

    def content(self, message: RawMessage) -> Any:
        """The message, with the fields that the newest definition of its type has.

        Raises:
            UserError: it cannot be read.
        """
        try:
            if self.is_ros1:
                found = self.store.deserialize_ros1(message.data, message.message_type)
            else:
                found = self.store.deserialize_cdr(message.data, message.message_type)
        except Exception as error:
            # What is raised for bytes that are no message depends on where they stop being one.
            raise UserError(
                f"{self.name}: a message on {message.topic} is not a {message.message_type}: "
                f"{error or type(error).__name__}"
            ) from error
        return normalised(found)

    def close(self) -> None:
        """Close all files and remove what was unpacked."""
        for storage in self._storages:
            storage.close()
        self._close()

    def _stream(self, storage: Storage, topics: Collection[str]) -> Iterator[RawMessage]:
        connections = [entry for entry in storage.connections if entry.topic in topics]
        if not connections:
            return
        last = None
        try:
            for connection, time, data in storage.messages(connections=connections):
                last = time
                yield RawMessage(connection.topic, time, self._unpacked(data), connection.msgtype)
        except UserError:
            raise
        except Exception as error:
            after = "from its beginning" if last is None else f"after {last} ns"
            self._found_damage[f"{self.name}: damaged {after}: {error or type(error).__name__}"] = None

    def _unpacked(self, data: bytes) -> bytes:
        # A serialised ROS 2 message begins with a zero: this is one that was compressed on its own.
        if not self.is_ros1 and bytes(data[:4]) == MAGIC:
            return bytes(zstd().decompress(data))
        return bytes(data)
