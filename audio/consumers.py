"""The doorman of `/ws/audio/{session_id}`: lets in, parses, calls a verb, replies."""

import uuid
from typing import Any

import structlog
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import OperationalError
from django.utils import timezone

from audio import live, live_state, protocol, sessions, snapshots
from audio.errors import UnknownSession
from audio.protocol import BadFrame, ChunkUploaded, Ping, Resume

log = structlog.get_logger("earshot.socket")


class SessionConsumer(AsyncWebsocketConsumer):
    """One watcher of one session.

    It joins the session's group before it reads the snapshot, so that nothing falls between the two; an event
    that the snapshot holds already is told by its `seq` and left out.
    """

    capability = "recordings.read"
    audits = "recording.watched"

    async def connect(self) -> None:
        user = self.scope["user"]
        self.session_id: uuid.UUID = self.scope["url_route"]["kwargs"]["session_id"]
        self.group = live.group_of(str(self.session_id))
        try:
            await database_sync_to_async(sessions.find)(user, self.session_id)
        except UnknownSession:
            await self.close(protocol.CLOSE_FORBIDDEN)
            return
        self.epoch: str | None = None
        self.sent = 0
        await self.accept()
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self._send_snapshot(reset=False)

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "sent"):
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def rights_read(self, event: dict[str, Any]) -> None:
        """Close the socket once whoever opened it may no longer see the session."""
        try:
            await database_sync_to_async(sessions.find)(event["user"], self.session_id)
        except UnknownSession:
            await self.close(protocol.CLOSE_FORBIDDEN)
        except OperationalError:
            # Nobody can tell now; the next round will.
            log.warning("rights_not_read")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            match protocol.parse(text_data):
                case Ping():
                    await self._reply("pong")
                case Resume(seq):
                    await self._replay(seq)
                case ChunkUploaded():
                    pass
        except BadFrame as bad:
            await self._reply("error", code=bad.code, message=bad.message)

    async def session_event(self, event: dict[str, Any]) -> None:
        """From the group: an event to pass on, unless the snapshot or a replay held it.

        Events may arrive out of order or get lost on the way; the stream has them all, in order.
        """
        epoch, number = event["seq"].partition("-")[0], live_state.number_of(event["seq"])
        if self.epoch is None:
            self.epoch = epoch
        if epoch != self.epoch:
            await self._send_snapshot(reset=True)
        elif number == self.sent + 1:
            await self._pass_on(event["seq"], event["text"])
        elif number > self.sent:
            await self._replay(f"{epoch}-{self.sent}")

    async def _replay(self, seq: str) -> None:
        """Send every event that followed `seq`; a fresh snapshot when that cannot be told any more."""
        missed = await database_sync_to_async(live_state.events_after)(str(self.session_id), seq)
        if missed is None:
            await self._send_snapshot(reset=True)
            return
        self.epoch = seq.partition("-")[0]
        for missed_seq, event in missed:
            await self._pass_on(missed_seq, protocol.with_seq(event, missed_seq))

    async def _pass_on(self, seq: str, text: str) -> None:
        self.sent = live_state.number_of(seq)
        await self.send(text_data=text)

    async def _send_snapshot(self, *, reset: bool) -> None:
        seq = await database_sync_to_async(live_state.latest_seq)(str(self.session_id))
        content = await database_sync_to_async(snapshots.of)(self.scope["user"], self.session_id)
        self.epoch = seq.partition("-")[0] if seq else None
        self.sent = live_state.number_of(seq) if seq else 0
        await self._reply("session", seq=seq, reset=reset, **content)

    async def _reply(self, kind: str, *, seq: str | None = None, **content: Any) -> None:
        frame = protocol.frame(kind, str(self.session_id), timezone.now(), **content)
        await self.send(text_data=protocol.encode(frame, seq=seq))
