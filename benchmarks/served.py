"""Earshot's web server with one view more, which does nothing: `uvicorn benchmarks.served:application`."""

from typing import Any

from django.conf import settings
from django.urls import path

from benchmarks.empty_view import ADDRESS, Empty
from config import urls
from config.asgi import application

urlpatterns: list[Any] = [path(ADDRESS, Empty.as_view()), *urls.urlpatterns]
settings.ROOT_URLCONF = __name__

__all__ = ["application", "urlpatterns"]
