"""Who records now, a row each: what of all recordings that go on can be seen at a glance.

However many there are, it takes the same few queries, and however long they are, of each but the last few chunks are
read.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, Literal, TypedDict

import structlog
from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, F, Max, Min, OuterRef, Q
from django.db.models.functions import JSONObject
from django.utils import timezone

from audio import attention
from audio.attention import Condition, Need
from audio.models import AudioChunk, AudioSession, RecordingGap
from audio.states import GapCause, ProcessingStatus, SessionStatus
from calls import outlines
from calls.errors import RetryableCallError
from calls.outlines import Outline
from metrics import timings

log = structlog.get_logger("earshot.overview")

# More than record at once in the largest company that one server is for; of more, the newest are shown.
MOST_ROWS: Final = 2000
# Of the last so many chunks the level is shown, and of the last that was analysed the delay.
RECENT_CHUNKS: Final = 3

_NO_OUTLINE = Outline("", None, ())
_GOES_ON = Q(erased_side="") & (
    Q(status=SessionStatus.RECORDING) | Q(status=SessionStatus.PROCESSING, total_chunks__gt=F("chunk_count"))
)


class Person(TypedDict):
    id: int
    name: str


class VerdictSoFar(TypedDict):
    """How many gaps its recorder told of, pauses left out, and how many chunks are owed."""

    state: str
    gaps: int
    owed: int


class Row(TypedDict):
    """A recording that goes on, or one that has ended and waits for chunks (`state` is `processing`).

    `level` is in decibels of full scale, from about a minute ago until the last chunk that was measured. `needs` says
    why to look at it, what is worst first.
    """

    session_id: str
    call_id: str
    subject: str
    user: Person
    state: str
    paused: bool
    started_at: datetime
    last_chunk_at: datetime | None
    chunks: int
    delay_seconds: float | None
    flags: list[str]
    suspicion_score: float | None
    verdict: VerdictSoFar
    level: list[int]
    needs: list[Need]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One of the last that are stored."""

    index: int
    start: float
    seconds: float
    stored_at: datetime
    analysed_at: datetime | None
    levels: list[int]

    @classmethod
    def of(cls, told: dict[str, Any]) -> "_Chunk":
        analysed_at = told["analysed_at"]
        return cls(
            index=told["index"],
            start=told["start"],
            seconds=told["seconds"],
            stored_at=datetime.fromisoformat(told["stored_at"]),
            analysed_at=datetime.fromisoformat(analysed_at) if analysed_at else None,
            levels=told["levels"] or [],
        )


@timings.measured("recordings.read_overview")
def rows(tenant_id: int, session_ids: Collection[str] | None = None) -> list[Row]:
    """All of a company's that go on, the newest first and MOST_ROWS at most; or those of them that are named."""
    going_on = _going_on(tenant_id)
    if session_ids is not None:
        going_on = going_on.filter(pk__in=session_ids)
    sessions = list(going_on[:MOST_ROWS])
    ids = [session.pk for session in sessions]
    told = _outlines(tenant_id, [session.call_id for session in sessions])
    troubles, gaps = _troubles(ids), _gaps(ids)
    now = timezone.now()
    return [
        _row(
            session,
            outline=told.get(session.call_id, _NO_OUTLINE),
            trouble=troubles.get(session.pk, {}),
            gaps=gaps.get(session.pk, {}),
            now=now,
        )
        for session in sessions
    ]


def under_way(tenant_id: int | None, call_ids: Collection[str]) -> dict[str, Literal["recording", "arriving"]]:
    """Of a company's calls those whose recordings go on, or have ended and wait for chunks."""
    if not call_ids or tenant_id is None:
        return {}
    found = AudioSession.objects.filter(_GOES_ON, tenant_id=tenant_id, call_id__in=call_ids, abandoned_at=None)
    return {
        call_id: "recording" if status == SessionStatus.RECORDING else "arriving"
        for call_id, status in found.order_by().values_list("call_id", "status")
    }


def _going_on(tenant_id: int) -> Any:
    """Recording, or ended by their recorders before all that they counted had arrived; the newest first."""
    newest = AudioChunk.objects.stored().filter(session=OuterRef("pk")).order_by("-chunk_index")
    recent = newest.values(
        told=JSONObject(
            index="chunk_index",
            start="start_time_seconds",
            seconds="declared_seconds",
            stored_at="stored_at",
            analysed_at="analysed_at",
            levels=F("analysis_results__prosody__levels"),
        )
    )
    return (
        AudioSession.objects.filter(_GOES_ON, tenant_id=tenant_id, abandoned_at=None)
        .annotate(recent=ArraySubquery(recent[:RECENT_CHUNKS]))
        .select_related("user")
        .defer("metadata")
        .order_by("-created_at")
    )


def _troubles(session_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Of each recording with chunks that nobody has heard: how many failed, and since when the oldest waits."""
    unheard = [ProcessingStatus.PENDING, ProcessingStatus.PROCESSING, ProcessingStatus.FAILED]
    failed = Q(processing_status=ProcessingStatus.FAILED)
    found = (
        AudioChunk.objects.stored()
        .filter(session__in=session_ids, processing_status__in=unheard)
        .order_by()
        .values("session_id")
        .annotate(
            failed=Count("pk", filter=failed), waiting_since=Min("stored_at", filter=~failed & Q(analysed_at=None))
        )
    )
    return {one["session_id"]: dict(one) for one in found}


def _gaps(session_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Of each recording with gaps: how many are no pauses, whether one is paused, where the device was lost last."""
    paused = Q(cause=GapCause.PAUSE)
    found = (
        RecordingGap.objects.filter(session__in=session_ids)
        .order_by()
        .values("session_id")
        .annotate(
            lacking=Count("pk", filter=~paused),
            pauses=Count("pk", filter=paused & Q(end_seconds=None)),
            device_lost_at=Max("start_seconds", filter=Q(cause=GapCause.DEVICE, end_seconds=None)),
        )
    )
    return {one["session_id"]: dict(one) for one in found}


def _outlines(tenant_id: int, call_ids: Collection[str]) -> dict[str, Outline]:
    """Without the store of calls, nobody knows what the recordings are about; that they go on is known all the same."""
    try:
        return outlines.of(tenant_id, call_ids)
    except RetryableCallError as error:
        log.warning("outlines_not_read", error=type(error).__name__)
        return {}


def _row(
    session: Any,
    *,
    outline: Outline,
    trouble: dict[str, Any],
    gaps: dict[str, Any],
    now: datetime,
) -> Row:
    # The newest first.
    recent = [_Chunk.of(one) for one in session.recent]
    analysed = next((one for one in recent if one.analysed_at), None)
    delay = (analysed.analysed_at - analysed.stored_at).total_seconds() if analysed and analysed.analysed_at else None
    is_recording = session.status == SessionStatus.RECORDING
    is_paused = is_recording and bool(gaps.get("pauses"))
    owed = _owed(session, recent)
    condition = Condition(
        is_recording=is_recording,
        is_paused=is_paused,
        heard_of_at=session.last_activity_at,
        chunk_seconds=recent[0].seconds if recent else settings.EARSHOT_CHUNK_SECONDS,
        has_lost_device=is_recording and _has_lost_device(gaps.get("device_lost_at"), recent),
        owed=owed,
        owed_since=_owed_since(session, recent) if owed else None,
        failed=trouble.get("failed", 0),
        waiting_since=trouble.get("waiting_since"),
        delay_seconds=delay,
        suspicion_score=outline.suspicion_score,
    )
    return Row(
        session_id=str(session.pk),
        call_id=session.call_id,
        subject=outline.subject,
        user=Person(id=session.user_id, name=str(session.user)),
        state=session.status,
        paused=is_paused,
        started_at=session.start_time,
        last_chunk_at=max((one.stored_at for one in recent), default=None),
        chunks=session.chunk_count,
        delay_seconds=None if delay is None else round(delay, 1),
        flags=list(outline.flags),
        suspicion_score=outline.suspicion_score,
        verdict=VerdictSoFar(state=session.verdict_state, gaps=gaps.get("lacking", 0), owed=owed),
        level=[level for one in reversed(recent) for level in one.levels],
        needs=attention.needs(condition, now),
    )


def _owed(session: Any, recent: Sequence[_Chunk]) -> int:
    """How many chunks have not arrived: later ones have, or the recorder counted them."""
    counted = max(recent[0].index + 1 if recent else 0, session.total_chunks or 0)
    return max(0, counted - int(session.chunk_count))


def _owed_since(session: Any, recent: Sequence[_Chunk]) -> datetime | None:
    """When one of those that are owed ought to have been there; since the beginning, when it is longer than is known.

    That is when one arrived that follows it, or when the recorder counted them.
    """
    if session.status != SessionStatus.RECORDING:
        ended: datetime | None = session.end_time
        return ended
    within = recent[0].index + 1 - recent[-1].index - len(recent)
    if len(recent) == RECENT_CHUNKS and _owed(session, recent) > within:
        started: datetime = session.start_time
        return started
    after_holes = [one.stored_at for one, before in pairwise(recent) if one.index > before.index + 1]
    return min(after_holes, default=recent[-1].stored_at)


def _has_lost_device(lost_at: float | None, recent: Iterable[_Chunk]) -> bool:
    """A gap that nobody ended ends where sound begins again."""
    return lost_at is not None and all(one.start < lost_at for one in recent)
