"""Child processes of a playback: each ends with one SIGINT, and none outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from hand_object_pose.errors import UserError
from hand_object_pose.parent_death import ending_with_parent

_STOP_LIMIT = 20.0
_POLL = 0.05
_LOG_LINES = 12


class ChildFailedError(UserError):
    """A process that is needed ended too early, or badly."""


class Child:
    """A Python module that runs in a process and session of its own, so that Ctrl-C reaches its parent alone.

    Args:
        name: for messages; the log is ``<name>.log`` in ``logs``.
        arguments: after ``python -m``.
        logs: directory for standard output and errors.
        environment: the process' whole environment.
    """

    def __init__(self, name: str, arguments: Sequence[str], logs: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=ending_with_parent(),
            )

    def __enter__(self) -> "Child":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._interrupt()
            self._wait_for(_STOP_LIMIT if kind is None else 5.0)
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def pid(self) -> int:
        """The process' id."""
        return self._process.pid

    def check_running(self) -> None:
        """See that it still runs.

        Raises:
            ChildFailedError: it has ended; with the end of its log.
        """
        if self._process.poll() is not None:
            raise ChildFailedError(f"{self.name} ended with status {self._process.returncode}; {self._excerpt()}")

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.poll()

    def finished(self, limit: float, watched: Sequence["Child"] = ()) -> int:
        """Wait until it ends by itself; meanwhile see that others run. Returns 0.

        Raises:
            ChildFailedError: it ended with another status or not within ``limit`` seconds, or another one ended.
        """
        end = time.monotonic() + limit
        while self._process.poll() is None:
            for other in watched:
                other.check_running()
            if time.monotonic() > end:
                raise ChildFailedError(f"{self.name} did not end within {limit:.0f} s; {self._excerpt()}")
            time.sleep(_POLL)
        return self._clean_exit()

    def stop(self) -> int:
        """End it with a single SIGINT. Returns its exit status, 0.

        Raises:
            ChildFailedError: it ended with another status, or not at all.
        """
        self.check_running()
        self._interrupt()
        if not self._wait_for(_STOP_LIMIT):
            raise ChildFailedError(f"{self.name} did not end within {_STOP_LIMIT:.0f} s of SIGINT; {self._excerpt()}")
        return self._clean_exit()

    def has_mapped(self, part: str) -> bool:
        """Whether a file whose name holds ``part`` is mapped into its memory, such as a shared library (Linux)."""
        try:
            maps = Path(f"/proc/{self.pid}/maps").read_text()
        except OSError:
            return False
        return any(part in line.rpartition("/")[2] for line in maps.splitlines())

    def _interrupt(self) -> None:
        # To the process alone: its group would pass it on a second time.
        self._process.send_signal(signal.SIGINT)

    def _wait_for(self, limit: float) -> bool:
        try:
            self._process.wait(limit)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _clean_exit(self) -> int:
        if self._process.returncode != 0:
            raise ChildFailedError(f"{self.name} ended with status {self._process.returncode}; {self._excerpt()}")
        return 0

    def _excerpt(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        shown = "\n".join(f"    {line}" for line in lines) or "    (empty)"
        return f"the end of {self.log}:\n{shown}"


@contextmanager
def signals_raise() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does, so that children are not left behind."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
