"""A client that takes too long, or says too much, before one knows what it wants."""

import asyncio
import gc
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from config.connections import MOST_HEADER_BYTES, BoundedHeaders
from tests.served import served
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def address():
    with served() as there:
        host, _, port = there.partition(":")
        yield host, int(port)


@contextmanager
def connected(address):
    with socket.create_connection(address, timeout=20) as line:
        yield line


def answer(line):
    """All that comes until the server ends the line."""
    came = b""
    try:
        while piece := line.recv(65536):
            came += piece
    except ConnectionResetError:
        # It was closed while more was on its way there.
        pass
    return came


def length_of_answer(line):
    length = 0
    with suppress(ConnectionResetError):
        while piece := line.recv(2**20):
            length += len(piece)
    return length


def test_headers_that_never_end_are_given_up(address, settings):
    settings.EARSHOT_HEADERS_SECONDS = 1
    with connected(address) as line:
        line.sendall(HEAD + b"X-Slow: ")
        assert answer(line).startswith(b"HTTP/1.1 408 ")


def test_headers_that_drip_are_given_up_though_something_comes_all_the_time(address, settings):
    settings.EARSHOT_HEADERS_SECONDS = 1
    with connected(address) as line:
        line.sendall(HEAD + b"X-Slow: ")
        line.settimeout(0.05)
        came, ends = None, time.monotonic() + 15
        while came is None and time.monotonic() < ends:
            line.sendall(b"a")
            with suppress(TimeoutError):
                came = line.recv(100)
        assert came.startswith(b"HTTP/1.1 408 ")


def test_a_connection_on_which_nothing_is_said_is_given_up(address, settings):
    settings.EARSHOT_HEADERS_SECONDS = 1
    with connected(address) as line:
        assert answer(line).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("piece", [b"X-More: value\r\n", b"a"], ids=["many headers", "one header"])
def test_headers_without_end_are_refused_before_they_are_kept(address, piece):
    with connected(address) as line:
        line.sendall(HEAD + b"X-A: ")
        some = piece * (4096 // len(piece))
        sent = 0
        try:
            while sent < 100 * MOST_HEADER_BYTES:
                line.sendall(some)
                sent += len(some)
        except OSError:
            # The server has ended it.
            pass
        assert sent < 100 * MOST_HEADER_BYTES
        assert answer(line)[:13] in {b"HTTP/1.1 431 ", b""}


def test_headers_as_long_as_any_of_ours_are_taken(address):
    with connected(address) as line:
        line.sendall(HEAD + b"X-A: " + b"a" * (MOST_HEADER_BYTES // 2) + b"\r\nConnection: close\r\n\r\n")
        assert answer(line).startswith(b"HTTP/1.1 200 ")


def test_the_second_request_of_a_connection_is_bounded_as_the_first(address, settings):
    settings.EARSHOT_HEADERS_SECONDS = 1
    with connected(address) as line:
        line.sendall(HEAD + b"\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200 ")
        line.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        assert b"HTTP/1.1 408 " in answer(line)


def test_a_body_has_the_time_that_bodies_have(address, settings):
    settings.EARSHOT_HEADERS_SECONDS = 1
    with connected(address) as line:
        line.sendall(b"POST /api/tickets HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
        line.settimeout(2)
        with pytest.raises(TimeoutError):
            line.recv(1)
        line.settimeout(20)
        line.sendall(b"{}")
        assert answer(line).startswith(b"HTTP/1.1 401 ")


def test_headers_that_are_too_large_are_refused_though_they_come_in_one_piece(address):
    with connected(address) as line:
        line.sendall(HEAD + b"X-More: value\r\n" * (MOST_HEADER_BYTES // 10) + b"\r\n")
        assert answer(line)[:13] in {b"HTTP/1.1 431 ", b""}


def test_an_empty_line_after_an_answer_keeps_no_connection(address, settings):
    settings.EARSHOT_HEADERS_SECONDS = 1
    with connected(address) as line:
        line.sendall(HEAD + b"\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200 ")
        line.sendall(b"\r\n")
        assert b"HTTP/1.1 408 " in answer(line)


def test_requests_that_come_together_are_counted_one_by_one(address):
    request = HEAD + b"X-A: " + b"a" * (MOST_HEADER_BYTES * 2 // 3) + b"\r\n"
    with connected(address) as line:
        half = len(request) // 2
        line.sendall(request + b"\r\n" + request[:half])
        line.sendall(request[half:] + b"Connection: close\r\n\r\n")
        assert answer(line).count(b"HTTP/1.1 200 ") == 2


class Slow:
    """An application that is told when to answer, and whether it has been able to send all of it."""

    SIZE = 64 * 2**20

    def __init__(self):
        self.begun, self.go_on, self.sent = [], threading.Event(), []

    async def __call__(self, scope, receive, send):
        self.begun.append(scope["path"])
        if scope["path"] == "/large":
            await self._send_much(scope, send)
            return
        if scope["path"] == "/body":
            while (await receive()).get("more_body"):
                pass
        assert await asyncio.to_thread(self.go_on.wait, 30)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
        await send({"type": "http.response.body", "body": b"answer"})

    async def _send_much(self, scope, send):
        length = b"%d" % self.SIZE
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        for number in range(self.SIZE // 2**16):
            is_last = number == self.SIZE // 2**16 - 1
            await send({"type": "http.response.body", "body": bytes(2**16), "more_body": not is_last})
        self.sent.append(scope["method"])


@pytest.fixture
def slow():
    application = Slow()
    with served(application=application) as there:
        host, _, port = there.partition(":")
        application.address = host, int(port)
        yield application
        application.go_on.set()


@pytest.mark.parametrize(
    ("then", "status"),
    [
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * (2 * MOST_HEADER_BYTES), b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X-A: a\r\n" * (MOST_HEADER_BYTES // 2), b"431"),
        (b"no request at all\r\n\r\n", b"400"),
    ],
    ids=["one header", "many headers", "malformed"],
)
def test_what_is_refused_meanwhile_cuts_no_answer_off(slow, then, status):
    with connected(slow.address) as line:
        line.sendall(HEAD + b"\r\n")
        wait_until(lambda: slow.begun, what="the request to be worked on")
        line.sendall(then)
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            line.recv(1)
        line.settimeout(20)
        slow.go_on.set()
        came = answer(line)
    assert came.startswith(b"HTTP/1.1 200 ")
    assert b"answerHTTP/1.1 " + status in came
    assert slow.begun == ["/healthz"]


def test_headers_that_pause_while_another_request_is_answered_have_their_time_afterwards(slow, settings):
    settings.EARSHOT_HEADERS_SECONDS = 1
    with connected(slow.address) as line:
        line.sendall(HEAD + b"\r\n" + b"GET / HTTP/1.1\r\n")
        line.settimeout(2.5)
        with pytest.raises(TimeoutError):
            line.recv(1)
        line.settimeout(20)
        slow.go_on.set()
        came = answer(line)
    assert came.startswith(b"HTTP/1.1 200 ")
    assert b"answerHTTP/1.1 408 " in came


@pytest.mark.parametrize("piece", [b"X-More: value\r\n", b"a"], ids=["many headers", "one header"])
def test_headers_without_end_after_a_body_are_not_kept(slow, piece):
    with connected(slow.address) as line:
        line.sendall(
            b"POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: "
        )
        wait_until(lambda: slow.begun, what="the request to be worked on")
        [protocol] = (one for one in gc.get_objects() if type(one) is BoundedHeaders and one.config.app is slow)
        line.sendall(piece * (4 * MOST_HEADER_BYTES // len(piece)))
        wait_until(lambda: protocol._refusal is not None, what="the headers to be refused")
        assert sum(len(name) + len(value) for name, value in protocol.headers) <= 2 * MOST_HEADER_BYTES


def test_who_sends_something_and_takes_nothing_of_the_answer_is_given_up_and_a_listener_is_not(slow, monkeypatch):
    monkeypatch.setattr("config.connections.MOST_UNREAD_SECONDS", 0.5)
    with connected(slow.address) as listener, connected(slow.address) as sender:
        listener.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        wait_until(lambda: slow.begun == ["/large"], what="the listener's request")
        sender.sendall(b"POST /large HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        wait_until(lambda: slow.sent == ["POST"], what="the sender to be given up")
        assert length_of_answer(listener) > slow.SIZE
        assert length_of_answer(sender) < slow.SIZE
