"""The other layer that channels_redis has: a list in Redis for each channel, from which its server takes messages."""

from typing import Any, Final

from channels.layers import get_channel_layer
from django.conf import settings

ALIAS: Final = "core"
GROUP: Final = "benchmark"

settings.CHANNEL_LAYERS[ALIAS] = {
    "BACKEND": "channels_redis.core.RedisChannelLayer",
    "CONFIG": {
        # Its server waits in Redis for five seconds at a time, longer than the driver would wait by itself, and sends
        # by more connections at once than the driver would open.
        "hosts": [{"address": settings.EARSHOT_REDIS_URL, "socket_timeout": 30, "max_connections": 1000}],
        "prefix": "benchmark",
    },
}


async def send(text: str) -> None:
    """To whoever watches at `live_served.CORE`."""
    layer: Any = get_channel_layer(ALIAS)
    await layer.group_send(GROUP, {"type": "told", "text": text})
