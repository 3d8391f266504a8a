"""Publishing beside the estimation of the next image, which leaves the interpreter while its network runs."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Delivery:
    """Does what it is handed in one thread of its own and in order, and is never more than one behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._previous: Future[None] | None = None

    def start(self) -> None:
        """Begin; until then, and after ``stop``, everything is done in the caller's thread."""
        with self._lock:
            self._thread = ThreadPoolExecutor(1, "delivery")
            self._previous = None

    def stop(self) -> None:
        """Do what is left, and end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown()

    def hand_over(self, action: Callable[[], None]) -> None:
        """Have an action done; waits while the one before is not done, and raises what that one raised."""
        with self._lock:
            if self._thread is not None:
                previous, self._previous = self._previous, None
                if previous is not None:
                    previous.result()
                self._previous = self._thread.submit(action)
                return
        action()
