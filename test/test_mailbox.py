"""The mailbox and the worker: the latest job wins, nothing is lost without a word, a hang ends."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hand_object_pose.ros.mailbox import Mailbox
from hand_object_pose.ros.worker import MAX_ABANDONED, Worker


@given(st.lists(st.sampled_from(["put", "take", "clear"]), max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_mailbox_behaves_like_one_variable_and_loses_nothing_silently(actions):
    mailbox: Mailbox[int] = Mailbox()
    held, gone = None, []
    for number, action in enumerate(actions):
        if action == "put":
            replaced = mailbox.put(number)
            assert replaced == held
            gone.append(replaced)
            held = number
        else:
            out = mailbox.take(timeout=0) if action == "take" else mailbox.clear()
            assert out == held
            gone.append(out)
            held = None
    puts = [number for number, action in enumerate(actions) if action == "put"]
    assert [item for item in gone if item is not None] + ([held] if held is not None else []) == puts


def test_a_taker_is_woken_by_an_item_and_by_closing():
    mailbox: Mailbox[str] = Mailbox()
    taken: list = []
    for expected in ("letter", None):
        thread = threading.Thread(target=lambda: taken.append(mailbox.take(timeout=10)))
        thread.start()
        if expected:
            mailbox.put(expected)
        else:
            mailbox.close()
        thread.join(5)
        assert not thread.is_alive()
    assert taken == ["letter", None]


class Log:
    """Remembers what the worker tells."""

    def __init__(self):
        self.events = []
        self.condition = threading.Condition()

    def add(self, *event):
        with self.condition:
            self.events.append(event)
            self.condition.notify_all()

    def wait_for(self, number):
        with self.condition:
            assert self.condition.wait_for(lambda: len(self.events) >= number, 10), self.events
            return self.events[number - 1]

    def done(self, job, result):
        self.add("done", job, result)

    def failed(self, job, error):
        self.add("failed", job, str(error))

    def hung(self, job, seconds):
        self.add("hung", job)

    def gave_up(self):
        self.add("gave up")


def make(work, timeout=60.0):
    mailbox, log, starts = Mailbox(), Log(), []

    def make_work():
        starts.append(threading.current_thread())
        return work

    worker = Worker(mailbox, make_work, log, timeout)
    worker.start()
    return mailbox, log, starts, worker


def test_results_and_exceptions_are_told_and_work_is_made_anew_after_an_exception():
    mailbox, log, starts, worker = make(lambda job: 1 / job)
    mailbox.put(2)
    assert log.wait_for(1) == ("done", 2, 0.5)
    mailbox.put(0)
    assert log.wait_for(2)[:2] == ("failed", 0)
    mailbox.put(4)
    assert log.wait_for(3) == ("done", 4, 0.25)
    assert len(starts) == 2
    assert worker.stop()


def test_a_hang_is_abandoned_its_late_result_discarded_and_three_are_enough():
    release = threading.Event()

    def work(job):
        release.wait(20)
        return job

    mailbox, log, _, worker = make(work, timeout=0.05)
    for number in range(1, MAX_ABANDONED + 1):
        mailbox.put(number)
        end = time.monotonic() + 10
        while len(log.events) < number and time.monotonic() < end:
            worker.check()
            time.sleep(0.01)
        assert log.wait_for(number) == ("hung", number)
    assert log.wait_for(MAX_ABANDONED + 1) == ("gave up",)
    release.set()
    mailbox.put(99)
    time.sleep(0.1)
    worker.check()
    assert len(log.events) == MAX_ABANDONED + 1
    assert mailbox.clear() == 99


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_is_replaced():
    mailbox, log, _, worker = make(lambda job: job)
    remember, log.done = log.done, lambda job, result: {}["the listener itself fails"]
    mailbox.put(1)
    worker._thread.join(10)
    assert not worker._thread.is_alive()
    log.done = remember
    worker.check()
    mailbox.put(2)
    assert log.wait_for(1) == ("done", 2, 2)
    assert worker.stop()


def test_stopping_while_the_work_is_being_made_tells_of_the_job():
    loading, release = threading.Event(), threading.Event()
    mailbox, log = Mailbox(), Log()

    def make_work():
        loading.set()
        release.wait(20)
        return lambda job: job

    worker = Worker(mailbox, make_work, log, timeout=0.01)
    worker.start()
    mailbox.put(7)
    assert loading.wait(10)
    time.sleep(0.02)
    worker.check()
    assert log.events == []
    assert not worker.stop(timeout=0.05)
    assert log.wait_for(1) == ("hung", 7)
    release.set()
    worker._thread.join(10)
    assert len(log.events) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_job_of_a_thread_that_dies_has_failed():
    def die(job):
        raise BaseException("beyond what is caught")

    mailbox, log, _, worker = make(die)
    first = worker._thread
    mailbox.put(1)
    first.join(10)
    worker.check()
    assert log.wait_for(1) == ("failed", 1, "the inference thread died")
    assert worker._thread is not first
    assert worker.stop()


def test_stopping_while_the_work_hangs_tells_of_the_job():
    release = threading.Event()
    mailbox, log, _, worker = make(lambda job: release.wait(20))
    mailbox.put(7)
    end = time.monotonic() + 10
    while worker._current is None and time.monotonic() < end:
        time.sleep(0.01)
    assert not worker.stop(timeout=0.05)
    assert log.wait_for(1) == ("hung", 7)
    release.set()
