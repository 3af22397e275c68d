"""What every doorman of a socket does: it joins its group and leaves it, and takes so many frames and no more."""

from abc import ABC, abstractmethod
from typing import Any

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer

from audio import protocol
from audio.protocol import BadFrame, Verdict

log = structlog.get_logger("earshot.socket")


class Doorman(AsyncWebsocketConsumer, ABC):
    """A consumer that has `take` and `refuse` of its own. A flood ends its socket."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.allowance = protocol.Allowance()

    async def join(self, group: str) -> bool:
        """Hear what the group is told. Whether that is so; a socket that would hear nothing is closed."""
        try:
            await self.channel_layer.group_add(group, self.channel_name)
        except Exception as error:
            # Whatever the layer's driver raises means the same here.
            log.warning("group_not_joined", error=type(error).__name__)
            await self.close(protocol.CLOSE_TRY_LATER)
            return False
        return True

    async def leave(self, group: str) -> None:
        """Hear it no more; while the layer is away that is only noted."""
        try:
            await self.channel_layer.group_discard(group, self.channel_name)
        except Exception as error:
            # Whatever the layer's driver raises means the same here.
            log.warning("group_not_left", error=type(error).__name__)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            match self.allowance.judge():
                case Verdict.TAKE:
                    await self.take(text_data)
                case Verdict.COMPLAIN:
                    raise protocol.too_many_frames()
                case Verdict.CLOSE:
                    log.warning("socket_flooded", path=self.scope["path"])
                    await self.close(protocol.CLOSE_FLOODED)
        except BadFrame as bad:
            await self.refuse(bad)

    @abstractmethod
    async def take(self, text: str | None) -> None:
        """Answer a frame. Raises BadFrame."""

    @abstractmethod
    async def refuse(self, bad: BadFrame) -> None:
        """Say what is wrong with a frame."""
