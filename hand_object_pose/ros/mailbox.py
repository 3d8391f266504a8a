"""A mailbox that holds one item: the latest wins, and no queue ever grows."""

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """One slot between a thread that puts and a thread that takes."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> Item | None:
        """Leave an item; returns the one it replaces, which nobody will ever take."""
        with self._condition:
            replaced, self._item = self._item, item
            self._condition.notify()
            return replaced

    def take(self, timeout: float | None = None) -> Item | None:
        """Wait for an item, ``timeout`` seconds at most; None on time-out or once the mailbox is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            return item

    def clear(self) -> Item | None:
        """Empty the slot; returns what was in it."""
        with self._condition:
            item, self._item = self._item, None
            return item

    def close(self) -> Item | None:
        """Wake all takers for good; returns what was in the slot."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            item, self._item = self._item, None
            return item

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed
