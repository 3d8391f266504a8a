"""Several bags at a time, each in a process of its own: nothing is left behind, whatever ends this one."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from hand_object_pose.errors import UserError
from hand_object_pose.parent_death import ending_with_parent
from hand_object_pose.replay.jobs import Job
from hand_object_pose.replay.progress_bars import Report

_POLL = 0.1

Work = Callable[[Job, Report], dict[str, Any]]
"""Does a job, tells of its progress, and returns the bag's entry; must survive the way to another process."""

_queue: list[Any] = []


def _begin_process(queue: Any) -> None:
    """In each process of the pool, which would otherwise wait for ever for a parent that was killed."""
    ending_with_parent()()
    _queue[:] = [queue]


def _work_elsewhere(job: Job, work: Work) -> dict[str, Any]:
    try:
        return work(job, lambda *message: _queue[0].put(message))
    except UserError as error:
        # Its own kind may not survive the way to another process.
        raise UserError(str(error)) from None


def side_by_side(jobs: Sequence[Job], processes: int, work: Work, report: Report) -> dict[str, dict[str, Any]]:
    """Do jobs in so many processes; returns the bags' entries by name.

    Raises:
        UserError: one of the jobs raised it, or a process was killed.
    """
    # Not forked: the libraries' threads would not be copied along.
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    found: dict[str, dict[str, Any]] = {}
    with ProcessPoolExecutor(min(processes, len(jobs)), context, _begin_process, (queue,)) as pool:
        with _interrupts_ignored():
            waiting: dict[Future, str] = {pool.submit(_work_elsewhere, job, work): job.name for job in jobs}
        try:
            while waiting:
                done, _ = wait(waiting, timeout=_POLL, return_when=FIRST_COMPLETED)
                while not queue.empty():
                    report(*queue.get())
                for future in done:
                    found[waiting.pop(future)] = _outcome(future)
        except KeyboardInterrupt:
            for child in multiprocessing.active_children():
                child.terminate()
            raise
    return found


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes that are started meanwhile leave Ctrl-C to this one, and do not say each where it met them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _outcome(future: Future) -> dict[str, Any]:
    try:
        return future.result()
    except BrokenProcessPool:
        raise UserError(
            "a process that evaluated a bag was killed, as the system does when memory runs out: try fewer "
            "--processes; bags that were finished are kept, and the same command goes on with the others"
        ) from None
