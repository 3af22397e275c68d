"""The gate in front of Django: what it turns away costs no disk, no thread and no database.

Django reads a whole body, to disk past a few megabytes, before any view runs. So three things are looked at
before it and while it comes in:

1. whether a browser sends it from another site's page with our cookie,
2. how long it is: by Content-Length, and by counting where there is none,
3. how slowly it comes.

What changes something, and has come whole, waits in line for its turn: so many are worked on at once. More at once
would not be done sooner, but all of them late, and without a connection to the database in the end. A turn ends when
the answer is there, and not when it has been read. Whoever waits costs room for a body, in memory if it is small and in
/tmp if not, so that the line has a longest length in bytes. So do all whose bodies are still on their way, of whom one
does not even know yet who they are: what is held of everybody together is counted as it comes, from the first byte to
the answer. Where there is no more room, whoever has been sending for long gives way, since a few bytes now and then
would otherwise keep all others out; without such the next bytes are refused.

What is turned away is logged and counted like any other request, by its shape alone: never a byte of what it held.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import structlog

from config.errors import shape
from config.logs import request_id_of
from config.security import headers_of_every_answer
from crm import origins
from metrics import timings

log = structlog.get_logger("earshot.gate")

# How much of a refused body is read, and thrown away, so that the answer is heard.
DRAIN_BYTES = 64 * 2**20
DRAIN_SECONDS = 5.0
# When to come back that waited in line for too long.
BUSY_RETRY_SECONDS = 5
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
# What is sent by POST and only reads, or costs next to nothing: nobody waits in line to look at something.
OUT_OF_LINE: Final = frozenset({"/crm/calls/get-grouped-by-status", "/api/tickets"})
# What somebody in line costs beside the body: the headers, the connection, the work that waits.
WAITING_BYTES: Final = 16 * 2**10

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """`pause_seconds` is the longest between two pieces of a body, `body_seconds` the longest for all of it.

    `at_once` is how many requests that change something are worked on at the same time, `line_seconds` the longest
    that one waits for its turn, `line_bytes` how much all of them together may hold meanwhile. `held_bytes` is how much
    of all bodies may be here at once: those that come, those in line and those that are worked on. Where that is not
    enough, who has been sending for `gives_way_seconds` gives way to whoever comes.
    """

    body_bytes: int
    pause_seconds: float
    body_seconds: float
    at_once: int = 16
    line_seconds: float = 20.0
    # The usual chunks of a thousand recorders at once, and half of what a container has in /tmp.
    line_bytes: int = 256 * 2**20
    # A line as long as may be, and half as much again for what comes meanwhile. With no line it is more than the usual
    # chunks of a thousand recorders at the same moment. It is three quarters of what a container has in /tmp.
    held_bytes: int = 384 * 2**20
    # A chunk of half a minute that takes longer does not keep up with its recording. And to keep all of the room, one
    # has to send as much as it holds anew each time, which is a flood.
    gives_way_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    code: str
    message: str
    retry_seconds: int | None = None


class Refused(Exception):
    """What comes is not let in, or not any further; `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


@dataclass(slots=True, eq=False)
class Came:
    """What has come of a request so far, and how much of it is still held.

    `sends_since` is when the first of several pieces came, by the loop's clock, and `pause` runs while the next one is
    waited for. A request that `gives_way` is refused then and there, or with its next piece.
    """

    began: float = field(default_factory=time.perf_counter)
    received: int = 0
    is_whole: bool = False
    held: int = 0
    sends_since: float = 0.0
    pause: asyncio.Timeout | None = None
    gives_way: bool = False


class Gate:
    """ASGI middleware. `trusted_origins` are those of other sites whose pages may send our cookie along."""

    def __init__(self, app: App, *, limits: Limits, trusted_origins: Collection[str] = ()) -> None:
        self.app = app
        self.limits = limits
        self.trusted_origins = frozenset(trusted_origins)
        self.too_large = Refusal(
            413, "body_too_large", f"At most {limits.body_bytes / 2**20:.0f} MB are taken in one request."
        )
        self.too_slow = Refusal(
            408,
            "body_too_slow",
            f"The body came too slowly: it may pause for {limits.pause_seconds:g} s and take "
            f"{limits.body_seconds:g} s in all. Send it again.",
        )
        self.busy = Refusal(
            503,
            "busy",
            "There is more to do at this moment than can be done. Nothing was changed; send it again.",
            retry_seconds=BUSY_RETRY_SECONDS,
        )
        self._turns = asyncio.Semaphore(limits.at_once)
        self._waiting_bytes = 0
        self._held_bytes = 0
        # Whose bodies are on their way, in the order of their first pieces.
        self._sending: dict[Came, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        came = Came()
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if declared and not declared.isdigit():
            await _refuse(scope, receive, send, came, Refusal(400, "malformed", "Content-Length is no number."))
        elif declared and int(declared) > self.limits.body_bytes:
            await _refuse(scope, receive, send, came, self.too_large)
        elif scope["method"] not in SAFE_METHODS and self._is_from_elsewhere(headers):
            message = "Another site's page sent this with your cookie. Only our own pages may."
            await _refuse(scope, receive, send, came, Refusal(403, "cross_site", message))
        else:
            await self._let_in(scope, receive, send, came)

    def _is_from_elsewhere(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a browser says that it sends our cookie for another site. Programs say nothing of the kind."""
        if b"cookie" not in headers or b"authorization" in headers:
            return False
        told = {name: headers.get(name, b"").decode("latin-1") for name in (b"origin", b"sec-fetch-site", b"host")}
        if told[b"origin"] in self.trusted_origins:
            return False
        return origins.is_from_elsewhere(fetch_site=told[b"sec-fetch-site"], origin=told[b"origin"], host=told[b"host"])

    async def _let_in(self, scope: Scope, receive: Receive, send: Send, came: Came) -> None:
        refusal: Refusal | None = None
        has_turn = False
        ends = asyncio.get_running_loop().time() + self.limits.body_seconds

        async def receive_in_bounds() -> Message:
            nonlocal refusal, has_turn
            if came.is_whole:
                if scope["method"] not in SAFE_METHODS:
                    # What is being changed is changed to its end, and written down, whoever hangs up meanwhile.
                    await asyncio.Event().wait()
                # Nothing is due any more; the application waits for the client to go.
                return await receive()
            try:
                message = await self._next_piece(receive, came, ends)
                if came.is_whole and scope["method"] not in SAFE_METHODS and scope["path"] not in OUT_OF_LINE:
                    await self._wait_in_line(came.received + WAITING_BYTES)
                    has_turn = True
            except Refused as refused:
                # Django drops the request without an answer, as if the client had gone; the answer is ours.
                refusal = refused.refusal
                return {"type": "http.disconnect"}
            return message

        def give_back() -> None:
            nonlocal has_turn
            self._let_go(came)
            if has_turn:
                has_turn = False
                self._turns.release()

        async def send_unless_refused(message: Message) -> None:
            # An answer means that the work is done; who reads it slowly, or never, keeps nobody waiting.
            give_back()
            if refusal is None:
                await send(message)

        try:
            await self.app(scope, receive_in_bounds, send_unless_refused)
        finally:
            give_back()
        if refusal is not None:
            may_drain = refusal is not self.too_slow and not came.is_whole
            await _refuse(scope, receive if may_drain else _nothing_more, send, came, refusal)

    async def _next_piece(self, receive: Receive, came: Came, ends: float) -> Message:
        """The next of a body, in time and in bounds; or that the client has gone. Raises Refused."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(loop.time() + self.limits.pause_seconds, ends)) as came.pause:
                message = await receive()
        except TimeoutError:
            raise Refused(self.busy if came.gives_way else self.too_slow) from None
        finally:
            came.pause = None
        if message["type"] == "http.disconnect":
            return message
        size = len(message.get("body", b""))
        came.received += size
        came.is_whole = not message.get("more_body")
        if came.received > self.limits.body_bytes:
            raise Refused(self.too_large)
        now = loop.time()
        if not self._has_room(came, size, now=now):
            raise Refused(self.busy)
        if came.is_whole:
            self._sending.pop(came, None)
        elif came not in self._sending:
            came.sends_since = now
            self._sending[came] = None
        return message

    def _has_room(self, came: Came, size: int, *, now: float) -> bool:
        """Whether so much more of its body may be held; it is from now on, until it is let go."""
        while not came.gives_way and self._held_bytes + size > self.limits.held_bytes:
            slowest = next(iter(self._sending), None)
            if slowest is None or now - slowest.sends_since < self.limits.gives_way_seconds:
                return False
            self._let_go(slowest)
            slowest.gives_way = True
            if slowest.pause is not None and not slowest.pause.expired():
                slowest.pause.reschedule(now)
        if came.gives_way:
            return False
        came.held += size
        self._held_bytes += size
        return True

    def _let_go(self, came: Came) -> None:
        self._held_bytes -= came.held
        came.held = 0
        self._sending.pop(came, None)

    async def _wait_in_line(self, size: int) -> None:
        """Until its turn has come; whoever gets one gives it back. Raises Refused without room, or after too long."""
        if self._turns.locked() and self._waiting_bytes + size > self.limits.line_bytes:
            raise Refused(self.busy)
        began = time.perf_counter()
        self._waiting_bytes += size
        try:
            async with asyncio.timeout(self.limits.line_seconds):
                await self._turns.acquire()
        except TimeoutError:
            raise Refused(self.busy) from None
        finally:
            self._waiting_bytes -= size
        timings.record("requests.line", time.perf_counter() - began)


async def _refuse(scope: Scope, receive: Receive, send: Send, came: Came, refusal: Refusal) -> None:
    """Answer, and read on for a little: a client that sends before it reads would only see a reset otherwise."""
    request_id = request_id_of(dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1"))
    _note(scope, came, refusal, request_id)
    body = orjson.dumps(shape(refusal.code, refusal.message, path=scope["path"]))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        # The rest of the body is not read, so the connection cannot be used again.
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
        *([(b"retry-after", str(refusal.retry_seconds).encode())] if refusal.retry_seconds else []),
        *((name.lower().encode(), value.encode()) for name, value in headers_of_every_answer(scope["path"]).items()),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await _drain(receive)
    await send({"type": "http.response.body", "body": b""})


def _note(scope: Scope, came: Came, refusal: Refusal, request_id: str) -> None:
    seconds = time.perf_counter() - came.began
    timings.record(f"gate.{refusal.code}", seconds, failed=True)
    log.info(
        "request_refused",
        request_id=request_id,
        method=scope["method"],
        path=scope["path"],
        status=refusal.status,
        code=refusal.code,
        bytes=came.received,
        ms=round(seconds * 1000, 1),
    )


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def _drain(receive: Receive) -> None:
    drained = 0
    while drained < DRAIN_BYTES:
        message = await receive()
        drained += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return
