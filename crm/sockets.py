"""Who gets a socket, and for how long.

A consumer carries attributes, as a view does: `capability`, what it takes to be let in, and `audits`, the act that
is written down when it is. What stands here holds for every socket, so that a consumer has only its own errand:

1. Whoever lacks the capability or works in no company is refused in the handshake. Who has
   EARSHOT_SOCKETS_PER_PERSON open in this process already is let in and closed with 1013, so that a client can tell:
   it may come back as it is, later.
2. While the socket is open, its person's rights are read again every EARSHOT_RIGHTS_SECONDS, and at once when they
   are announced to have changed (`live.py`). Who is signed out is shown out with 4401, who has lost the capability
   with 4403.
3. After each such reading the consumer gets the message `rights.read` with the person as they are now, for what
   only it can tell: whether the one thing it shows may still be seen.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from typing import Any, Final

import structlog
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error, OperationalError
from django.urls import URLPattern

from crm import live
from crm.audit import acts
from crm.models import User

log = structlog.get_logger("earshot.socket")

CLOSE_UNAUTHENTICATED: Final = 4401
CLOSE_FORBIDDEN: Final = 4403
# Of the registry of RFC 6455.
CLOSE_TRY_LATER: Final = 1013
# What a client has sent and the consumer has not taken yet; beyond that the client waits.
MOST_WAITING: Final = 16

# Person's id → how many sockets they have open in this process.
_open: Counter[int] = Counter()

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def guarded(routes: Iterable[URLPattern]) -> list[URLPattern]:
    """The same routes with a guard before each consumer."""
    return [URLPattern(route.pattern, SocketGuard(route.callback), route.default_args, route.name) for route in routes]


class SocketGuard:
    """ASGI middleware around one consumer; it needs what SocketAuthentication puts into the scope."""

    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer
        self.capability: str | None = getattr(consumer.consumer_class, "capability", None)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        user = scope["user"]
        if not self._admits(user):
            await send({"type": "websocket.close"})
            return
        if _open[user.pk] >= settings.EARSHOT_SOCKETS_PER_PERSON:
            log.warning("too_many_sockets")
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": CLOSE_TRY_LATER})
            return
        _open[user.pk] += 1
        try:
            await self._receive(scope, receive, send)
        finally:
            _open[user.pk] -= 1
            if not _open[user.pk]:
                del _open[user.pk]

    async def _receive(self, scope: Any, receive: Receive, send: Send) -> None:
        visit = _Visit(self, scope, receive, send)
        async with asyncio.TaskGroup() as beside:
            tasks = [beside.create_task(visit.take_in()), beside.create_task(visit.keep_rights(scope["user"].pk))]
            try:
                await self.consumer(scope, visit.receive, visit.send)
            finally:
                for task in tasks:
                    task.cancel()

    def _admits(self, user: Any) -> bool:
        return (
            isinstance(user, User)
            and user.tenant_id is not None
            and self.capability is not None
            and user.may(self.capability)
        )

    def closes_with(self, user: User | None) -> int | None:
        """The code with which a socket that this person opened is to be closed by now, if it is."""
        if user is None:
            return CLOSE_UNAUTHENTICATED
        return None if self._admits(user) else CLOSE_FORBIDDEN


class _Visit:
    """One open socket: the client's messages and ours in one line to the consumer."""

    def __init__(self, guard: SocketGuard, scope: Any, receive: Receive, send: Send) -> None:
        self.guard = guard
        self.scope = scope
        self._receive = receive
        self._send = send
        self._waiting: asyncio.Queue[Message] = asyncio.Queue(MOST_WAITING)
        self._is_closed = False

    async def receive(self) -> Message:
        return await self._waiting.get()

    async def send(self, message: Message) -> None:
        if self._is_closed:
            # The consumer does not know yet that its visitor was shown out.
            return
        if message["type"] == "websocket.accept" and not await self._is_written_down():
            message = {"type": "websocket.close"}
        if self._is_closed:
            # Rights ended while the act was being written down.
            return
        self._is_closed = message["type"] == "websocket.close"
        try:
            await self._send(message)
        except OSError:
            # The line was cut. The server tells the consumer so in its own time, after what it has received before.
            self._is_closed = True

    async def _is_written_down(self) -> bool:
        """Whether the audit log has it; what cannot be written down is not shown."""
        act = acts.of_view(self.guard.consumer.consumer_class, "GET")
        if act is None:
            return True
        subject = acts.subject_of(act, self.scope["url_route"]["kwargs"])
        try:
            await database_sync_to_async(acts.write)(act, actor=self.scope["user"], subject=subject, via="socket")
        except Error as error:
            # Without its traceback: a driver's message may hold values.
            log.error("audit_entry_lost", act=act, error=type(error).__name__)  # noqa: TRY400
            return False
        return True

    async def take_in(self) -> None:
        while True:
            message = await self._receive()
            await self._waiting.put(message)
            if message["type"] == "websocket.disconnect":
                return

    async def keep_rights(self, user_id: int) -> None:
        changed = asyncio.Event()
        listener = asyncio.create_task(_listen(live.group_of(user_id), changed))
        try:
            while not self._is_closed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(settings.EARSHOT_RIGHTS_SECONDS):
                        await changed.wait()
                changed.clear()
                await self._read_rights()
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener

    async def _read_rights(self) -> None:
        try:
            user = await self.scope["read_user_again"]()
        except OperationalError:
            # Nobody can tell now; the next round will.
            log.warning("rights_not_read")
            return
        if code := self.guard.closes_with(user):
            await self.send({"type": "websocket.close", "code": code})
            return
        self.scope["user"] = user
        await self._waiting.put({"type": "rights.read", "user": user})


async def _listen(group: str, changed: asyncio.Event) -> None:
    """Set the event whenever the group is told something. While the channel layer is away the rounds have to do."""
    layer = get_channel_layer()
    while True:
        channel = await layer.new_channel()
        try:
            await layer.group_add(group, channel)
            while True:
                await layer.receive(channel)
                changed.set()
        except asyncio.CancelledError:
            with suppress(Exception):
                await layer.group_discard(group, channel)
            raise
        except Exception as error:
            # Whatever the layer's driver raises means the same here.
            log.warning("rights_not_heard", error=type(error).__name__)
            await asyncio.sleep(settings.EARSHOT_RIGHTS_SECONDS)
