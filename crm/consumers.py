"""The doorman of `/ws/board`: tells whoever looks at the board, or at one call, what has changed of what they see."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any, Final

import structlog
from channels.db import database_sync_to_async
from django.db import OperationalError
from rest_framework.exceptions import ValidationError

from audio import protocol
from audio.doorman import Doorman
from audio.protocol import BadFrame
from calls import conversations, live
from calls.errors import RetryableCallError
from crm import board, board_news, board_readings
from crm.board_news import News
from metrics import lanes

log = structlog.get_logger("earshot.socket")

CLOSE_BAD_ADDRESS: Final = 4400
# Of RFC 6455's registry: something is wrong here.
CLOSE_BROKEN: Final = 1011
# What changes within this is told together.
TOGETHER_SECONDS: Final = 0.25
# However much goes on, a page fetches everything again no more often.
RELOAD_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 10.0
AWAY_SECONDS: Final = 2.0
# Telling takes no more than a quarter of a watcher's time: with more of them, or a slow store, it is told less often.
REST: Final = 3.0
# Answers that a client has not taken yet; it is told no older ones.
MOST_REPLIES: Final = 50


class BoardConsumer(Doorman):
    """One watcher, with their own rights and filters, of the board or, with `?call=`, of one call.

    It only ever notes what has changed; one task of its own reads that again and tells it, in its own time. So a
    client that takes nothing holds up nothing but itself, and what waits for it is bounded.

    The group is for speed and may lose announcements. Every few seconds their numbers tell whether any is lost, and
    what is counted tells whether something was never announced: the page is told to fetch again then.
    """

    capability = "calls.read"
    audits = "board.watched"

    async def __call__(self, *args: Any) -> None:
        self.telling: asyncio.Task[None] | None = None
        try:
            await super().__call__(*args)
        finally:
            if self.telling is not None:
                self.telling.cancel()

    async def connect(self) -> None:
        self.tenant_id: int = self.scope["user"].tenant_id
        try:
            self.address = board_news.address_of(self.scope["query_string"])
            await self._read_rights()
            is_theirs = self.address.call_id is None or await self._is_there(self.address.call_id)
        except (ValidationError, ValueError):
            # Which is wrong, the board says that is fetched with the same filters.
            await self.accept()
            await self.send(board_news.encode("error", code="bad_address", message="There are no such filters."))
            await self.close(CLOSE_BAD_ADDRESS)
            return
        except (OperationalError, RetryableCallError) as error:
            log.warning("board_not_read", error=type(error).__name__)
            await self.accept()
            await self.close(protocol.CLOSE_TRY_LATER)
            return
        if not is_theirs:
            await self.close(protocol.CLOSE_FORBIDDEN)
            return
        self.replies: deque[str] = deque(maxlen=MOST_REPLIES)
        self.news = News()
        self.heard = live.Heard()
        self.woken = asyncio.Event()
        self.tell_at = self.reload_at = 0.0
        self.look_at = time.monotonic() + LOOK_SECONDS
        await self.accept()
        try:
            await self.channel_layer.group_add(live.group_of(self.tenant_id), self.channel_name)
            self.heard.begin(await lanes.beside(live.latest, self.tenant_id))
            self.told: Any = await self._standing()
        except Exception as error:
            # Whatever the layer's driver or a store raises means the same here.
            log.warning("board_not_joined", error=type(error).__name__)
            await self.close(protocol.CLOSE_TRY_LATER)
            return
        self.doubted: Any = None
        await self.send(board_news.encode("ready", **self._as_of()))
        self.telling = asyncio.create_task(self._tell_on())

    async def disconnect(self, code: int) -> None:
        await self.leave(live.group_of(self.tenant_id))

    # --- What comes in; nothing here waits for the client ---

    async def take(self, text: str | None) -> None:
        protocol.parse_ping(text)
        self._answer("pong")

    async def refuse(self, bad: BadFrame) -> None:
        self._answer("error", code=bad.code, message=bad.message)

    async def calls_changed(self, event: dict[str, Any]) -> None:
        self._hear(event, call_ids=event["call_ids"])

    async def calls_many(self, event: dict[str, Any]) -> None:
        self._hear(event)

    async def calls_statuses(self, event: dict[str, Any]) -> None:
        self.news.has_statuses = True
        self._hear(event, call_ids=())

    async def rights_read(self, event: dict[str, Any]) -> None:
        """See that they may still look at all this; what they see may be other calls than before."""
        before = self.readable
        try:
            await self._read_rights()
            call_id = self.address.call_id
            may_stay = self.scope["user"].tenant_id == self.tenant_id and (
                call_id is None or await self._is_there(call_id)
            )
        except (OperationalError, RetryableCallError):
            # Nobody can tell now; the next round will.
            log.warning("rights_not_read")
            return
        if not may_stay:
            await self.close(protocol.CLOSE_FORBIDDEN)
        elif self.readable != before:
            self._change_much()

    def _hear(self, event: dict[str, Any], *, call_ids: Collection[str] | None = None) -> None:
        self.heard.hear(event["number"])
        only = self.address.call_id
        if call_ids is None:
            self._change_much()
        else:
            self.news.add(call_ids if only is None else [only] if only in call_ids else [])
        self.woken.set()

    def _change_much(self) -> None:
        """Of one call, it can be told anew; of a board it is less work for everybody to fetch it."""
        if self.address.call_id is None:
            self.news.add_much()
        else:
            self.news.add([self.address.call_id])
        self.woken.set()

    def _answer(self, kind: str, **content: Any) -> None:
        self.replies.append(board_news.encode(kind, **content))
        self.woken.set()

    # --- What goes out, all by one task ---

    async def _tell_on(self) -> None:
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(min(self.look_at, self._due()) - time.monotonic(), 0.0)):
                        await self.woken.wait()
                self.woken.clear()
                while self.replies:
                    await self.send(self.replies.popleft())
                if time.monotonic() >= self.look_at:
                    await self._guarded(self._look)
                    self.look_at = time.monotonic() + LOOK_SECONDS
                if time.monotonic() >= self._due():
                    began = time.monotonic()
                    await self._guarded(self._tell)
                    now = time.monotonic()
                    self.tell_at = max(self.tell_at, now + max(TOGETHER_SECONDS, REST * (now - began)))
        except Exception:
            log.exception("board_not_told")
            await self.close(CLOSE_BROKEN)

    def _due(self) -> float:
        """When what is new is to be told."""
        if not self.news:
            return math.inf
        fetches_again = self.news.is_much or self.news.has_statuses
        return max(self.tell_at, self.reload_at) if fetches_again else self.tell_at

    async def _guarded(self, act: Callable[[], Awaitable[None]]) -> None:
        """While a store is away nothing can be told; all may have changed when it is back."""
        try:
            await act()
        except (OperationalError, RetryableCallError) as error:
            log.warning("board_not_read", error=type(error).__name__)
            self._change_much()
            self.tell_at = time.monotonic() + AWAY_SECONDS

    async def _tell(self) -> None:
        news, self.news = self.news, News()
        if news.has_statuses:
            await self._say_of_all("columns")
        elif news.is_much:
            await self._say_of_all("reload")
        call_ids = [] if news.is_much or self._covers(news) else news.call_ids
        if call_ids:
            await self._tell_of(call_ids)

    def _covers(self, news: News) -> bool:
        """Whether what was said of the columns has the page fetch its cards too."""
        return news.has_statuses and self.address.call_id is None

    async def _say_of_all(self, kind: str) -> None:
        self.told, self.doubted = await self._standing(), None
        self.reload_at = time.monotonic() + RELOAD_SECONDS
        await self.send(board_news.encode(kind))

    async def _tell_of(self, call_ids: list[str]) -> None:
        """What is told is what stands then; a change that is announced meanwhile is told next."""
        user, only = self.scope["user"], self.address.call_id
        if only is not None:
            text, self.told = await database_sync_to_async(board_readings.of_one_call)(user, only)
            await self.send(text)
            return
        reading = await board_readings.of_calls(user, self.filters, call_ids, heard=self.heard.newest)
        if reading.is_much:
            self._change_much()
        elif reading.text is not None:
            self.told, self.doubted = reading.totals, None
            await self.send(reading.text)

    # --- Whether anything is missing ---

    async def _look(self) -> None:
        if self.heard.has_missed(await lanes.beside(live.latest, self.tenant_id)):
            log.warning("announcement_missed", tenant_id=self.tenant_id)
            self._change_much()
        elif not self.news:
            await self._compare()

    async def _compare(self) -> None:
        """A difference that is the same as at the last look is no announcement on its way any more."""
        standing = await self._standing()
        if standing == self.told:
            self.doubted = None
        elif self.heard.is_deaf or standing == self.doubted:
            self._change_much()
        else:
            self.doubted = standing

    async def _standing(self) -> Any:
        """What tells cheaply whether something has changed: what is in each column, or when the call last changed."""
        user, call_id = self.scope["user"], self.address.call_id
        if call_id is not None:
            return await database_sync_to_async(conversations.last_changes)(user, [call_id])
        return await database_sync_to_async(board.totals)(user, self.filters)

    def _as_of(self) -> dict[str, Any]:
        """Of one call, when it last changed: by that a page knows whether what it read before is what stands."""
        call_id = self.address.call_id
        return {} if call_id is None else {"updated_at": self.told.get(call_id)}

    async def _read_rights(self) -> None:
        """Raises ValidationError for filters that there are not."""
        user = self.scope["user"]
        self.readable = conversations.all_readable_by(user)
        self.filters = await database_sync_to_async(board.filters_of)(user, self.address.query)

    async def _is_there(self, call_id: str) -> bool:
        user = self.scope["user"]
        return bool(await database_sync_to_async(board.cards)(user, self.filters, [call_id]))
