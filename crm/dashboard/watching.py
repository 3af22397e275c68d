"""The newest reading for all who watch the same, read once for all of them in each process."""

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import orjson
import structlog
from asgiref.sync import sync_to_async
from django.db import connection

from crm.dashboard.questions import Question
from crm.dashboard.reading import Reading, read

log = structlog.get_logger("earshot.dashboard")

LOOK_SECONDS: Final = 5.0
# Reading takes no more than a fifth of the time: what spans months is read less often.
REST: Final = 4.0
# Beside the thread in which all sockets ask the database, which a store that hangs must not hold up.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="dashboard")

Parts = dict[str, bytes]


class _Shared:
    """One question of one company, for as long as anybody watches it."""

    def __init__(self, tenant_id: int, question: Question) -> None:
        self.tenant_id = tenant_id
        self.question = question
        self.watchers = 0
        self.number = 0
        self.parts: Parts = {}
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._read_on())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def newer_than(self, number: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.number > number)

    async def _read_on(self) -> None:
        while True:
            began = time.monotonic()
            try:
                parts = await sync_to_async(_read, thread_sensitive=False, executor=_threads)(
                    self.tenant_id, self.question
                )
            except Exception:
                # Watchers keep what they have; the next look may do better.
                log.exception("dashboard_not_read", tenant_id=self.tenant_id)
            else:
                async with self._changed:
                    self.parts = parts
                    self.number += 1
                    self._changed.notify_all()
            await asyncio.sleep(max(LOOK_SECONDS, REST * (time.monotonic() - began)))


# Beside the question, whose loop it is: in a process of the server there is one.
_shared: dict[tuple[asyncio.AbstractEventLoop, int, Question], _Shared] = {}


async def readings(tenant_id: int, question: Question) -> AsyncIterator[Parts]:
    """The newest reading, again whenever there is a newer one: part → JSON. Who is slow misses those in between."""
    key = (asyncio.get_running_loop(), tenant_id, question)
    shared = _shared.get(key)
    if shared is None:
        shared = _shared[key] = _Shared(tenant_id, question)
        shared.start()
    shared.watchers += 1
    number = 0
    try:
        while True:
            await shared.newer_than(number)
            number = shared.number
            yield shared.parts
    finally:
        shared.watchers -= 1
        if not shared.watchers:
            shared.stop()
            del _shared[key]


def _read(tenant_id: int, question: Question) -> Parts:
    try:
        return encoded(read(tenant_id, question))
    finally:
        # The thread may rest for long; the pool lends it another.
        connection.close()


def encoded(reading: Reading) -> Parts:
    """Each part by itself, so that what has not changed need not be sent again."""
    parts: dict[str, Any] = dict(reading)
    return {part: orjson.dumps(content, option=orjson.OPT_UTC_Z) for part, content in parts.items()}
