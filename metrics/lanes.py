"""Best effort, bounded in time: calls to a server that may hang, for callers that must not.

A lane does one call after another in a thread of its own. Who hands it a call waits until it is done, but never
longer than the lane's patience; while a call hangs, further ones are left out. What is left out or lost must be
made good by somebody else: the sweep for a dispatch, a fresh snapshot for an announcement (`otherwise`).
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from typing import Any, Final, TypeVar

import structlog
from asgiref.sync import sync_to_async

log = structlog.get_logger("earshot.lanes")

PATIENCE_SECONDS: Final = 0.25
# More than ever wait while the server answers; a lane that is this full is stuck.
MOST_WAITING: Final = 64

T = TypeVar("T")
_of_thread = threading.local()
# A server that hangs keeps these waiting, and not the one thread in which all sockets ask the database.
_beside = ThreadPoolExecutor(max_workers=4, thread_name_prefix="beside")


async def beside(call: Callable[..., T], *args: Any) -> T:
    """For sockets: the answer of a call that may block, but not on the database. Raises what it raises."""
    return await sync_to_async(call, thread_sensitive=False, executor=_beside)(*args)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in this thread's own event loop, which stays, and with it the connections that it opened.

    For a lane's calls, whose thread stays too; a loop made anew for each call would connect anew for each.
    """
    runner: asyncio.Runner | None = getattr(_of_thread, "runner", None)
    if runner is None:
        runner = _of_thread.runner = asyncio.Runner()
    try:
        return runner.run(coroutine)
    except BaseException:
        # A connection that broke is not used again.
        del _of_thread.runner
        runner.close()
        raise


class Lane:
    def __init__(self, name: str) -> None:
        self.name = name
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._room = threading.BoundedSemaphore(MOST_WAITING)
        self._is_stuck = False

    def do(self, call: Callable[[], object], *, what: str, otherwise: Callable[[], object] = lambda: None) -> bool:
        """Whether the call was done in time. Never raises; what fails is logged under `what`.

        `otherwise` is called when the call was left out or failed; not when it is only late.
        """
        if self._is_stuck or not self._room.acquire(blocking=False):
            log.warning("left_out", lane=self.name, what=what)
            otherwise()
            return False
        done = self._thread.submit(self._guarded, call, what, otherwise)
        try:
            return done.result(timeout=PATIENCE_SECONDS)
        except Late:
            self._is_stuck = True
            log.warning("late", lane=self.name, what=what)
            return False

    def _guarded(self, call: Callable[[], object], what: str, otherwise: Callable[[], object]) -> bool:
        try:
            call()
            return True
        except Exception as error:
            # Whatever the reason, the work this is about has been done and must not be undone by it.
            log.warning("lost", lane=self.name, what=what, error=type(error).__name__)
            otherwise()
            return False
        finally:
            self._is_stuck = False
            self._room.release()
