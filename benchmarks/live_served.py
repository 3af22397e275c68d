"""Two sockets that tell whatever they are told to whoever watches: `uvicorn benchmarks.live_served:application`.

One by channels' core layer; one by no layer at all, from a socket at this server that a sender writes to.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from channels.generic.websocket import AsyncWebsocketConsumer

from benchmarks import core_layer

CORE: Final = "/core"
BARE: Final = "/bare"
# What comes in here goes out there.
SENDER: Final = "/bare/sender"

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
_watchers: set[Send] = set()


class Watch(AsyncWebsocketConsumer):
    channel_layer_alias = core_layer.ALIAS

    async def connect(self) -> None:
        await self.channel_layer.group_add(core_layer.GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(core_layer.GROUP, self.channel_name)

    async def told(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"])


async def bare(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await receive()
    if scope["path"] == BARE:
        _watchers.add(send)
    await send({"type": "websocket.accept"})
    try:
        while (message := await receive())["type"] == "websocket.receive":
            passed_on = {"type": "websocket.send", "text": message["text"]}
            await asyncio.gather(*(watcher(passed_on) for watcher in _watchers))
    finally:
        _watchers.discard(send)


_core = Watch.as_asgi()


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await (_core if scope["path"] == CORE else bare)(scope, receive, send)
