"""The doorman of `/ws/live`: all that a company records now, and what of it changes."""

import asyncio
from contextlib import suppress
from typing import Any, Final

import orjson
import structlog
from channels.db import database_sync_to_async
from django.db import OperationalError
from django.utils import timezone

from audio import live, overview, protocol
from audio.doorman import Doorman
from audio.overview import Row
from audio.protocol import BadFrame

log = structlog.get_logger("earshot.socket")

# What changes is told at once, and what changes in the time after that together.
GATHER_SECONDS: Final = 1.0
# Announcements may get lost, and that nothing arrives nobody announces: all rows are read again this often.
LOOK_SECONDS: Final = 15.0
_TRY_SOON_SECONDS: Final = 2.0


class OverviewConsumer(Doorman):
    """One watcher of all that goes on.

    One task reads and sends: it begins the next look when the last one has been sent. So a slow client gets fewer
    frames, and nothing waits for it but the names of the recordings that have changed.
    """

    capability = "recordings.read_all"
    audits = "recording.listed"

    async def connect(self) -> None:
        self.tenant_id: int = self.scope["user"].tenant_id
        self.group = live.group_of_company(self.tenant_id)
        self.changed: set[str] = set()
        self.has_news = asyncio.Event()
        # Session id → hash of the row as it was told.
        self.told: dict[str, int] = {}
        self.task: asyncio.Task[None] | None = None
        await self.accept()
        # Before the first look, so that nothing falls between the two.
        if not await self.join(self.group):
            return
        self.task = asyncio.create_task(self._tell())

    async def disconnect(self, code: int) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task
        await self.leave(self.group)

    async def take(self, text: str | None) -> None:
        protocol.parse_ping(text)
        await self._send("pong")

    async def recording_changed(self, event: dict[str, Any]) -> None:
        """From the group."""
        if len(self.changed) < overview.MOST_ROWS:
            self.changed.add(event["session_id"])
        self.has_news.set()

    async def rights_read(self, event: dict[str, Any]) -> None:
        """The guard looks after the capability; the company is ours to look after."""
        if event["user"].tenant_id != self.tenant_id:
            await self.close(protocol.CLOSE_FORBIDDEN)

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            is_told = await self._look(is_first=True)
            if not is_told:
                await self.close(protocol.CLOSE_TRY_LATER)
                return
            next_look = loop.time() + LOOK_SECONDS
            gathers_until = loop.time()
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(next_look):
                        await asyncio.sleep(gathers_until - loop.time())
                        await self.has_news.wait()
                gathers_until = loop.time() + GATHER_SECONDS
                if loop.time() < next_look and len(self.changed) < overview.MOST_ROWS:
                    await self._look_at_changed()
                else:
                    is_told = await self._look()
                    next_look = loop.time() + (LOOK_SECONDS if is_told else _TRY_SOON_SECONDS)
        except Exception:
            log.exception("overview_ended")
            await self.close(protocol.CLOSE_TRY_LATER)

    async def _look(self, *, is_first: bool = False) -> bool:
        """Read all rows and tell those that differ from what was told. Whether they could be read."""
        self._take_changed()
        found = await self._read()
        if found is None:
            return False
        ended = self.told.keys() - {row["session_id"] for row in found}
        await self._send_rows(found, ended, reset=is_first)
        return True

    async def _look_at_changed(self) -> None:
        """What cannot be read now, the next look will."""
        asked = self._take_changed()
        found = await self._read(asked)
        if found is not None:
            ended = (asked & self.told.keys()) - {row["session_id"] for row in found}
            await self._send_rows(found, ended)

    def _take_changed(self) -> set[str]:
        asked, self.changed = self.changed, set()
        self.has_news.clear()
        return asked

    async def _read(self, session_ids: set[str] | None = None) -> list[Row] | None:
        try:
            found: list[Row] = await database_sync_to_async(overview.rows)(self.tenant_id, session_ids)
        except OperationalError:
            log.warning("overview_not_read")
            return None
        return found

    async def _send_rows(self, found: list[Row], ended: set[str], *, reset: bool = False) -> None:
        changed = []
        for row in found:
            known = hash(orjson.dumps(row))
            if reset or self.told.get(row["session_id"]) != known:
                self.told[row["session_id"]] = known
                changed.append(row)
        for session_id in ended:
            del self.told[session_id]
        if reset or changed or ended:
            await self._send("sessions", reset=reset, sessions=changed, ended=sorted(ended))

    async def refuse(self, bad: BadFrame) -> None:
        await self._send("error", code=bad.code, message=bad.message)

    async def _send(self, kind: str, **content: Any) -> None:
        frame = {"type": kind, "at": timezone.now(), **content}
        await self.send(text_data=orjson.dumps(frame, option=orjson.OPT_UTC_Z).decode())
