from django.urls import path

from audio.consumers import SessionConsumer
from audio.overview_consumer import OverviewConsumer

websocket_urlpatterns = [
    path("ws/audio/<uuid:session_id>", SessionConsumer.as_asgi()),
    path("ws/live", OverviewConsumer.as_asgi()),
]
