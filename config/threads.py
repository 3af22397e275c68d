"""Threads that do one thing at a time, of which there are only so many."""

import functools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class _Work:
    call: Callable[[], Any]
    done: Future[Any]


class Threads(Executor):
    """At most `most` of them, made as they are needed; what comes while all have something to do waits in order.

    Whichever was free last is taken next, so that a quiet server has few; `most_idle` stay when a rush is over.
    """

    def __init__(self, most: int, *, most_idle: int, name: str) -> None:
        self._most, self._most_idle, self._name = most, most_idle, name
        self._lock = threading.Lock()
        self._made = 0
        self._idle: list[ThreadPoolExecutor] = []
        self._waiting: deque[_Work] = deque()

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Raises RuntimeError where there is no thread and none can be started; then nothing is ever done of it."""
        work = _Work(functools.partial(call, *args, **kwargs), Future())
        with self._lock:
            if self._idle:
                self._begin(self._idle.pop(), work)
            elif self._made == self._most or not self._begins_in_another(work):
                self._waiting.append(work)
        return work.done

    def _begins_in_another(self, work: _Work) -> bool:
        """Whether a thread could be started for it; if not, one of those that there are will be free some time."""
        thread = ThreadPoolExecutor(1, thread_name_prefix=self._name)
        try:
            self._begin(thread, work)
        except RuntimeError:
            # The executor has kept the work before it failed, and would do it later if it were used once more.
            thread.shutdown(wait=False, cancel_futures=True)
            if self._made == 0:
                raise
            return False
        self._made += 1
        return True

    def _begin(self, thread: ThreadPoolExecutor, work: _Work) -> None:
        thread.submit(self._carry_out, thread, work)

    def _carry_out(self, thread: ThreadPoolExecutor, work: _Work) -> None:
        if not work.done.set_running_or_notify_cancel():
            # Nobody waits for it any more.
            self._leave(thread)
            return
        # The thread is free before anybody hears of the outcome: who asks again finds it.
        try:
            outcome = work.call()
        except BaseException as error:
            self._leave(thread)
            work.done.set_exception(error)
        else:
            self._leave(thread)
            work.done.set_result(outcome)

    def _leave(self, thread: ThreadPoolExecutor) -> None:
        with self._lock:
            if self._waiting:
                self._begin(thread, self._waiting.popleft())
            elif len(self._idle) < self._most_idle:
                self._idle.append(thread)
            else:
                self._made -= 1
                thread.shutdown(wait=False)
