"""Views that tell where they are run, for tests of the handler."""

import threading

from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

# Of every view that was run: its thread, and the connection to the database that it had.
ran = []
both_are_here = threading.Barrier(2, timeout=30)


def note(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    ran.append((threading.get_ident(), connection))
    return HttpResponse(request.body)


def wait_for_another(request):
    both_are_here.wait()
    return note(request)


def fail(request):
    raise RuntimeError("a mistake of ours")


def stream(request):
    note(request)
    return StreamingHttpResponse(iter([b"one ", b"after ", b"another"]))


urlpatterns = [
    path("note", note),
    path("wait", wait_for_another),
    path("fail", fail),
    path("stream", stream),
]
