import threading

from metrics.lanes import MOST_WAITING, Lane
from tests.waiting import wait_until


def test_calls_are_done_one_after_another_in_order():
    lane, done = Lane("test"), []
    assert all(lane.do(lambda number=number: done.append(number), what="a number") for number in range(20))
    assert done == list(range(20))


def test_a_call_that_fails_is_said_to_have_failed_and_stops_nothing():
    lane = Lane("test")
    assert lane.do(lambda: 1 / 0, what="a mistake") is False
    assert lane.do(lambda: None, what="the next") is True


def test_a_call_that_hangs_keeps_nobody_waiting_and_is_recovered_from():
    lane, hangs, ended = Lane("test"), threading.Event(), threading.Event()
    assert lane.do(lambda: (hangs.wait(30), ended.set()), what="a hanging server") is False
    left_out = []
    for _ in range(MOST_WAITING * 2):
        lane.do(lambda: left_out.append(1), what="left out meanwhile")
    assert left_out == []
    hangs.set()
    assert ended.wait(10)
    # The lane is free once the thread has put the call away, which is a moment after its end.
    wait_until(lambda: lane.do(lambda: None, what="again"), what="the lane to be free again")
