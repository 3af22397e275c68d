"""The stream as a server for many at once gives it: nobody waits for another, nobody holds what others need."""

import asyncio
import gc

import numpy as np
import pytest
from django.db import connection
from django.utils.module_loading import import_string

from audio import blobs, listening
from crm import tokens
from tests.builders import put_chunk
from tests.sound import encode, noise
from tests.waiting import wait_until

PATIENCE_SECONDS = 60


class Listener:
    """A client of the ASGI application. It takes `most` pieces of the body, then none until it goes."""

    def __init__(self, path, token, *, most=None):
        self.most = most
        self.status, self.pieces, self.has_enough, self.goes = None, [], asyncio.Event(), asyncio.Event()
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())],
        }
        self.asked = False

    async def listen(self):
        # The static files are collected by now, and no sooner.
        await import_string("config.asgi.application")(self.scope, self.receive, self.send)
        self.has_enough.set()

    async def receive(self):
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": b""}
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.pieces.append(message.get("body", b""))
        if len(self.pieces) == self.most:
            self.has_enough.set()
            await self.goes.wait()


@pytest.fixture
def minute(api, session):
    """The address of a recording of a minute."""
    body = encode(noise(30.0), container="wav")
    for index in range(2):
        put_chunk(api, session, index, body)
    return f"/api/audio/sessions/{session.pk}/audio"


def test_the_stream_has_the_same_bytes_as_everywhere(api, agent, minute):
    listener = Listener(minute, tokens.issue(agent, name="test"))
    asyncio.run(listener.listen())
    assert listener.status == 200
    assert b"".join(listener.pieces) == b"".join(api.get(minute).streaming_content)


def test_who_pauses_holds_no_connection_and_no_thread(agent, minute):
    token = tokens.issue(agent, name="test")
    most = connection.settings_dict["OPTIONS"]["pool"]["max_size"]

    async def story():
        paused = [Listener(minute, token, most=2) for _ in range(most + 2)]
        tasks = []
        for listener in paused:
            tasks.append(asyncio.create_task(listener.listen()))
            await asyncio.wait_for(listener.has_enough.wait(), PATIENCE_SECONDS)
        another = Listener(minute.removesuffix("/audio"), token)
        await asyncio.wait_for(another.listen(), PATIENCE_SECONDS)
        for listener in paused:
            listener.goes.set()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_SECONDS)
        return [listener.status for listener in [another, *paused]]

    assert set(asyncio.run(story())) == {200}


def test_the_work_ends_when_the_listener_goes(agent, minute, monkeypatch):
    token = tokens.issue(agent, name="test")
    fetched = []
    get = blobs.get
    monkeypatch.setattr(blobs, "get", lambda key: fetched.append(key) or get(key))

    async def story():
        listener = Listener(minute, token, most=1)
        task = asyncio.create_task(listener.listen())
        await asyncio.wait_for(listener.has_enough.wait(), PATIENCE_SECONDS)
        listener.goes.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)
        return len(listener.pieces)

    assert asyncio.run(story()) == 1

    def is_over():
        gc.collect()
        # By its type: to ask a proxy for its class is to ask what may be gone by now.
        works = [one for one in gc.get_objects() if type(one) is listening._Work]
        return all(work._pieces is None for work in works)

    wait_until(is_over, what="the work to be given up")
    assert len(fetched) <= 1


def test_pieces_come_in_order_from_whichever_thread():
    async def story():
        return [piece async for piece in listening.in_threads(iter(expected))]

    expected = [bytes([number]) for number in np.arange(100, dtype=np.uint8)]
    assert asyncio.run(story()) == expected
