"""The gate in front of Django, spoken to as a server speaks to it."""

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from config.gate import Gate

LARGEST = 1000


def send_through_gate(pieces, *, content_length=None):
    """What an application behind the gate received, and what the client was answered."""
    received, answered = [], []

    async def application(scope, receive, send):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            received.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    messages = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ]

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message):
        answered.append(message)

    headers = [] if content_length is None else [(b"content-length", content_length)]
    gate = Gate(application, largest_body_bytes=LARGEST)
    asyncio.run(gate({"type": "http", "headers": headers}, receive, send))
    return received, answered


@given(st.lists(st.integers(0, 600), min_size=1, max_size=6))
def test_a_body_passes_whole_or_is_answered_413(sizes):
    received, answered = send_through_gate([bytes(size) for size in sizes])
    if sum(sizes) <= LARGEST:
        assert (answered[0]["status"], sum(map(len, received))) == (200, sum(sizes))
    else:
        assert answered[0]["status"] == 413
        assert sum(map(len, received)) <= LARGEST
        assert json.loads(answered[1]["body"])["error"]["code"] == "body_too_large"


def test_a_length_that_is_declared_too_large_is_refused_before_a_byte_reaches_the_application():
    received, answered = send_through_gate([b"x"], content_length=b"1001")
    assert (received, answered[0]["status"]) == ([], 413)


def test_a_length_that_is_no_number_is_400():
    received, answered = send_through_gate([b"x"], content_length=b"many")
    assert (received, answered[0]["status"]) == ([], 400)
