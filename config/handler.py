"""Django behind ASGI: one trip to a thread for a request, in a thread that is there already.

Django's own handler goes from the event loop to a thread and back for each piece of middleware that is synchronous, for
the view and for each signal, and starts two threads for every request. All of ours is synchronous and waits for
databases, so that it is done in one go:

1. The loop takes the body in.
2. A thread does all of it, from the signal that a request began to the one that it ended, and gives its connections
   back. Then it is free, however slowly the answer is read.
3. The loop sends the answer. One that is made while it is sent, as sound is, has a thread for each piece and one to end
   in, and ends when its listener goes.
"""

import asyncio
import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any, Final

from asgiref.sync import ThreadSensitiveContext
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http import FileResponse
from django.urls import set_script_prefix

from config.threads import Threads

# Several times as many as a process has connections to the database, since many wait for other stores or for none; and
# few enough for what a container may have of them. Beyond that requests wait in order.
MOST_THREADS: Final = 100
# So many of them stay when a rush is over.
MOST_IDLE: Final = 40
_threads = Threads(MOST_THREADS, most_idle=MOST_IDLE, name="request")


class Handler(ASGIHandler):
    """Django's own but for where it does its work."""

    def __init__(self) -> None:
        # Past ASGIHandler's, which makes middleware and views for the event loop.
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)

    @classmethod
    def chunk_bytes(cls, data: Any) -> Iterator[tuple[Any, bool]]:
        """In one piece: it is all there, and each piece more is a turn of the loop and a wait for who reads."""
        yield data, True

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            response = await _in_a_thread(self._respond, scope, body)
        if not response.streaming:
            await self.send_response(response, send)
            return
        # Between two pieces nothing is kept in a thread, so that each may have another.
        async with ThreadSensitiveContext(executor=_threads):
            await self._stream(response, receive, send)

    def _respond(self, scope: Any, body: Any) -> Any:
        """The answer, closed already unless it has yet to be made; the thread holds nothing of it."""
        try:
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=type(self), scope=scope)
            request, refusal = self.create_request(scope, body)
            response: Any = self.get_response(request) if request is not None else refusal
            response._handler_class = type(self)
            if isinstance(response, FileResponse):
                response.block_size = self.chunk_size
            if not response.streaming:
                response.close()
            return response
        finally:
            # A stream ends in some other thread, and nobody may be there to end one whose client has gone.
            connections.close_all()

    async def _stream(self, response: Any, receive: Any, send: Any) -> None:
        sending = asyncio.create_task(self.send_response(response, send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (leaving, sending):
                if not task.done():
                    task.cancel()
            try:
                with contextlib.suppress(RequestAborted, asyncio.CancelledError):
                    await leaving
                with contextlib.suppress(asyncio.CancelledError):
                    await sending
            finally:
                # It has begun to end by the time that it is waited for, and ends though that is given up.
                await asyncio.shield(_in_a_thread(self._close, response))

    def _close(self, response: Any) -> None:
        try:
            response.close()
        finally:
            connections.close_all()


def _in_a_thread(call: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
    """Begun at once, with what the loop's context tells of the request."""
    in_context = contextvars.copy_context().run
    return asyncio.get_running_loop().run_in_executor(_threads, in_context, call, *arguments)
