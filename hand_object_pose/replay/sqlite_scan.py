"""Reads the messages of a damaged SQLite bag in the order in which they were written, up to the damage."""

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition, MessageDefinitionFormat

from hand_object_pose.errors import UserError
from hand_object_pose.replay.storage import StoredMessage


class ScannedSqlite:
    """What can be read of a SQLite bag that is damaged; our types must do, whatever definitions it held.

    Attributes:
        connections: all of its topics.
        damage: what could not be read, in words, once for each time that it was met.

    Raises:
        UserError: not even its list of topics can be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.damage: list[str] = []
        try:
            with closing(self._open()) as database:
                topics = database.execute("SELECT id, name, type FROM topics ORDER BY id").fetchall()
        except sqlite3.Error as error:
            raise UserError(f"{path}: expected a rosbag2 in SQLite, found: {error}") from error
        nothing = MessageDefinition(MessageDefinitionFormat.NONE, "")
        self.connections = [
            Connection(number, name, kind, nothing, "", 0, ConnectionExtRosbag2("cdr", []), self)
            for number, name, kind in topics
        ]

    def messages(self, connections: Collection[Connection]) -> Iterator[StoredMessage]:
        """Messages of some connections, as far as they can be read."""
        wanted = {connection.id: connection for connection in connections}
        count = 0
        with closing(self._open()) as database:
            try:
                # Without a sort, which would have to read everything first.
                for topic, time, data in database.execute("SELECT topic_id, timestamp, data FROM messages"):
                    count += 1
                    if topic in wanted:
                        yield wanted[topic], time, data
            except sqlite3.Error as error:
                self.damage.append(f"{self._path.name}: damaged after {count} messages, the rest is missing: {error}")

    def close(self) -> None:
        """Nothing stays open."""

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        # Without it, SQLite refuses a file that is shorter than its header says, even for the pages that are there.
        database.execute("PRAGMA writable_schema=ON")
        return database
