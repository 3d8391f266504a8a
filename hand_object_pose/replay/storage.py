"""What every kind of file with messages offers to those who read it."""

from collections.abc import Collection, Iterator
from typing import Any, Protocol

from rosbags.interfaces import Connection

StoredMessage = tuple[Connection, int, bytes]
"""Connection, time in nanoseconds and serialised message."""


class Storage(Protocol):
    """One file of a bag, or several with an index, open for reading."""

    @property
    def connections(self) -> Any:
        """Topics with their types."""
        ...

    def messages(self, connections: Collection[Connection]) -> Iterator[StoredMessage]:
        """Those of some connections, in the order of the file."""
        ...

    def close(self) -> None:
        """Release what is open."""
