"""Handing over what is to be published: in order, beside the caller, one behind at most, nothing lost at the end."""

import threading
import time

import pytest

from hand_object_pose.ros.delivery import Delivery


@pytest.fixture
def delivery():
    delivery = Delivery()
    delivery.start()
    yield delivery
    delivery.stop()


def test_the_caller_goes_on_while_one_is_delivered_and_waits_before_the_second(delivery):
    may_end, done = threading.Event(), []
    delivery.hand_over(lambda: (may_end.wait(10), done.append("first")))
    assert done == []  # handed over, and the caller is here already
    second = threading.Thread(target=lambda: delivery.hand_over(lambda: done.append("second")))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    may_end.set()
    second.join(10)
    delivery.stop()
    assert done == ["first", "second"]


def test_everything_is_done_in_order_in_another_thread_and_before_it_stops(delivery):
    done = []
    for number in range(20):
        delivery.hand_over(lambda number=number: (time.sleep(0.001), done.append((number, threading.get_ident()))))
    delivery.stop()
    assert [number for number, _ in done] == list(range(20))
    assert {thread for _, thread in done}.isdisjoint({threading.get_ident()})


@pytest.mark.parametrize("begun", [False, True])
def test_before_it_starts_and_after_it_stopped_the_caller_does_it(begun):
    delivery, threads = Delivery(), []
    if begun:
        delivery.start()
        delivery.stop()
    delivery.hand_over(lambda: threads.append(threading.get_ident()))
    assert threads == [threading.get_ident()]


def test_it_starts_again(delivery):
    delivery.stop()
    delivery.start()
    done = []
    delivery.hand_over(lambda: done.append(threading.get_ident()))
    delivery.stop()
    assert done
    assert done != [threading.get_ident()]


def test_an_error_reaches_whoever_hands_over_next(delivery):
    def fail():
        raise OSError("no shared memory")

    delivery.hand_over(fail)
    with pytest.raises(OSError, match="no shared memory"):
        delivery.hand_over(lambda: None)
    delivery.hand_over(lambda: None)
