"""Recordings that go on, and work that is under way on any: ended for good, so that nothing more is taken in.

Of whoever recorded it, the register of the forgotten refuses everything already; of the other side, whose agent stays,
the closing of the recording does. What workers have in hand they may not write any more, since they lock the row first.
"""

from collections.abc import Sequence

from django.db import connection
from django.db.models import QuerySet

from audio import live, live_state, sessions
from audio.erasing import shares
from audio.erasing.shares import Shares
from audio.errors import UnknownSession
from audio.models import AnalysisJob, AudioSession
from audio.states import ENDED, ErasedSide, JobState, SessionStatus
from metrics.erasing import Progress, Subject, untold

_UNFINISHED = [JobState.WAITING.value, JobState.RUNNING.value]
_GOING_ON = [SessionStatus.RECORDING.value, SessionStatus.PROCESSING.value]


def count(subject: Subject, /) -> int:
    """Recordings that have neither ended nor been closed, and jobs that are to be done."""
    found = shares.of(subject)
    return sum(
        _open(subject, some).exclude(status__in=ENDED).count() + _jobs(some).count()
        for some in shares.batches(found.every)
    )


def erase(subject: Subject, /, *, progress: Progress = untold) -> int:
    """Close them all, also those that have ended, to which late chunks may come; and drop what was to be done."""
    found = shares.of(subject)
    # Of one that goes whole it is only the sign that it is closed.
    for_whole = ErasedSide.AGENT if subject.user_id is not None else ErasedSide.CLIENT
    ended = sum(_close_whole(subject, some, for_whole) for some in shares.batches(found.whole))
    for side in ErasedSide:
        ended += sum(_close_side(subject, some, side) for some in shares.batches(found.of_side(side)))
    for some in shares.batches(found.every):
        # By now nobody makes new ones of these.
        dropped, _ = _jobs(some).delete()
        ended += dropped
    progress(ended)
    _tell(subject, found)
    return ended


def search(subject: Subject, /) -> int:
    """As `count`, by the tables themselves, and by who recorded them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH theirs AS (
              SELECT id, status, erased_side FROM audio_audiosession
              WHERE tenant_id = %(tenant)s AND (id = ANY(%(ids)s::uuid[]) OR user_id = %(user)s)
            )
            SELECT (SELECT count(*) FROM theirs WHERE status = ANY(%(going_on)s) AND erased_side = '')
                 + (SELECT count(*) FROM audio_analysisjob job JOIN audio_audiochunk chunk ON chunk.id = job.chunk_id
                    WHERE job.state = ANY(%(unfinished)s) AND chunk.session_id IN (SELECT id FROM theirs))
            """,
            {
                "tenant": subject.tenant_id,
                "ids": sorted(subject.sessions),
                "user": subject.user_id,
                "going_on": _GOING_ON,
                "unfinished": _UNFINISHED,
            },
        )
        (found,) = cursor.fetchone()
    return int(found)


def _open(subject: Subject, ids: Sequence[str]) -> QuerySet[AudioSession]:
    return AudioSession.objects.filter(tenant=subject.tenant_id, pk__in=ids, erased_side="")


def _jobs(ids: Sequence[str]) -> QuerySet[AnalysisJob]:
    return AnalysisJob.objects.unfinished().filter(chunk__session__pk__in=ids)


def _close_whole(subject: Subject, ids: Sequence[str], side: ErasedSide) -> int:
    """Their rows go before long, so that nothing more is made of them."""
    going_on = list(_open(subject, ids).exclude(status__in=ENDED).values_list("pk", flat=True))
    _open(subject, ids).update(erased_side=side)
    for session_id in going_on:
        live.recording_changed(subject.tenant_id, str(session_id))
    return len(going_on)


def _close_side(subject: Subject, ids: Sequence[str], side: ErasedSide) -> int:
    """What the other side has said stays, and its recording ends as one that was left."""
    ended = 0
    while True:
        _open(subject, ids).filter(status__in=ENDED).update(erased_side=side)
        going_on = list(_open(subject, ids))
        if not going_on:
            return ended
        for session in going_on:
            try:
                ended += sessions.close(session, side=side)
            except UnknownSession:
                # Somebody else has erased it.
                continue


def _tell(subject: Subject, found: Shares) -> None:
    """Whoever watches; of sockets that were not noted, the next reading of rights finds out."""
    for session_id in set(live_state.sockets_of(found.every).values()):
        live.session_closed(subject.tenant_id, session_id, is_gone=session_id not in found.sides)
