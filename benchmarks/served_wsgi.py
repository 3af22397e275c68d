"""Earshot on a WSGI server, without sockets and without the gate: `gunicorn benchmarks.served_wsgi:application`."""

from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path

from benchmarks.empty_view import ADDRESS, Empty
from config import urls

urlpatterns: list[Any] = [path(ADDRESS, Empty.as_view()), *urls.urlpatterns]
settings.ROOT_URLCONF = __name__
application = get_wsgi_application()
