"""The gate in front of Django: turns a body away that is too large, before a byte of it is spooled to disk.

Django reads a whole body, to disk past a few megabytes, before any view runs. The gate looks at Content-Length,
and counts where there is none.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import orjson

from config.errors import shape

# How much of a refused body is read, and thrown away, so that the answer is heard.
DRAIN_BYTES = 64 * 2**20
DRAIN_SECONDS = 5.0

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gate:
    def __init__(self, app: App, *, largest_body_bytes: int) -> None:
        self.app = app
        self.largest = largest_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared and not declared.isdigit():
            await _refuse(receive, send, 400, "malformed", "Content-Length is no number.")
        elif declared and int(declared) > self.largest:
            await self._refuse_as_too_large(receive, send)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0
        too_large = False
        is_whole = False

        async def receive_counted() -> Message:
            nonlocal received, too_large, is_whole
            message = await receive()
            received += len(message.get("body", b""))
            is_whole = not message.get("more_body")
            if received > self.largest:
                too_large = True
                # Django drops the request without an answer, as if the client had gone; the answer is ours.
                return {"type": "http.disconnect"}
            return message

        async def send_unless_refused(message: Message) -> None:
            if not too_large:
                await send(message)

        await self.app(scope, receive_counted, send_unless_refused)
        if too_large:
            await self._refuse_as_too_large(_nothing_more if is_whole else receive, send)

    async def _refuse_as_too_large(self, receive: Receive, send: Send) -> None:
        megabytes = self.largest / 2**20
        message = f"At most {megabytes:.0f} MB are taken in one request."
        await _refuse(receive, send, 413, "body_too_large", message)


async def _refuse(receive: Receive, send: Send, status: int, code: str, message: str) -> None:
    """Answer, and read on for a little: a client that sends before it reads would only see a reset otherwise."""
    body = orjson.dumps(shape(code, message))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        # The rest of the body is not read, so the connection cannot be used again.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await _drain(receive)
    await send({"type": "http.response.body", "body": b""})


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def _drain(receive: Receive) -> None:
    drained = 0
    while drained < DRAIN_BYTES:
        message = await receive()
        drained += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return
