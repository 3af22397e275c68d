"""The doorman of `/ws/dashboard`: the newest reading of what its watcher asks, and of it what has changed."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
import structlog
from rest_framework.exceptions import ValidationError

from audio import protocol
from audio.doorman import Doorman
from audio.protocol import BadFrame
from crm.dashboard import questions, watching

log = structlog.get_logger("earshot.socket")

CLOSE_BAD_ADDRESS: Final = 4400
# Of RFC 6455's registry: something is wrong here.
CLOSE_BROKEN: Final = 1011
# A dashboard's address has half a dozen at most.
MOST_PARAMETERS: Final = 50
# A new time alone is no news.
_NO_NEWS: Final = frozenset({"at", "timezone"})


class DashboardConsumer(Doorman):
    """One watcher of one question. Frames are `reading` with the parts that differ from what was told, `pong`, `error`.

    A watcher that takes nothing holds up nobody: it gets the newest reading when it has taken the last one.
    """

    capability = "metrics.read"
    audits = "dashboard.watched"

    async def connect(self) -> None:
        self.tenant_id: int = self.scope["user"].tenant_id
        self.task: asyncio.Task[None] | None = None
        await self.accept()
        try:
            text = self.scope["query_string"].decode("latin-1")
            query = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
            query.pop("ticket", None)
            question = questions.question_of(query)
        except (ValidationError, ValueError):
            await self._send("error", code="bad_address", message="There is no such question.")
            await self.close(CLOSE_BAD_ADDRESS)
            return
        self.task = asyncio.create_task(self._tell(question))

    async def disconnect(self, code: int) -> None:
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task

    async def take(self, text: str | None) -> None:
        protocol.parse_ping(text)
        await self._send("pong")

    async def refuse(self, bad: BadFrame) -> None:
        await self._send("error", code=bad.code, message=bad.message)

    async def rights_read(self, event: dict[str, Any]) -> None:
        if event["user"].tenant_id != self.tenant_id:
            await self.close(protocol.CLOSE_FORBIDDEN)

    async def _tell(self, question: questions.Question) -> None:
        told: watching.Parts = {}
        try:
            async for parts in watching.readings(self.tenant_id, question):
                changed = {part: content for part, content in parts.items() if told.get(part) != content}
                # What is missing now is told anew when it is back, though it be the same.
                told = dict(parts)
                if changed.keys() - _NO_NEWS:
                    await self._send("reading", **{part: orjson.Fragment(content) for part, content in changed.items()})
        except Exception:
            log.exception("dashboard_not_told")
            await self.close(CLOSE_BROKEN)

    async def _send(self, kind: str, **content: Any) -> None:
        frame: Mapping[str, Any] = {"type": kind, **content}
        await self.send(text_data=orjson.dumps(frame, option=orjson.OPT_UTC_Z).decode())
