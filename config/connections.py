"""What stands before the gate: how long, and with how many bytes, a client may say what it wants, and how long it may
leave unread what it asked for.

Of itself uvicorn waits for the headers of a request for ever, keeps whatever comes of them, and waits for ever for a
client that takes nothing. It is told of this class by `--http config.connections:BoundedHeaders`.
"""

import asyncio
from typing import Final

import structlog
from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger("earshot.gate")

# As much as common proxies pass on. Ours are below 8 KiB, cookies and tokens with them.
MOST_HEADER_BYTES: Final = 64 * 2**10
# So long may a client take next to nothing of an answer to what it sent: some 100 KiB have to go within it, far less
# than anybody records with.
MOST_UNREAD_SECONDS: Final = 60
_TOO_SLOW: Final = (b"408 Request Timeout", "headers_too_slow")
_TOO_LARGE: Final = (b"431 Request Header Fields Too Large", "headers_too_large")
_MALFORMED: Final = (b"400 Bad Request", "malformed")


class BoundedHeaders(HttpToolsProtocol):
    """One connection. What is refused here has reached neither the gate nor anything that could name it.

    A client may send its next request while it is being answered. Then nothing is refused before the answers that are
    under way have been sent, and the time of the next headers begins after them.
    """

    # Runs while headers, or the first byte of them, are waited for.
    _timer: asyncio.TimerHandle | None = None
    # Runs while the client takes nothing.
    _unread: asyncio.TimerHandle | None = None
    # Of the headers under way, or of those that may follow a body: what the parser has told of them, and what came in
    # pieces with nothing else in them. The one has no part of a header that has not ended, the other nothing of headers
    # that came together with a request or a body.
    _told = _came = 0
    # Whether what has come just now completed headers or had some of a body in it.
    _has_gone_on = False
    _refusal: tuple[bytes, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As uvicorn's own.
        super().connection_made(transport)
        self._begin_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_waiting()
        self._has_read()
        super().connection_lost(exc)

    # --- What comes ---
    def on_message_begin(self) -> None:
        self._begin_waiting()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._told += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._told += len(name) + len(value)
        if self._told > MOST_HEADER_BYTES:
            # Whatever is raised here ends in `send_400_response`.
            raise ValueError("headers too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._has_gone_on = True
        self._end_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._has_gone_on = True
        self._told = self._came = 0
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        self._has_gone_on = False
        super().data_received(data)
        if self.transport.get_protocol() is not self or self._refusal is not None:
            # It is a socket from now on, or nothing.
            self._end_waiting()
            return
        if self._timer is None and self.timeout_keep_alive_task is None and not self._is_answering():
            # uvicorn has given up its own timer, for something that begins no request: an empty line will do.
            self._begin_waiting()
        if not self._has_gone_on:
            self._came += len(data)
        if max(self._told, self._came) > MOST_HEADER_BYTES:
            self._refuse(_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """What uvicorn does with anything that is no request, of itself in the middle of an answer."""
        self._refuse(_TOO_LARGE if self._told > MOST_HEADER_BYTES else _MALFORMED)

    def _begin_waiting(self) -> None:
        self._end_waiting()
        if not self.transport.is_closing():
            self._told = self._came = 0
            self._timer = self.loop.call_later(settings.EARSHOT_HEADERS_SECONDS, self._give_up)

    def _end_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._is_answering():
            # It may well have sent them: they are not read while a request waits to be answered.
            self._timer = self.loop.call_later(settings.EARSHOT_HEADERS_SECONDS, self._give_up)
        else:
            self._refuse(_TOO_SLOW)

    def _refuse(self, refusal: tuple[bytes, str]) -> None:
        """At once, or once everything that is under way has been answered. Nothing more is read."""
        self._end_waiting()
        if self.transport.is_closing():
            return
        self._refusal = refusal
        if self._is_answering():
            return
        status, code = refusal
        log.info("connection_refused", code=code, bytes=max(self._told, self._came))
        self.transport.write(b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status)
        self.transport.close()

    # --- What goes ---
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._refusal is not None:
            self._refuse(self._refusal)
        elif self._timer is not None and not self._is_answering():
            # The next headers have begun to come, and have had no chance to go on meanwhile.
            self._unset_keepalive_if_required()
            self._timer.cancel()
            self._timer = self.loop.call_later(settings.EARSHOT_HEADERS_SECONDS, self._give_up)

    def _is_answering(self) -> bool:
        """Whether a request has yet to be answered: they are in the order in which they came, and this is the last."""
        return self.cycle is not None and not self.cycle.response_complete

    def pause_writing(self) -> None:
        super().pause_writing()
        # A listener may pause for as long as it likes: that is no more than a connection.
        reads = self.cycle is None or self.cycle.scope["method"] in {"GET", "HEAD"}
        if not reads and self._unread is None:
            self._unread = self.loop.call_later(MOST_UNREAD_SECONDS, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._has_read()

    def _has_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _abort(self) -> None:
        log.info("connection_refused", code="answer_unread", bytes=0)
        # Closed in any other way it would still wait for what is to be sent.
        self.transport.abort()
