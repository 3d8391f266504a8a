"""How long each stage of the work on one frame takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageTimer:
    """Adds up seconds by stage, by a clock that never jumps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the ``with`` block, also when it raises."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
