"""An address whose view asks every server about somebody, and then has a mistake that names them."""

from django.core.cache import cache
from django.db import connection
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from audio import blobs, live_state
from calls import store


@csrf_exempt
def broken(request, name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s", [name])
        cursor.execute(f"SELECT '{name}'")
    cache.get(f"person:{name}")
    live_state.ping()
    store.ping()
    blobs.ping()
    raise ValueError(f"nobody is called {name} in {request.body!r}")


urlpatterns = [path("api/people/<str:name>", broken, name="person")]
handler500 = "config.error_views.server_error"
