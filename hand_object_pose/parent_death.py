"""Child processes that end when their parent is killed outright, which tells nobody (Linux)."""

import ctypes
import signal
import sys
from collections.abc import Callable

_SET_PARENT_DEATH_SIGNAL = 1


def ending_with_parent() -> Callable[[], None]:
    """What a child has to call at its start; elsewhere than on Linux it does nothing."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    # Loaded before a fork: after it, only async-signal-safe work may be done.
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def prepare() -> None:
        prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)

    return prepare
