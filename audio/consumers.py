"""The doorman of `/ws/audio/{session_id}`: lets in, parses, calls a verb, replies."""

import uuid
from typing import Any

import orjson
import structlog
from channels.db import database_sync_to_async
from django.db import OperationalError
from django.utils import timezone

from audio import live, live_state, protocol, sessions, snapshots
from audio.doorman import Doorman
from audio.errors import EventsAway, UnknownSession
from audio.protocol import BadFrame, ChunkUploaded, Ping, Resume
from audio.told import Standing, Told
from calls.errors import RetryableCallError
from metrics import lanes

log = structlog.get_logger("earshot.socket")


class SessionConsumer(Doorman):
    """One watcher of one session.

    It joins the session's group before it reads the snapshot, so that nothing falls between the two; an event
    that the snapshot holds already is told by its `seq` and left out.

    The group is for speed and may lose messages; the stream has every event that could be appended; the rows have
    what is so. At each ping the stream is looked at, and at each reading of rights the rows too.
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
        self.connection_id = uuid.uuid4().hex
        self.epoch: str | None = None
        self.sent = 0
        # Whether events can be told to be missing: not while it is unknown up to which event the snapshot goes.
        self.is_blind = True
        self.told: Told | None = None
        self.doubted: Standing | None = None
        await self.accept()
        if not await self.join(self.group):
            return
        await self._send_snapshot(reset=False)
        if self.told is None:
            await self.close(protocol.CLOSE_TRY_LATER)
            return
        await lanes.beside(live_state.see_socket, self.connection_id, str(self.session_id))

    async def disconnect(self, code: int) -> None:
        if not hasattr(self, "connection_id"):
            return
        await lanes.beside(live_state.drop_socket, self.connection_id)
        await self.leave(self.group)

    async def rights_read(self, event: dict[str, Any]) -> None:
        """Close the socket once whoever opened it may no longer see the session; else see that it lacks nothing."""
        try:
            session = await database_sync_to_async(sessions.find)(event["user"], self.session_id)
            standing = await database_sync_to_async(snapshots.standing_of)(session)
        except UnknownSession:
            await self.close(protocol.CLOSE_FORBIDDEN)
            return
        except OperationalError:
            # Nobody can tell now; the next round will.
            log.warning("rights_not_read")
            return
        await self._catch_up()
        await self._compare(standing)
        await lanes.beside(live_state.see_socket, self.connection_id, str(self.session_id))

    async def take(self, text: str | None) -> None:
        match protocol.parse(text):
            case Ping():
                # Answered first, since Redis may take its time.
                await self._reply("pong")
                await self._catch_up()
            case Resume(seq):
                await self._resume(seq)
            case ChunkUploaded():
                pass

    async def session_event(self, event: dict[str, Any]) -> None:
        """From the group: an event to pass on, unless the snapshot or a replay held it.

        Events may arrive out of order or get lost on the way; the stream has them all, in order.
        """
        epoch, number = live_state.epoch_of(event["seq"]), live_state.number_of(event["seq"])
        if self.epoch is None and not self.is_blind:
            self.epoch = epoch
        if self.is_blind or epoch != self.epoch:
            await self._send_snapshot(reset=True)
        elif number == self.sent + 1:
            await self._pass_on(event["seq"], event["text"])
        elif number > self.sent:
            await self._replay_or_reset(f"{epoch}-{self.sent}")

    async def session_closed(self, event: dict[str, Any]) -> None:
        """From the group: the recording is being erased, or a side of it, and what was shown is to be shown no more."""
        if event["is_gone"]:
            await self.close(protocol.CLOSE_FORBIDDEN)
        else:
            await self._send_snapshot(reset=True)

    async def _resume(self, seq: str) -> None:
        if self.is_blind:
            await self._send_snapshot(reset=True)
        else:
            await self._replay_or_reset(seq)
        if self.is_blind:
            await self.refuse(protocol.unavailable())

    async def _catch_up(self) -> None:
        """Send what the stream has and the watcher has not: the last message before a silence may have been lost."""
        if self.is_blind:
            await self._send_snapshot(reset=True)
            return
        try:
            seq = await lanes.beside(live_state.latest_seq, str(self.session_id))
        except EventsAway:
            return
        if seq is None:
            if self.epoch is not None:
                await self._send_snapshot(reset=True)
            return
        epoch, number = live_state.epoch_of(seq), live_state.number_of(seq)
        if self.epoch is None:
            self.epoch = epoch
        if epoch != self.epoch or number < self.sent:
            await self._send_snapshot(reset=True)
        elif number > self.sent:
            await self._replay_or_reset(f"{epoch}-{self.sent}")

    async def _compare(self, standing: Standing) -> None:
        """A difference from the rows that is the same as at the last look is no announcement on its way any more."""
        if self.told is None or self.told.agrees_with(standing):
            self.doubted = None
        elif self.doubted == standing:
            log.warning("event_missed", session_id=str(self.session_id))
            await self._send_snapshot(reset=True)
        else:
            self.doubted = standing

    async def _replay_or_reset(self, seq: str) -> None:
        """Send every event that followed `seq`; a fresh snapshot when that cannot be told any more."""
        try:
            missed = await lanes.beside(live_state.events_after, str(self.session_id), seq)
        except EventsAway:
            # The next event or look resets.
            self.is_blind = True
            return
        if missed is None:
            await self._send_snapshot(reset=True)
            return
        self.epoch, self.sent = live_state.epoch_of(seq), live_state.number_of(seq)
        for missed_seq, event in missed:
            await self._pass_on(missed_seq, protocol.with_seq(event, missed_seq))

    async def _pass_on(self, seq: str, text: str) -> None:
        self.sent = live_state.number_of(seq)
        if self.told is not None:
            self.told.add(orjson.loads(text))
        await self.send(text_data=text)

    async def _send_snapshot(self, *, reset: bool) -> None:
        """Or stay blind, when a store that it takes is away."""
        try:
            seq = await lanes.beside(live_state.latest_seq, str(self.session_id))
        except EventsAway:
            self.is_blind = True
            if reset:
                # Nothing is gained by a snapshot that the next one replaces.
                return
            seq = None
        else:
            self.is_blind = False
        try:
            content = await database_sync_to_async(snapshots.of)(self.scope["user"], self.session_id)
        except UnknownSession:
            await self.close(protocol.CLOSE_FORBIDDEN)
            return
        except (OperationalError, RetryableCallError) as error:
            log.warning("snapshot_not_read", error=type(error).__name__)
            self.is_blind = True
            return
        self.epoch = live_state.epoch_of(seq) if seq else None
        self.sent = live_state.number_of(seq) if seq else 0
        self.told, self.doubted = Told(content["session"], content["chunks"]), None
        await self._reply("session", seq=seq, reset=reset, **content)

    async def refuse(self, bad: BadFrame) -> None:
        await self._reply("error", code=bad.code, message=bad.message)

    async def _reply(self, kind: str, *, seq: str | None = None, **content: Any) -> None:
        frame = protocol.frame(kind, str(self.session_id), timezone.now(), **content)
        await self.send(text_data=protocol.encode(frame, seq=seq))
