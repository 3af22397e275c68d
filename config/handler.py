"""Django behind ASGI: one trip to a thread for a request, in a thread that is there already.

Django's own handler goes from the event loop to a thread and back for each piece of middleware that is synchronous, for
the view and for each signal, and starts two threads for every request. All of ours is synchronous and waits for
databases, so that it is done in one go:

1. The loop takes the body in.
2. A thread does all of it, from the signal that a request began to the one that it ended, which gives its connections
   back. A thread does one request at a time; as many are made as are needed at once.
3. The loop sends the answer. One that is made while it is sent, as sound is, ends when its listener goes.
"""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Final

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.http import FileResponse
from django.urls import set_script_prefix

# So many threads wait for requests; of a rush, those beyond end when they have nothing more to do.
MOST_IDLE: Final = 40


class Handler(ASGIHandler):
    """Django's own but for where it does its work."""

    def __init__(self) -> None:
        # Past ASGIHandler's, which makes middleware and views for the event loop.
        BaseHandler.__init__(self)
        self.load_middleware(is_async=False)

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        thread = _Borrowed()
        try:
            async with ThreadSensitiveContext(executor=thread):
                with body:
                    response = await sync_to_async(self._respond)(scope, body)
                if response.streaming:
                    await self._stream(response, receive, send)
                else:
                    await self.send_response(response, send)
        finally:
            thread.give_back()

    def _respond(self, scope: Any, body: Any) -> Any:
        """The answer, closed already unless it has yet to be made."""
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

    async def _stream(self, response: Any, receive: Any, send: Any) -> None:
        sending = asyncio.create_task(self.send_response(response, send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (leaving, sending):
                if not task.done():
                    task.cancel()
            with contextlib.suppress(RequestAborted, asyncio.CancelledError):
                await leaving
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await sending
            finally:
                await sync_to_async(response.close)()


class _Borrowed(Executor):
    """A thread of those that wait, or a new one, for one request."""

    def __init__(self) -> None:
        self._thread = _idle.pop() if _idle else ThreadPoolExecutor(1, thread_name_prefix="request")
        self._last: Future[Any] | None = None

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._last = self._thread.submit(call, *args, **kwargs)
        return self._last

    def give_back(self) -> None:
        """For the next request; at once, unless what was given up goes on in it still."""
        if self._last is None:
            self._leave(None)
        else:
            self._last.add_done_callback(self._leave)

    def _leave(self, _last: Future[Any] | None) -> None:
        if len(_idle) < MOST_IDLE:
            _idle.append(self._thread)
        else:
            self._thread.shutdown(wait=False)


# Appending and popping are each one step of the interpreter's, whichever thread does it.
_idle: list[ThreadPoolExecutor] = []
