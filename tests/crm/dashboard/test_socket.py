"""The socket of the dashboard, in this process, on real servers."""

import json

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.utils.module_loading import import_string

from crm import people
from crm.dashboard import watching
from crm.dashboard.reading import PARTS
from metrics import recent
from tests.segments import make_segment_of_work
from tests.sockets import OWN_HOST, PATIENCE_SECONDS, close_code, first_frame, ticket_of, visit


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(watching, "REST", 0.0)


async def frame(socket):
    return json.loads(await first_frame(socket))


def watch(user, story, query=""):
    return visit(f"/ws/dashboard?{query}&ticket={ticket_of(user)}", story)


async def first_told(address):
    """What another socket is told first, beside that of the story."""
    path, _, query = address.partition("?")
    scope = {"type": "websocket", "path": path, "query_string": query.encode(), "headers": OWN_HOST[:1]}
    socket = ApplicationCommunicator(import_string("config.asgi.application"), scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(timeout=PATIENCE_SECONDS))["type"] == "websocket.accept"
    told = await frame(socket)
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(timeout=PATIENCE_SECONDS)
    return told


async def until(socket, is_it):
    """Reads on to the first frame of which this holds."""
    while True:
        told = await frame(socket)
        if is_it(told):
            return told


def count_of(told):
    return told.get("segments", {}).get("totals", {}).get("segments")


def test_all_of_a_reading_comes_first_and_then_what_has_changed(supervisor, tenant):
    async def story(socket):
        first = await frame(socket)
        assert (first["type"], first["missing"]) == ("reading", [])
        assert PARTS.keys() <= first.keys()
        await sync_to_async(recent.write)(tenant.pk, [make_segment_of_work()])
        later = await until(socket, lambda told: count_of(told) == 1)
        assert "tiers" not in later or later["tiers"] != first["tiers"]
        return first, later

    first, later = watch(supervisor, story, "range=1h")
    assert count_of(first) == 0
    assert "missing" not in later


def test_one_reading_serves_all_who_ask_the_same(supervisor, monkeypatch):
    asked = []
    read = watching._read

    def counted(tenant_id, question):
        asked.append(question)
        return read(tenant_id, question)

    monkeypatch.setattr(watching, "_read", counted)
    monkeypatch.setattr(watching, "LOOK_SECONDS", 3600.0)
    tickets = [ticket_of(supervisor) for _ in range(2)]

    async def story(socket):
        first = await frame(socket)
        told = [await first_told(f"/ws/dashboard?{query}&ticket={tickets.pop()}") for query in ("range=7d", "range=1h")]
        return [first, *told]

    first, same, other = watch(supervisor, story, "range=7d")
    assert same["at"] == first["at"]
    assert other["segments"]["step"] == "minute"
    assert [question.range for question in asked] == ["7d", "1h"]


@pytest.mark.parametrize("query", ["range=9d", "since=yesterday", "&".join(f"a{number}=1" for number in range(60))])
def test_what_cannot_be_asked_ends_the_socket(supervisor, query):
    async def story(socket):
        said = await frame(socket)
        return said["code"], await close_code(socket)

    assert watch(supervisor, story, query) == ("bad_address", 4400)


def test_an_agent_is_refused(agent):
    assert watch(agent, frame) is None


def test_who_may_no_longer_read_is_shown_out(supervisor):
    async def story(socket):
        await frame(socket)
        await sync_to_async(people.change)(supervisor, role="agent")
        return await close_code(socket)

    assert watch(supervisor, story) == 4403
