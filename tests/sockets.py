"""Speaks to our sockets as a server does, in this process."""

import asyncio
from urllib.parse import unquote

from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from django.db import connection
from django.utils.module_loading import import_string

from tests.builders import bearer

OWN_HOST = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
PATIENCE_SECONDS = 20


def ticket_of(user):
    return bearer(user).post("/api/tickets").json()["ticket"]


def visit(address, story=None, *, headers=OWN_HOST[:1], application=None):
    """Knock at a socket. None when it is refused, else what the story returns, told by `await story(socket)`."""
    path, _, query = address.partition("?")
    scope = {"type": "websocket", "path": unquote(path), "query_string": query.encode(), "headers": headers}
    # The static files are collected by then, and no sooner.
    application = application or import_string("config.asgi.application")

    async def conversation():
        socket = ApplicationCommunicator(application, scope)
        await socket.send_input({"type": "websocket.connect"})
        answer = await socket.receive_output(timeout=PATIENCE_SECONDS)
        if answer["type"] != "websocket.accept":
            return None
        try:
            return await story(socket)
        finally:
            # Also when the story ends badly: what is left running would hold up the loop, and so the test.
            await socket.send_input({"type": "websocket.disconnect", "code": 1000})
            await socket.wait(timeout=PATIENCE_SECONDS)

    return async_to_sync(conversation)()


async def first_frame(socket):
    return (await socket.receive_output(timeout=PATIENCE_SECONDS))["text"]


async def close_code(socket):
    """Reads on until the server closes."""
    while True:
        message = await socket.receive_output(timeout=PATIENCE_SECONDS)
        if message["type"] == "websocket.close":
            return message["code"]


def heard(group, act):
    """What a group of the channel layer hears because of an act."""

    def in_thread():
        try:
            act()
        finally:
            connection.close()

    async def listen():
        layer = get_channel_layer()
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        await sync_to_async(in_thread)()
        messages = []
        try:
            while True:
                messages.append(await asyncio.wait_for(layer.receive(channel), timeout=0.5 if messages else 5))
        except TimeoutError:
            return messages

    return asyncio.run(listen())
