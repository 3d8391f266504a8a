"""The inference thread: takes jobs from a mailbox, survives exceptions, and is abandoned when it hangs."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hand_object_pose.ros.mailbox import Mailbox

Job = TypeVar("Job")
Result = TypeVar("Result")
JobIn = TypeVar("JobIn", contravariant=True)
ResultIn = TypeVar("ResultIn", contravariant=True)

MAX_ABANDONED = 3


class Listener(Protocol[JobIn, ResultIn]):
    """Who is told what became of a job. Called in the worker's thread, or in that of ``check``."""

    def done(self, job: JobIn, result: ResultIn) -> None:
        """The work returned a result."""

    def failed(self, job: JobIn, error: BaseException) -> None:
        """The work raised; the worker was restarted."""

    def hung(self, job: JobIn, seconds: float) -> None:
        """The work did not return in time and was abandoned; a late result is discarded."""

    def gave_up(self) -> None:
        """Too many workers hung; none is left."""


@dataclass(frozen=True)
class _Taken(Generic[Job]):
    """A job that left the mailbox and has no outcome yet; ``watched`` once the work itself has begun."""

    job: Job
    since: float
    watched: bool = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.since


class Worker(Generic[Job, Result]):
    """Runs ``work(job)`` for the latest job of a mailbox, in a thread of its own.

    Args:
        mailbox: where jobs come from.
        make_work: returns the function that works. Called in the new thread at each start, since what a hung
            thread still holds cannot be used again.
        listener: is told the outcome of every job that was taken.
        timeout: seconds after which a job counts as hung.
    """

    def __init__(
        self,
        mailbox: Mailbox[Job],
        make_work: Callable[[], Callable[[Job], Result]],
        listener: Listener[Job, Result],
        timeout: float,
    ) -> None:
        self._mailbox = mailbox
        self._make_work = make_work
        self._listener = listener
        self.timeout = timeout
        self._lock = threading.Lock()
        self._generation = 0
        self._abandoned = 0
        self._current: _Taken[Job] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        with self._lock:
            self._generation += 1
            self._current = None
            arguments = (self._generation,)
            self._thread = threading.Thread(target=self._loop, args=arguments, name="inference", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """Close the mailbox and wait for the thread; False if it still hangs: its result will be discarded."""
        self._mailbox.close()
        if self._thread is not None:
            self._thread.join(timeout)
        with self._lock:
            self._generation += 1
            unfinished, self._current = self._current, None
        if unfinished is not None:
            self._listener.hung(unfinished.job, unfinished.seconds)
        return unfinished is None

    def check(self) -> None:
        """Abandon a worker that hangs, replace one that died; to be called at intervals by a steady timer."""
        self._replace_dead()
        with self._lock:
            hanging = self._current
            if hanging is None or not hanging.watched or hanging.seconds < self.timeout:
                return
            self._current = None
            self._generation += 1
            self._abandoned += 1
        self._listener.hung(hanging.job, hanging.seconds)
        if self._hopeless:
            self._listener.gave_up()
        else:
            self.start()

    @property
    def _hopeless(self) -> bool:
        return self._abandoned >= MAX_ABANDONED

    def _replace_dead(self) -> None:
        if self._thread is None or self._thread.is_alive() or self._mailbox.closed or self._hopeless:
            return
        with self._lock:
            unfinished, self._current = self._current, None
        self.start()
        if unfinished is not None:
            self._listener.failed(unfinished.job, RuntimeError("the inference thread died"))

    def _loop(self, generation: int) -> None:
        work: Callable[[Job], Result] | None = None
        while generation == self._generation and not self._mailbox.closed:
            job = self._mailbox.take(timeout=1.0)
            if job is None:
                continue
            # Loading may take long; only the work itself is under the watchdog.
            self._claim(generation, _Taken(job, time.monotonic()))
            try:
                work = work or self._make_work()
                self._claim(generation, _Taken(job, time.monotonic(), watched=True))
                result = work(job)
            except Exception as error:
                work = None
                self._finish(generation, self._listener.failed, job, error)
            else:
                self._finish(generation, self._listener.done, job, result)

    def _claim(self, generation: int, taken: _Taken[Job]) -> None:
        with self._lock:
            if generation == self._generation:
                self._current = taken

    def _finish(self, generation: int, tell: Callable, job: Job, outcome: object) -> None:
        with self._lock:
            if generation != self._generation:
                return
            self._current = None
        tell(job, outcome)
