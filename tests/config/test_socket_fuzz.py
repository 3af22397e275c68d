"""All our sockets, with whatever may be sent to them: an `error` frame or nothing, and never a traceback.

Frames go to the consumers in this process; what is below frames goes to a web server as it ships, over TCP.
"""

import json
import logging
import struct
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio import protocol
from tests.builders import make_session
from tests.scale import scaled
from tests.served import Line, served
from tests.sockets import first_frame, ticket_of, visit

# Tickets are used up, and connections closed, between one example and the next.
pytestmark = pytest.mark.django_db(transaction=True)

PING = '{"type": "ping"}'
ADDRESSES = {
    "a recording": "/ws/audio/{session_id}",
    "all recordings": "/ws/live",
    "the board": "/ws/board",
    "a call": "/ws/board?call={call_id}",
    "the dashboard": "/ws/dashboard",
}
WORDS = st.sampled_from(
    ["type", "seq", "ping", "pong", "resume", "chunk_uploaded", "session", "call", "user", "__class__"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | WORDS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(WORDS | st.text(max_size=10), inner, max_size=5),
    max_leaves=15,
)
FRAMES = (
    JSON.map(json.dumps)
    | st.text(max_size=200)
    | st.binary(max_size=200)
    | st.fixed_dictionaries({"type": WORDS, "seq": JSON}).map(json.dumps)
    | st.sampled_from(
        ["", "\x00", "[" * 4096, '{"type":' * 500, "9" * 4096, "NaN", '"\ud800"', '{"type":"ping"' + " " * 9000]
    )
)


@pytest.fixture(autouse=True)
def no_rounds(settings, monkeypatch):
    settings.EARSHOT_RIGHTS_SECONDS = 3600
    # How many frames may come is told elsewhere.
    monkeypatch.setattr(protocol, "FRAMES_AT_ONCE", 10**6)


@pytest.fixture(params=ADDRESSES)
def address(request, supervisor):
    """The supervisor's, without a ticket."""
    session = make_session(supervisor)
    return ADDRESSES[request.param].format(session_id=session.pk, call_id=session.call_id)


# That a client's bytes are no UTF-8; that who left was cut short while leaving, which ends no less.
NO_MISTAKE_OF_OURS = {"Invalid UTF-8 sequence received from client.", "Unexpected exception while cleaning-up channel:"}


@pytest.fixture
def no_tracebacks(caplog):
    def look():
        bad = (record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR)
        assert {record.getMessage() for record in bad} - NO_MISTAKE_OF_OURS == set()

    return look


def with_ticket(address, user):
    return f"{address}{'&' if '?' in address else '?'}ticket={ticket_of(user)}"


@settings(max_examples=scaled(10, 200), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.lists(FRAMES, min_size=1, max_size=30))
def test_whatever_is_sent_gets_an_error_or_nothing_and_the_socket_goes_on(address, supervisor, no_tracebacks, frames):
    async def story(socket):
        for sent in frames:
            content = {"text": sent} if isinstance(sent, str) else {"bytes": sent}
            await socket.send_input({"type": "websocket.receive", **content})
            await socket.send_input({"type": "websocket.receive", "text": PING})
            kind = None
            while kind != "pong":
                told = json.loads(await first_frame(socket))
                kind = told["type"]
                assert kind != "error" or (told["code"] and told["message"])
        return True

    assert visit(with_ticket(address, supervisor), story)
    no_tracebacks()


QUERIES = st.dictionaries(
    st.sampled_from(
        ["call", "limit", "from", "to", "period", "channel_id", "platform", "q", "status_id", "owner_id", "x"]
    ),
    st.text(max_size=30) | st.integers().map(str),
    max_size=4,
)


@pytest.mark.parametrize("path", ["/ws/board", "/ws/dashboard", "/ws/live", "/ws/audio/{}", "/ws/{}"])
@settings(max_examples=scaled(8, 150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=QUERIES, name=st.text(min_size=1, max_size=40) | st.uuids().map(str))
def test_any_address_is_refused_or_told_what_is_wrong_with_it(path, supervisor, no_tracebacks, query, name):
    told = "&".join(f"{quote(key)}={quote(value, errors='surrogatepass')}" for key, value in query.items())

    async def story(socket):
        message = await socket.receive_output(timeout=20)
        if message["type"] == "websocket.send":
            return json.loads(message["text"])["type"]
        return message["code"]

    answer = visit(with_ticket(f"{path.format(quote(name, safe=''))}?{told}", supervisor), story)
    # Refused in the handshake, told something, or shown out with a word for it; not for a mistake of ours.
    assert answer in {None, protocol.CLOSE_FORBIDDEN} or isinstance(answer, str)
    no_tracebacks()


# --- Below frames ---


def masked(opcode, content, *, end=True, reserved=0):
    """One WebSocket frame of a client's (RFC 6455, section 5.2), under a mask of zeros."""
    head = bytes([end << 7 | reserved << 4 | opcode])
    if len(content) < 126:
        head += bytes([0x80 | len(content)])
    else:
        head += bytes([0x80 | 126]) + struct.pack(">H", len(content))
    return head + bytes(4) + content


WIRE = (
    st.binary(max_size=300)
    | st.builds(
        masked,
        st.integers(0, 15),
        st.binary(max_size=300),
        end=st.booleans(),
        reserved=st.sampled_from([0, 0, 0, 1, 4, 7]),
    )
    | st.sampled_from(
        [
            # Without a mask; of 2^63 bytes; a ping of 2^32; a close without a code, with half of one, with one of none.
            b"\x81\x02{}",
            b"\x81\xff\x7f" + b"\xff" * 7 + bytes(4),
            b"\x89\xff\x00\x00\x00\x00\xff\xff\xff\xff" + bytes(4),
            masked(8, b""),
            masked(8, b"\x03"),
            masked(8, b"\x00\x01"),
            masked(8, b"\x03\xe8\xff\xfe"),
            masked(1, b"\xff\xfe\xfd"),
            masked(0, b"{}"),
            masked(1, b"{", end=False) + masked(9, b"x") + masked(0, b"}"),
            masked(1, b"a", end=False) * 2,
        ]
    )
)


@pytest.fixture
def server(supervisor):
    with served() as host:
        yield f"ws://{host}"


@settings(max_examples=scaled(12, 300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wire=st.lists(WIRE, min_size=1, max_size=8))
def test_whatever_comes_on_the_line_ends_at_worst_that_line(server, address, supervisor, no_tracebacks, wire):
    line = Line(server + with_ticket(address, supervisor))
    next(line.frames())
    # It may be shown out before all is sent.
    with suppress(OSError):
        for data in wire:
            line.socket.sendall(data)
        line.socket.shutdown(1)
        while line.socket.recv(65536):
            continue
    line.cut()
    other = Line(server + with_ticket(address, supervisor))
    other.say({"type": "ping"})
    assert "pong" in (frame["type"] for frame in other.frames())
    other.cut()
    no_tracebacks()
