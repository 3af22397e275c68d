"""Where Django's work is done behind ASGI: spoken to as a server speaks to it."""

import asyncio
import logging
from contextlib import suppress

import pytest
from django.db import connections

from config.handler import Handler
from config.threads import Threads
from tests.config import handled_urls
from tests.waiting import wait_until

PATIENCE_SECONDS = 30


@pytest.fixture
def handler(transactional_db, settings):
    settings.ROOT_URLCONF = "tests.config.handled_urls"
    settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
    handled_urls.ran.clear()
    handled_urls.closed.clear()
    handled_urls.both_are_here.reset()
    return Handler()


@pytest.fixture
def ask(handler):
    """Sends requests one after another, or those in a list at once; gives statuses and bodies."""

    def ask(*paths, at_once=False, on_answer=lambda: None):
        async def all_of_them():
            if at_once:
                return await asyncio.gather(*(answer_to(handler, path, on_answer) for path in paths))
            return [await answer_to(handler, path, on_answer) for path in paths]

        return asyncio.run(all_of_them())

    return ask


async def answer_to(handler, path, on_answer=lambda: None):
    told = []

    async def send(message):
        if not told:
            on_answer()
        told.append(message)

    await handler(scope_of(path), Client().receive, send)
    return told[0]["status"], b"".join(message.get("body", b"") for message in told[1:])


def scope_of(path):
    return {"type": "http", "method": "GET", "path": f"/{path}", "query_string": b"", "headers": [(b"host", b"[::1]")]}


class Client:
    """One that stays until it `leaves`, and takes the first piece of its answer and no other until it `reads_on`."""

    def __init__(self):
        self.pieces = [
            {"type": "http.request", "body": b"half ", "more_body": True},
            {"type": "http.request", "body": b"and half", "more_body": False},
        ]
        self.has_begun, self.leaves, self.reads_on = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def receive(self):
        if self.pieces:
            return self.pieces.pop(0)
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message["type"] == "http.response.body":
            self.has_begun.set()
            await self.reads_on.wait()

    async def asks(self, handler, path):
        """The request, once it has had the first piece of its answer."""
        asking = asyncio.create_task(handler(scope_of(path), self.receive, self.send))
        await asyncio.wait_for(self.has_begun.wait(), PATIENCE_SECONDS)
        return asking


def threads():
    return [thread for thread, _ in handled_urls.ran]


def held():
    """Connections to the database that were used and not given back."""
    return [used.connection for _, used in handled_urls.ran if used.connection is not None]


def test_the_body_comes_whole_and_the_answer_goes_whole(ask):
    assert ask("note") == [(200, b"half and half")]


def test_a_long_answer_leaves_in_one_piece(handler):
    told = []

    async def send(message):
        told.append(message)

    asyncio.run(handler(scope_of("length"), Client().receive, send))

    assert [len(message.get("body", b"")) for message in told] == [0, 1_000_000]
    assert not told[-1]["more_body"]


def test_one_request_after_another_is_done_by_the_same_thread(ask):
    ask("note", "note", "note")
    assert len(threads()) == 3
    assert len(set(threads())) == 1


def test_requests_at_once_have_a_thread_each_and_leave_it_to_the_next(ask):
    ask("wait", "wait", at_once=True)
    at_once = set(threads())
    assert len(at_once) == 2
    ask("note")
    assert threads()[-1] in at_once


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
@pytest.mark.parametrize("path", ["note", "stream"])
def test_the_connection_to_the_database_is_given_back_before_the_answer_is_sent(ask, path):
    held_then = []
    ask(path, on_answer=lambda: held_then.append((len(threads()), held())))
    assert held_then == [(1, [])]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_a_stream_is_sent_piece_by_piece_and_gives_its_connection_back(ask):
    assert ask("stream") == [(200, b"one after another")]
    assert (handled_urls.closed, len(threads()), held()) == (["stream"], 2, [])


def test_a_stream_that_fails_is_closed_and_gives_its_connection_back(ask):
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        ask("stream/fails")
    assert (handled_urls.closed, len(threads()), held()) == (["fails"], 2, [])


def test_a_stream_whose_listener_leaves_is_closed_and_gives_its_connection_back(handler):
    async def story():
        listener = Client()
        asking = await listener.asks(handler, "stream/without-end")
        listener.leaves.set()
        await asyncio.wait_for(asking, PATIENCE_SECONDS)

    asyncio.run(story())
    assert (handled_urls.closed, len(threads()), held()) == (["without-end"], 2, [])


def test_a_stream_that_is_given_up_twice_is_closed_all_the_same(handler):
    async def story():
        asking = await Client().asks(handler, "stream/without-end")
        asking.cancel()
        # Once more while it is ending.
        await asyncio.sleep(0)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking

    asyncio.run(story())
    wait_until(lambda: handled_urls.closed and not held(), what="the stream to be closed")
    assert (handled_urls.closed, len(threads())) == (["without-end"], 2)


def test_who_reads_slowly_or_listens_holds_no_thread(handler, monkeypatch):
    monkeypatch.setattr("config.handler._threads", Threads(1, most_idle=1, name="only"))

    async def story():
        clients = [Client(), Client()]
        asking = [await clients[0].asks(handler, "stream/without-end"), await clients[1].asks(handler, "note")]
        answer = await asyncio.wait_for(answer_to(handler, "note"), PATIENCE_SECONDS)
        for client in clients:
            client.leaves.set()
            client.reads_on.set()
        await asyncio.wait_for(asyncio.gather(*asking), PATIENCE_SECONDS)
        return answer

    assert asyncio.run(story()) == (200, b"half and half")
    assert len(set(threads())) == 1


def test_a_mistake_is_a_500_and_the_thread_goes_on(ask, caplog):
    with caplog.at_level(logging.CRITICAL, logger="django.request"):
        [(status, _), (after, _)] = ask("fail", "note")
    assert (status, after, held()) == (500, 200, [])


@pytest.fixture(autouse=True)
def nothing_is_left_open():
    yield
    connections.close_all()
