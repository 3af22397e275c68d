from django.urls import path

from crm.consumers import BoardConsumer
from crm.dashboard_consumer import DashboardConsumer

websocket_urlpatterns = [
    path("ws/board", BoardConsumer.as_asgi()),
    path("ws/dashboard", DashboardConsumer.as_asgi()),
]
