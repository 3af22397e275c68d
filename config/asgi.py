"""The door for requests and sockets: `uvicorn config.asgi:application`."""

import logging
import os
import warnings
from typing import Any, cast

import django
from channels.routing import ProtocolTypeRouter, URLRouter

from config import loading, watching

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# A static file is read whole in a thread, which is what the warning says and costs little here: a browser asks for
# each once, since its name changes with its content.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
# Any other leaves as a line of the log, like everything else.
logging.captureWarnings(capture=True)
# Before Django reads which middleware stands around its views.
watching.start("web")
django.setup(set_prefix=False)

# What follows needs the apps that have just been loaded.
from django.conf import settings  # noqa: E402
from django.urls import get_resolver, re_path  # noqa: E402

from config.gate import App, Gate, Limits, Receive, Scope, Send  # noqa: E402
from config.handler import Handler  # noqa: E402
from config.routing import websocket_urlpatterns  # noqa: E402
from crm.authentication import SocketAuthentication  # noqa: E402
from crm.sockets import guarded  # noqa: E402


async def no_such_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuses the handshake with a 403, as for a socket that is not the caller's."""
    await send({"type": "websocket.close"})


application = ProtocolTypeRouter(
    {
        "http": Gate(
            cast("App", Handler()),
            limits=Limits(
                body_bytes=settings.EARSHOT_LARGEST_BODY_BYTES,
                pause_seconds=settings.EARSHOT_BODY_PAUSE_SECONDS,
                body_seconds=settings.EARSHOT_BODY_SECONDS,
                at_once=settings.EARSHOT_CHANGES_AT_ONCE,
                line_seconds=settings.EARSHOT_LINE_SECONDS,
            ),
            trusted_origins=settings.CSRF_TRUSTED_ORIGINS,
        ),
        "websocket": SocketAuthentication(
            URLRouter([*guarded(websocket_urlpatterns), re_path("", cast("Any", no_such_socket))])
        ),
    }
)
# Django loads views when they are first asked for. Whoever asks first shall not wait for that.
get_resolver().url_patterns  # noqa: B018 - which loads them
loading.end()
