"""Addresses of a site whose views have a mistake."""

from django.urls import path


def broken(request, rest=""):
    raise RuntimeError("a mistake of ours")


urlpatterns = [
    path("api/broken", broken),
    path("broken", broken),
    path("welcome/<path:rest>", broken),
    path("api/metrics/users/<path:rest>", broken),
]
handler500 = "config.error_views.server_error"
