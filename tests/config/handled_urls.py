"""Views that tell where they are run, for tests of the handler."""

import asyncio
import threading

from django.db import connections
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

# Of every view and piece of a stream that was made: its thread, and the connection to the database that it had. Not by
# `django.db.connection`, which is whichever the thread has that asks it.
ran = []
# Streams that were closed, by their names.
closed = []
both_are_here = threading.Barrier(2, timeout=30)


def use_the_database():
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")
    ran.append((threading.get_ident(), connections["default"]))


def note(request):
    use_the_database()
    return HttpResponse(request.body)


def tell_at_length(request):
    return HttpResponse(b"at length " * 100_000)


def wait_for_another(request):
    both_are_here.wait()
    return note(request)


def fail(request):
    use_the_database()
    raise RuntimeError("a mistake of ours")


class Stream(StreamingHttpResponse):
    def __init__(self, name, pieces):
        super().__init__(pieces)
        self.name = name

    def close(self):
        super().close()
        use_the_database()
        closed.append(self.name)


def stream(request):
    use_the_database()
    return Stream("stream", iter([b"one ", b"after ", b"another"]))


def stream_that_fails(request):
    async def pieces():
        yield b"one "
        raise RuntimeError("a mistake of ours")

    use_the_database()
    return Stream("fails", pieces())


def stream_without_end(request):
    async def pieces():
        yield b"one "
        await asyncio.Event().wait()

    use_the_database()
    return Stream("without-end", pieces())


urlpatterns = [
    path("note", note),
    path("length", tell_at_length),
    path("wait", wait_for_another),
    path("fail", fail),
    path("stream", stream),
    path("stream/fails", stream_that_fails),
    path("stream/without-end", stream_without_end),
]
