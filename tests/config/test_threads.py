"""Threads of which there are only so many, and what becomes of work for which there is none."""

import threading
from concurrent.futures import wait

import pytest

from config.threads import Threads
from tests.waiting import wait_until

PATIENCE_SECONDS = 30


class Tasks:
    """Work that goes on until it is let go, and tells who did it."""

    def __init__(self, threads):
        self.threads, self.go_on = threads, threading.Event()
        self.begun, self.by = [], {}

    def __call__(self, name):
        self.begun.append(name)
        self.by[name] = threading.current_thread()
        assert self.go_on.wait(PATIENCE_SECONDS)
        return name

    def begin(self, *names):
        return [self.threads.submit(self, name) for name in names]


@pytest.fixture
def tasks():
    tasks = Tasks(Threads(2, most_idle=1, name="tested"))
    yield tasks
    tasks.go_on.set()


@pytest.fixture
def no_more_threads(monkeypatch):
    """As when a container has as many as it may have."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    def begin():
        monkeypatch.setattr(threading.Thread, "start", refuse)

    return begin


def outcomes(futures):
    return [future.result(PATIENCE_SECONDS) for future in futures]


def test_so_many_are_done_at_once_and_the_others_in_the_order_in_which_they_came(tasks):
    futures = tasks.begin(*"abcde")
    wait_until(lambda: len(tasks.begun) == 2, what="two to begin")
    assert not any(future.running() for future in futures[2:])
    tasks.go_on.set()
    assert outcomes(futures) == list("abcde")
    assert set(tasks.begun[:2]) == {"a", "b"}
    assert len(set(tasks.by.values())) == 2


def test_one_after_another_is_done_by_the_same_thread(tasks):
    tasks.go_on.set()
    for name in "abc":
        outcomes(tasks.begin(name))
    assert len(set(tasks.by.values())) == 1


def test_no_more_threads_wait_than_may(tasks):
    futures = tasks.begin("a", "b")
    wait_until(lambda: len(tasks.begun) == 2, what="both to begin")
    tasks.go_on.set()
    outcomes(futures)
    wait_until(lambda: sum(thread.is_alive() for thread in tasks.by.values()) == 1, what="one of them to end")
    assert outcomes(tasks.begin("c", "d")) == ["c", "d"]


def test_what_is_given_up_while_it_waits_is_not_done(tasks):
    futures = tasks.begin(*"abcd")
    assert futures[2].cancel()
    tasks.go_on.set()
    wait(futures, PATIENCE_SECONDS)
    assert sorted(tasks.begun) == ["a", "b", "d"]


def test_work_that_breaks_tells_so_and_its_thread_goes_on(tasks):
    with pytest.raises(ZeroDivisionError):
        tasks.threads.submit(lambda: 1 / 0).result(PATIENCE_SECONDS)
    tasks.go_on.set()
    assert outcomes(tasks.begin("a")) == ["a"]


def test_what_no_thread_could_be_started_for_is_never_done(tasks, no_more_threads, monkeypatch):
    no_more_threads()
    with pytest.raises(RuntimeError, match="can't start"):
        tasks.begin("refused")
    monkeypatch.undo()
    tasks.go_on.set()
    assert outcomes(tasks.begin("a", "b", "c")) == ["a", "b", "c"]
    assert "refused" not in tasks.begun


def test_where_no_other_can_be_started_the_next_that_is_free_does_it_once(tasks, no_more_threads, monkeypatch):
    futures = tasks.begin("a")
    wait_until(lambda: tasks.begun == ["a"], what="the first to begin")
    no_more_threads()
    futures += tasks.begin("b")
    monkeypatch.undo()
    tasks.go_on.set()
    assert outcomes(futures) == ["a", "b"]
    assert tasks.begun == ["a", "b"]
    assert len(set(tasks.by.values())) == 1
