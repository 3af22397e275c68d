"""A client that takes too long, or says too much, before one knows what it wants."""

import socket
import time
from contextlib import contextmanager, suppress

import pytest

from config.connections import MOST_HEADER_BYTES
from tests.served import served

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
