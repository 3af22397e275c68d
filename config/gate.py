"""The gate in front of Django: what it turns away costs no disk, no thread and no database.

Django reads a whole body, to disk past a few megabytes, before any view runs. So three things are looked at
before it and while it comes in:

1. whether a browser sends it from another site's page with our cookie,
2. how long it is: by Content-Length, and by counting where there is none,
3. how slowly it comes.

What changes something, and has come whole, waits in line for its turn: so many are worked on at once. More at once
would not be done sooner, but all of them late, and without a connection to the database in the end. A turn ends when
the answer is there, and not when it has been read. Whoever waits costs room for a body, in memory if it is small and in
/tmp if not, so that the line has a longest length in bytes.

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
    that one waits for its turn, `line_bytes` how much all of them together may hold meanwhile.
    """

    body_bytes: int
    pause_seconds: float
    body_seconds: float
    at_once: int = 16
    line_seconds: float = 20.0
    # The usual chunks of a thousand recorders at once, and half of what a container has in /tmp.
    line_bytes: int = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    code: str
    message: str
    retry_seconds: int | None = None


@dataclass(slots=True)
class Came:
    """What has come of a request so far."""

    began: float = field(default_factory=time.perf_counter)
    received: int = 0


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
        is_whole = has_turn = False
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.limits.body_seconds

        async def receive_in_bounds() -> Message:
            nonlocal refusal, is_whole, has_turn
            if is_whole:
                if scope["method"] not in SAFE_METHODS:
                    # What is being changed is changed to its end, and written down, whoever hangs up meanwhile.
                    await asyncio.Event().wait()
                # Nothing is due any more; the application waits for the client to go.
                return await receive()
            try:
                async with asyncio.timeout_at(min(loop.time() + self.limits.pause_seconds, ends)):
                    message = await receive()
            except TimeoutError:
                refusal = self.too_slow
                return {"type": "http.disconnect"}
            came.received += len(message.get("body", b""))
            is_whole = not message.get("more_body")
            if came.received > self.limits.body_bytes:
                refusal = self.too_large
                # Django drops the request without an answer, as if the client had gone; the answer is ours.
                return {"type": "http.disconnect"}
            if is_whole and scope["method"] not in SAFE_METHODS and scope["path"] not in OUT_OF_LINE:
                has_turn = await self._waited_in_line(came.received + WAITING_BYTES)
                if not has_turn:
                    refusal = self.busy
                    return {"type": "http.disconnect"}
            return message

        def end_turn() -> None:
            nonlocal has_turn
            if has_turn:
                has_turn = False
                self._turns.release()

        async def send_unless_refused(message: Message) -> None:
            # An answer means that the work is done; who reads it slowly, or never, keeps nobody waiting.
            end_turn()
            if refusal is None:
                await send(message)

        try:
            await self.app(scope, receive_in_bounds, send_unless_refused)
        finally:
            end_turn()
        if refusal is not None:
            may_drain = refusal is self.too_large and not is_whole
            await _refuse(scope, receive if may_drain else _nothing_more, send, came, refusal)

    async def _waited_in_line(self, size: int) -> bool:
        """Whether its turn has come in time, if there was room to wait; whoever gets one gives it back."""
        if self._turns.locked() and self._waiting_bytes + size > self.limits.line_bytes:
            return False
        began = time.perf_counter()
        self._waiting_bytes += size
        try:
            async with asyncio.timeout(self.limits.line_seconds):
                await self._turns.acquire()
        except TimeoutError:
            return False
        finally:
            self._waiting_bytes -= size
        timings.record("requests.line", time.perf_counter() - began)
        return True


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
