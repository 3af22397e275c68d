"""What stands before the gate: how long, and with how many bytes, a client may say what it wants.

Of itself uvicorn waits for the headers of a request for ever, and keeps whatever comes of them. It is told of this
class by `--http config.connections:BoundedHeaders`.
"""

import asyncio
from typing import Final

import structlog
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger("earshot.gate")

# As much as common proxies pass on. Ours are below 8 KiB, cookies and tokens with them.
MOST_HEADER_BYTES: Final = 64 * 2**10


class BoundedHeaders(HttpToolsProtocol):
    """One connection. What is refused here has reached neither the gate nor anything that could name it."""

    _timer: asyncio.TimerHandle | None = None
    _came = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As uvicorn's own.
        super().connection_made(transport)
        self._begin_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._begin_waiting()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._end_waiting()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._timer is None:
            return
        # None of it was of a body: the headers are not complete yet.
        self._came += len(data)
        if self._came > MOST_HEADER_BYTES:
            self._refuse(b"431 Request Header Fields Too Large", "headers_too_large")

    def _begin_waiting(self) -> None:
        if self._timer is None:
            self._came = 0
            self._timer = self.loop.call_later(settings.EARSHOT_HEADERS_SECONDS, self._give_up)

    def _end_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._refuse(b"408 Request Timeout", "headers_too_slow")

    def _refuse(self, status: bytes, code: str) -> None:
        self._end_waiting()
        if self.transport.is_closing():
            return
        log.info("connection_refused", code=code, bytes=self._came)
        # Into an answer that is under way nothing is written.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status)
        self.transport.close()
