from django.urls import path

from audio.consumers import SessionConsumer

websocket_urlpatterns = [path("ws/audio/<uuid:session_id>", SessionConsumer.as_asgi())]
