"""Where Django's work is done behind ASGI: spoken to as a server speaks to it."""

import asyncio
import logging

import pytest
from django.db import connections

from config.handler import Handler
from tests.config import handled_urls


@pytest.fixture
def ask(transactional_db, settings):
    """Sends requests one after another, or those in a list at once; gives statuses and bodies."""
    settings.ROOT_URLCONF = "tests.config.handled_urls"
    settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
    handled_urls.ran.clear()
    handled_urls.both_are_here.reset()
    handler = Handler()

    def ask(*paths, at_once=False, on_answer=lambda: None):
        async def all_of_them():
            if at_once:
                return await asyncio.gather(*(answer_to(handler, path, on_answer) for path in paths))
            return [await answer_to(handler, path, on_answer) for path in paths]

        return asyncio.run(all_of_them())

    return ask


async def answer_to(handler, path, on_answer=lambda: None):
    scope = {"type": "http", "method": "GET", "path": f"/{path}", "query_string": b"", "headers": [(b"host", b"[::1]")]}
    pieces = [
        {"type": "http.request", "body": b"half ", "more_body": True},
        {"type": "http.request", "body": b"and half", "more_body": False},
    ]
    told = []

    async def receive():
        if pieces:
            return pieces.pop(0)
        return await asyncio.Event().wait()

    async def send(message):
        if not told:
            on_answer()
        told.append(message)

    await handler(scope, receive, send)
    return told[0]["status"], b"".join(message.get("body", b"") for message in told[1:])


def threads():
    return [thread for thread, _ in handled_urls.ran]


def test_the_body_comes_whole_and_the_answer_goes_whole(ask):
    assert ask("note") == [(200, b"half and half")]


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


def test_the_connection_to_the_database_is_given_back_before_the_answer_is_sent(ask):
    held = []
    ask("note", on_answer=lambda: held.append(handled_urls.ran[-1][1].connection))
    assert held == [None]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_a_stream_is_sent_piece_by_piece_and_gives_its_connection_back(ask):
    assert ask("stream") == [(200, b"one after another")]
    assert handled_urls.ran[-1][1].connection is None


def test_a_mistake_is_a_500_and_the_thread_goes_on(ask, caplog):
    with caplog.at_level(logging.CRITICAL, logger="django.request"):
        [(status, _), (after, _)] = ask("fail", "note")
    assert (status, after) == (500, 200)


def test_no_more_threads_wait_than_may(ask, monkeypatch):
    monkeypatch.setattr("config.handler.MOST_IDLE", 1)
    monkeypatch.setattr("config.handler._idle", idle := [])
    ask("wait", "wait", at_once=True)
    assert len(idle) == 1


@pytest.fixture(autouse=True)
def nothing_is_left_open():
    yield
    connections.close_all()
