"""Reads an MCAP file from its beginning, record by record, as far as it goes: for files whose end is missing.

A recorder that is killed leaves no index, which readers need; everything before the cut can still be read.
Format: https://mcap.dev/spec
"""

import struct
import zlib
from collections.abc import Collection, Iterator
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import lz4.frame
from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition, MessageDefinitionFormat

from hand_object_pose.errors import UserError
from hand_object_pose.replay.storage import StoredMessage
from hand_object_pose.replay.zstandard import beginning, zstd

_MAGIC = b"\x89MCAP0\r\n"
_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK = 0x03, 0x04, 0x05, 0x06
_END_OF_DATA = (0x02, 0x0F)
_FORMATS = {"ros2msg": MessageDefinitionFormat.MSG, "ros2idl": MessageDefinitionFormat.IDL}

Schemas = dict[int, tuple[str, MessageDefinition]]
"""Name and definition of a message type by its number in the file."""


class ScannedMcap:
    """The messages of an MCAP file that has no usable index, in the order of its chunks.

    Attributes:
        connections: topics with their types, of everything that could be read.
        damage: what could not be read, in words, once for each time that it was met; empty if nothing is missing.

    Raises:
        UserError: it is no MCAP file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damage: list[str] = []
        self._channels: dict[int, Connection] = {}
        for _ in self._messages():
            pass

    @property
    def connections(self) -> list[Connection]:
        """Topics that hold messages."""
        return list(self._channels.values())

    def messages(self, connections: Collection[Connection]) -> Iterator[StoredMessage]:
        """Messages of some connections."""
        wanted = {connection.id for connection in connections}
        return (entry for entry in self._messages() if entry[0].id in wanted)

    def close(self) -> None:
        """Nothing stays open."""

    def _messages(self) -> Iterator[StoredMessage]:
        schemas: Schemas = {}
        with self._path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise UserError(f"{self._path}: expected an MCAP file, but it does not begin like one")
            for code, payload, whole in self._records(file):
                if code in _END_OF_DATA:
                    return
                if code != _CHUNK:
                    yield from self._understood(code, payload, schemas)
                    continue
                found: list[StoredMessage] = []
                for inner, content, _ in self._records(BytesIO(self._chunk(payload, whole)), inside=True):
                    found += self._understood(inner, content, schemas)
                yield from sorted(found, key=lambda entry: entry[1])
            if not self.damage:
                self.damage.append(f"{self._path.name}: the file ends without an end: its recorder was interrupted")

    def _records(self, file: BinaryIO, inside: bool = False) -> Iterator[tuple[int, bytes, bool]]:
        """Code, content, and whether it is complete, of each record."""
        size = file.seek(0, SEEK_END)
        file.seek(0 if inside else len(_MAGIC))
        while len(head := file.read(9)) == 9:
            code, length = struct.unpack("<BQ", head)
            place = file.tell()
            # A damaged length may be larger than any memory.
            payload = file.read(min(length, size - place))
            if len(payload) == length:
                yield code, payload, True
                continue
            if not inside:
                self.damage.append(
                    f"{self._path.name}: cut inside a record: of {length} bytes from byte {place} on, {len(payload)} "
                    "are there; everything after them is missing"
                )
            if code == _CHUNK:
                yield code, payload, False
            return

    def _chunk(self, payload: bytes, whole: bool) -> bytes:
        """The records of a chunk; of one that is cut or damaged, those before the damage."""
        try:
            size, checksum = struct.unpack_from("<QI", payload, 16)
            compression, place = _text(payload, 28)
            data = payload[place + 8 :]
        except (struct.error, UnicodeDecodeError):
            return b""
        if compression not in ("", "lz4", "zstd"):
            raise UserError(f"{self._path}: chunks compressed with '{compression}' are not supported")
        raw = data
        if compression == "lz4":
            raw = beginning(data, lz4.frame.LZ4FrameDecompressor)
        if compression == "zstd":
            raw = beginning(data, zstd().ZstdDecompressor)
        if whole and (len(raw) != size or (checksum and zlib.crc32(raw) != checksum)):
            first, last = struct.unpack_from("<QQ", payload)
            self.damage.append(f"{self._path.name}: the chunk from {first} to {last} ns is damaged")
        return raw

    def _understood(self, code: int, payload: bytes, schemas: Schemas) -> list[StoredMessage]:
        """``_entry``; nothing of a record that is damaged."""
        try:
            return self._entry(code, payload, schemas)
        except (struct.error, UnicodeDecodeError):
            self.damage.append(f"{self._path.name}: a record is damaged, and was left out")
            return []

    def _entry(self, code: int, payload: bytes, schemas: Schemas) -> list[StoredMessage]:
        """Learn a schema or a channel; the message of a message record."""
        if code == _SCHEMA:
            (number,) = struct.unpack_from("<H", payload)
            name, place = _text(payload, 2)
            encoding, place = _text(payload, place)
            text, _ = _text(payload, place)
            kind = _FORMATS.get(encoding, MessageDefinitionFormat.NONE)
            schemas[number] = (name, MessageDefinition(kind, text))
        elif code == _CHANNEL:
            number, schema = struct.unpack_from("<HH", payload)
            topic, _ = _text(payload, 4)
            name, definition = schemas.get(schema, ("", MessageDefinition(MessageDefinitionFormat.NONE, "")))
            self._channels.setdefault(number, _connection(number, topic, name, definition, self))
        elif code == _MESSAGE:
            number, _, time = struct.unpack_from("<HIQ", payload)
            if number in self._channels:
                return [(self._channels[number], time, payload[22:])]
        return []


def _connection(number: int, topic: str, name: str, definition: MessageDefinition, owner: Any) -> Connection:
    return Connection(number, topic, name, definition, "", 0, ConnectionExtRosbag2("cdr", []), owner)


def _text(payload: bytes, place: int) -> tuple[str, int]:
    """A string with its length before it, and where it ends."""
    (length,) = struct.unpack_from("<I", payload, place)
    end = place + 4 + length
    return payload[place + 4 : end].decode(), end
