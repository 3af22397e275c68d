"""Every socket that there is, in front of the guard."""

from audio import routing as audio
from crm import routing as crm

websocket_urlpatterns = [*audio.websocket_urlpatterns, *crm.websocket_urlpatterns]
