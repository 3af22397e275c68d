"""What happens to a recording: started, declared complete, left by its recorder, settled."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from audio import forgotten, live, manifest, rollups, speakers, suspicion
from audio.errors import ChunksOwed, PersonForgotten, SessionConflict, SoundRemoved, UnknownSession
from audio.manifest import MOST_NAMED, Gap, Manifest, Piece, SampleRange
from audio.models import AudioChunk, AudioSession, AudioSessionQuerySet, RecordingGap
from audio.states import ENDED, SESSION_MOVES, ErasedSide, GapCause, ProcessingStatus, SessionStatus, sources
from calls import conversations, opening
from calls import live as calls_live
from calls.errors import CallTaken
from metrics.prepared import Prepared, PreparedUpdate

log = structlog.get_logger("earshot.sessions")

NOT_THERE = "There is no recording session {session_id} that you may see."
SOUND_REMOVED = "Its sound was removed because it is older than your company keeps any. The transcript is here still."
CLOSED = "Its recording was ended before it was heard."
# Asked at every upload, or whenever a recording begins.
_of_company: Prepared[AudioSession] = Prepared(
    lambda session_id, tenant_id: _with_rules().filter(pk=session_id).of_company(tenant_id), uuid.UUID, int
)
_of_user: Prepared[AudioSession] = Prepared(
    lambda session_id, tenant_id, user_id: _with_rules().filter(pk=session_id).of_company(tenant_id).of_user(user_id),
    uuid.UUID,
    int,
    int,
)
_locked: Prepared[AudioSession] = Prepared(
    lambda session_id: AudioSession.objects.select_for_update(no_key=True).filter(pk=session_id).order_by(), uuid.UUID
)
_stored_of: Prepared[tuple[float, int, int]] = Prepared(
    lambda session_id: (
        AudioChunk.objects.stored()
        .filter(session=session_id)
        .order_by()
        .values("session")
        .values_list(Sum("duration_seconds"), Count("pk"), Max("chunk_index"))
    ),
    uuid.UUID,
)
# Until a worker has decoded a chunk, what its packets hold is what is known of it.
_pieces_of: Prepared[Any] = Prepared(
    lambda session_id: (
        AudioChunk.objects.stored()
        .filter(session=session_id)
        .order_by("chunk_index")
        .values_list(
            *("chunk_index", "start_time_seconds", "declared_seconds"),
            Coalesce("decoded_seconds", "duration_seconds"),
            *("is_late", "first_sample", "last_sample", "sample_rate"),
        )
    ),
    uuid.UUID,
)
_gaps_of: Prepared[Any] = Prepared(
    lambda session_id: (
        RecordingGap.objects.filter(session=session_id)
        .order_by("start_seconds")
        .values_list("start_seconds", "end_seconds", "cause", "reason")
    ),
    uuid.UUID,
)
_total = PreparedUpdate(
    lambda session_id, seconds, number, heard_of_at, now: (
        AudioSession.objects.filter(pk=session_id),
        {
            "total_duration_seconds": seconds,
            "chunk_count": number,
            "last_activity_at": heard_of_at,
            "updated_at": now,
        },
    ),
    uuid.UUID,
    float,
    int,
    datetime,
    datetime,
)
_hear_of = PreparedUpdate(
    lambda session_id, now: (AudioSession.objects.filter(pk=session_id), {"last_activity_at": now}), uuid.UUID, datetime
)
# Seconds of sound, how many chunks, and the highest index among them.
NOTHING_STORED = (0.0, 0, -1)
# Three and a half days of thirty-second chunks.
MOST_CHUNKS = 10_000
# A session that ought to have ended by now is settled by the sweep, so many at a time.
MOST_SWEPT = 500
SETTLED_WITHIN = timedelta(seconds=60)


def start(
    user: Any,
    *,
    session_id: uuid.UUID | None = None,
    test_session_id: str = "",
    channels: int = 1,
    call: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> tuple[AudioSession, bool]:
    """Begin a recording and open its call. Returns the session and whether it is new.

    The same `session_id` again answers the same session, so that a recorder may repeat a request whose answer
    it never saw. Raises SessionConflict when the id belongs to somebody else, PersonForgotten when the user has been
    erased.
    """
    details = dict(call or {})
    session_id = session_id or uuid.uuid4()
    session = AudioSession(
        id=session_id,
        tenant_id=user.tenant_id,
        user=user,
        test_session_id=test_session_id,
        call_id=str(details.pop("call_id", None) or session_id),
        channels=channels,
        s3_base_key=f"audio/{session_id}/",
        metadata=dict(metadata or {}),
    )
    try:
        with transaction.atomic():
            refuse_forgotten(session)
            session.save(force_insert=True)
            # Within the transaction: a call that cannot be opened takes the row with it, so that all of it can be
            # asked for again.
            opening.open_call(
                user=user,
                call_id=session.call_id,
                start_time=session.start_time,
                session_id=str(session.pk),
                details=details,
            )
    except IntegrityError:
        known = AudioSession.objects.filter(pk=session_id).first()
        if known is not None:
            same = _same_again(user, known)
            refuse_forgotten(same)
            return same, False
        conversations.read_call(user, session.call_id)
        raise CallTaken(f"Call {session.call_id} has another recording. Give this one a call of its own.") from None
    log.info("session_started", session_id=str(session.pk))
    _keep_at_hand(session, -1)
    live.recording_changed(session.tenant_id, str(session.pk))
    return session, True


def refuse_without_sound(session: AudioSession) -> None:
    """Raises SoundRemoved for a recording whose sound the company does not keep any more."""
    if session.sound_removed_at is not None:
        raise SoundRemoved(SOUND_REMOVED)


def find(user: Any, session_id: uuid.UUID) -> AudioSession:
    """A session that this user may see, with its company's rules for recording; raises UnknownSession for any other."""
    if user.may("recordings.read_all"):
        session = _of_company.first(session_id, user.tenant_id)
    else:
        session = _of_user.first(session_id, user.tenant_id, user.pk)
    if session is None:
        raise UnknownSession(NOT_THERE.format(session_id=session_id))
    return session


def _with_rules() -> AudioSessionQuerySet:
    return AudioSession.objects.select_related("tenant__recording_policy").order_by()


def refuse_forgotten(session: AudioSession) -> None:
    """Raises PersonForgotten when whoever recorded the session has been erased, or a side of the recording.

    Within a transaction that writes of the session, before it locks anything: nobody is forgotten until it ends. That
    the recording has been closed meanwhile is seen by who locks it.
    """
    if session.is_closed or forgotten.is_forgotten(session.tenant_id, session.person_key):
        raise PersonForgotten(NOT_THERE.format(session_id=session.pk))


def complete(session: AudioSession, *, total_chunks: int) -> AudioSession:
    """Take the recorder's word that there are `total_chunks` chunks, and end the session if it is all there.

    The total is remembered either way: raises ChunksOwed when chunks are missing, and the session then ends by
    itself once the last of them has been heard. Raises UnknownSession when it has been erased meanwhile.
    """
    with transaction.atomic():
        refuse_forgotten(session)
        session = lock(session)
        highest = _highest_index(session)
        if total_chunks <= highest:
            raise SessionConflict(
                f"Chunk {highest} is stored already, so there must be more than {total_chunks} chunks.",
                fields={"total_chunks": [f"At least {highest + 1}."]},
            )
        is_news = session.total_chunks != total_chunks or session.abandoned_at is not None
        session.abandoned_at = None
        _count(session, total_chunks, at=timezone.now())
    session = settle(session)
    whole = manifest_of(session)
    if is_news:
        _announce(session, whole)
        calls_live.changed(session.tenant_id, [session.call_id])
    if whole.owed:
        raise ChunksOwed(
            f"{len(whole.owed)} of {total_chunks} chunks have not arrived. Send them; the session completes by itself.",
            fields={"owed": list(whole.owed[:MOST_NAMED])},
        )
    return session


def abandon(session: AudioSession) -> bool:
    """End a recording whose recorder has not been heard of for too long, with what it has; late chunks still come.

    Whether it was so. Raises UnknownSession when it has been erased.
    """
    with transaction.atomic():
        refuse_forgotten(session)
        session = lock(session)
        if not _without_life().filter(pk=session.pk).exists():
            return False
        _count_as_left(session)
    log.info("session_abandoned", session_id=str(session.pk), chunks=session.total_chunks)
    announce_change(settle(session))
    return True


def complete_with_what_is_there(session: AudioSession) -> AudioSession:
    """End a recording at somebody's wish whose recorder has not said that it is done; late chunks still come.

    What is stored is taken for all there is. Nobody knows whether it is, so the verdict does not call it whole until
    the recorder says so itself. Raises SessionConflict when it is not recording any more, UnknownSession when it has
    been erased.
    """
    with transaction.atomic():
        refuse_forgotten(session)
        session = lock(session)
        waits = session.status == SessionStatus.PROCESSING and session.abandoned_at is None and owed(session)
        if session.status != SessionStatus.RECORDING and not waits:
            raise SessionConflict(f"The recording is {session.status}, so it is not to be ended.")
        _count_as_left(session)
    log.info("session_completed_by_hand", session_id=str(session.pk), chunks=session.total_chunks)
    session = settle(session)
    announce_change(session)
    return session


def close(session: AudioSession, *, side: ErasedSide) -> bool:
    """End a recording for good, of which a side is to be erased; whatever comes for it from then on is refused.

    What has not been heard by then stays unheard. Whether it had gone on. Raises UnknownSession when it is gone.
    """
    with transaction.atomic():
        session = lock(session, also_closed=True)
        session.erased_side = side
        session.save(update_fields=["erased_side"])
        if session.status in ENDED:
            return False
        now = timezone.now()
        session.chunks.unfinished().update(processing_status=ProcessingStatus.FAILED, error=CLOSED, processed_at=now)
        whole = manifest_of(session)
        if whole.owed or session.total_chunks is None:
            _count_as_left(session)
            whole = manifest_of(session)
        session.verdict_state = whole.state
        session.save(update_fields=["verdict_state"])
        _end(session, whole)
    log.info("session_closed", session_id=str(session.pk))
    return True


def _count_as_left(session: AudioSession) -> None:
    """Take what is stored for all that comes, within the transaction that locked it; its end stays open."""
    session.abandoned_at = timezone.now()
    _count(session, max(session.total_chunks or 0, _highest_index(session) + 1), at=session.last_activity_at)


def abandoned() -> list[AudioSession]:
    """Recordings that are to be ended for want of life."""
    return list(_without_life().order_by("last_activity_at")[:MOST_SWEPT])


def _without_life() -> AudioSessionQuerySet:
    now = timezone.now()
    return AudioSession.objects.without_life_since(
        now - timedelta(seconds=settings.EARSHOT_IDLE_SECONDS),
        while_paused=now - timedelta(seconds=settings.EARSHOT_IDLE_PAUSED_SECONDS),
    )


def _count(session: AudioSession, total_chunks: int, *, at: datetime) -> None:
    """Write down that there are so many chunks and that recording has ended, within the transaction that locked it."""
    session.total_chunks = total_chunks
    session.end_time = session.end_time or at
    session.save(update_fields=["total_chunks", "end_time", "abandoned_at", "updated_at"])
    if session.status == SessionStatus.RECORDING:
        _move(session, SessionStatus.PROCESSING)


def note_life(session: AudioSession) -> None:
    """The recorder has been heard of."""
    _hear_of(session.pk, timezone.now())


def manifest_of(session: AudioSession) -> Manifest:
    """What the recording holds and lacks, by its rows as they are now."""
    return manifest.lay_out(
        (
            Piece(index, start, declared, decoded, SampleRange(*samples) if None not in samples else None, is_late)
            for index, start, declared, decoded, is_late, *samples in _pieces_of(session.pk)
        ),
        (Gap(start, end, GapCause(cause), reason) for start, end, cause, reason in _gaps_of(session.pk)),
        total=session.total_chunks,
        is_abandoned=session.abandoned_at is not None,
    )


def owed(session: AudioSession) -> list[int]:
    """Indexes that are not stored though the recorder counted them, or sent a later one."""
    return list(manifest_of(session).owed)


def announce_change(session: AudioSession) -> None:
    """Tell whoever watches how the recording stands as a whole."""
    _announce(session, manifest_of(session))


def _announce(session: AudioSession, whole: Manifest) -> None:
    told = manifest.verdict(whole)
    live.announce(
        "session_changed",
        str(session.pk),
        company=session.tenant_id,
        status=session.status,
        total_chunks=session.total_chunks,
        owed=told["owed"],
        verdict=told,
    )


def settle(session: AudioSession) -> AudioSession:
    """Bring the session's state and totals in line with its chunks; again is the same as once.

    The call is told before the row is committed: whatever dies in between, the next settling tells it again, by
    the sweep if by nobody else. Raises UnknownSession when it has been erased. It makes nothing that an erasure would
    not find, so whether the person is forgotten is for its callers to ask.
    """
    with transaction.atomic():
        return settle_locked(lock(session))


def settle_locked(session: AudioSession, *, heard_of_at: datetime | None = None) -> AudioSession:
    """The same within the transaction that has locked it; `heard_of_at` when its recorder was heard of just now."""
    seconds, number, highest = _stored_of.first(session.pk) or NOTHING_STORED
    session.total_duration_seconds, session.chunk_count = seconds, number
    session.last_activity_at = heard_of_at or session.last_activity_at
    session.updated_at = timezone.now()
    transaction.on_commit(lambda: _keep_at_hand(session, highest), robust=True)
    _total(session.pk, seconds, number, session.last_activity_at, session.updated_at)
    if session.total_chunks is None:
        return session
    if highest >= session.total_chunks:
        # A chunk beyond the total is here, whatever was said: the recorder counted wrong, or went on.
        session.total_chunks = highest + 1
        session.save(update_fields=["total_chunks"])
    whole = manifest_of(session)
    session.verdict_state = whole.state
    session.save(update_fields=["verdict_state"])
    # What is owed to a recording that was left is not waited for.
    is_owed = bool(whole.owed) and session.abandoned_at is None
    if is_owed or session.chunks.unfinished().exists():
        _go_on(session, whole)
        return session
    if speakers.correct(session):
        transaction.on_commit(lambda: rollups.order(session))
    suspicion.look_again(session)
    _end(session, whole)
    return session


def _keep_at_hand(session: AudioSession, highest_index: int) -> None:
    live.note_session(
        str(session.pk),
        {
            "user_id": session.user_id or 0,
            "start_time": session.start_time.isoformat(),
            "current_chunk": highest_index,
            "last_activity": session.last_activity_at.isoformat(),
            "total_duration": session.total_duration_seconds,
            "status": session.status,
        },
    )


def lock(session: AudioSession, *, also_closed: bool = False) -> AudioSession:
    """The session as it is now, for this transaction alone; raises UnknownSession when it has been erased or closed.

    Whoever changes a session, its chunks or their jobs begins with it, so that no two wait for each other. One that is
    closed is changed by its erasure alone.
    """
    now = _locked.first(session.pk)
    if now is None or (now.is_closed and not also_closed):
        raise UnknownSession(NOT_THERE.format(session_id=session.pk))
    return now


def _highest_index(session: AudioSession) -> int:
    """Of the chunks that are stored; -1 when there are none."""
    _, _, highest = _stored_of.first(session.pk) or NOTHING_STORED
    return highest


def unsettled() -> list[AudioSession]:
    """Sessions that have all they wait for and have not ended: something was away when they were to be settled."""
    due = AudioSession.objects.due_to_end().filter(updated_at__lt=timezone.now() - SETTLED_WITHIN)
    return list(due.order_by("updated_at")[:MOST_SWEPT])


def _end(session: AudioSession, whole: Manifest) -> None:
    heard = session.chunks.stored().filter(processing_status=ProcessingStatus.COMPLETED).exists()
    outcome = SessionStatus.COMPLETED if heard or session.total_chunks == 0 else SessionStatus.FAILED
    conversations.finish_call(
        tenant_id=session.tenant_id,
        call_id=session.call_id,
        state="completed" if outcome == SessionStatus.COMPLETED else "failed",
        end_time=session.end_time or timezone.now(),
        duration=whole.duration,
        verdict=manifest.verdict(whole),
    )
    if _move(session, outcome):
        log.info("session_ended", session_id=str(session.pk), status=outcome.value, verdict=whole.state.value)
        transaction.on_commit(lambda: _announce_end(session, whole))


def _announce_end(session: AudioSession, whole: Manifest) -> None:
    live.announce(
        "session_completed",
        str(session.pk),
        company=session.tenant_id,
        status=session.status,
        duration=whole.duration,
        verdict=manifest.verdict(whole),
    )


def _go_on(session: AudioSession, whole: Manifest) -> None:
    """There is something to be waited for, also once the session had ended: its call is told so."""
    if session.status in ENDED:
        conversations.reopen_call(tenant_id=session.tenant_id, call_id=session.call_id, verdict=manifest.verdict(whole))
    _move(session, SessionStatus.PROCESSING)


def _move(session: AudioSession, target: SessionStatus) -> bool:
    """Take the session to `target` if the table allows it from where it is. Whether it moved."""
    moved = AudioSession.objects.filter(pk=session.pk, status__in=sources(SESSION_MOVES, target)).update(
        status=target, updated_at=timezone.now()
    )
    if moved:
        session.status = target
    return bool(moved)


def _same_again(user: Any, session: AudioSession) -> AudioSession:
    if session.tenant_id != user.tenant_id or session.user_id != user.pk:
        raise SessionConflict("This session id is taken. Choose another, or leave it out.")
    return session
