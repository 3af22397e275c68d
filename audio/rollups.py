"""A recording in a few figures, of all that has been analysed so far.

The cache has them for an hour, under `analysis:{session_id}`. Losing them costs one question to the database.
"""

import uuid
from typing import TypedDict, cast

import orjson
import structlog
from celery import current_app
from django.db.models import Count, F, FloatField, Max, Q, Sum
from django.db.models.functions import Coalesce

from audio import cache, speakers
from audio.analysis import talk
from audio.analysis.talk import Talk
from audio.models import AudioSession
from audio.states import ProcessingStatus
from calls import conversations
from calls.errors import CallError
from metrics.lanes import Lane

log = structlog.get_logger("earshot.rollups")

KEY = "analysis:{session_id}"
LIFE_SECONDS = 3600
_broker = Lane("rollups")


class Part(TypedDict):
    """One speaker's part in the conversation, see `audio.analysis.talk.Talk`."""

    talk_seconds: float
    talk_share: float
    words: int
    words_per_minute: float | None
    interruptions: int | None


class RollUp(TypedDict):
    """Seconds of sound, of speech, of silence and of both at once; how often the word passes to another speaker."""

    analysed_chunks: int
    failed_chunks: int
    sound_seconds: float
    talk_seconds: float
    silence_seconds: float
    crosstalk_seconds: float
    speakers: dict[str, Part]
    speaker_changes: int
    most_speakers: int
    total_suspicious_score: float


def of(session: AudioSession) -> RollUp:
    """The figures, from the cache if it has them; of a recording without sound there is nothing to work out."""
    if not session.chunk_count:
        return _of_nothing()
    kept = cache.get(_key(session.pk))
    return make(session) if kept is None else cast("RollUp", orjson.loads(kept))


def order(session: AudioSession) -> None:
    """The figures have changed: whoever asks gets new ones, which a worker makes before anybody does; best effort."""
    cache.drop(_key(session.pk))

    def send() -> None:
        current_app.send_task("audio.roll_up_session", args=[str(session.pk)], retry=False)

    _broker.do(send, what="rollup")


def make_for(session_id: uuid.UUID) -> None:
    """As `make`, by id; one that has been erased is no news."""
    session = AudioSession.objects.filter(pk=session_id).first()
    if session is not None:
        make(session)


def make(session: AudioSession) -> RollUp:
    """Work the figures out of the rows and of the call, and keep them; not of a recording that is closed."""
    analysed = Q(analysed_at__isnull=False)
    speaking = F("voice_activity_ratio") * F("duration_seconds")
    rows = session.chunks.stored().aggregate(
        analysed=Count("pk", filter=analysed),
        failed=Count("pk", filter=Q(processing_status=ProcessingStatus.FAILED)),
        sound=Coalesce(Sum("duration_seconds", filter=analysed), 0.0),
        talk=Coalesce(Sum(speaking, filter=analysed, output_field=FloatField()), 0.0),
        suspicion=Coalesce(Sum("suspicious_activity_score"), 0.0),
        speakers=Coalesce(Max("speaker_count"), 0),
    )
    voices = speakers.voices_on_line(session)
    words, changes = _of_call(session)
    parts = talk.shared(voices, words, are_channels=session.channels == 2)
    found = RollUp(
        analysed_chunks=rows["analysed"],
        failed_chunks=rows["failed"],
        sound_seconds=round(rows["sound"], 3),
        talk_seconds=round(rows["talk"], 3),
        silence_seconds=round(rows["sound"] - rows["talk"], 3),
        crosstalk_seconds=talk.together(voices),
        speakers={speaker: _part(one) for speaker, one in parts.items()},
        speaker_changes=changes,
        most_speakers=rows["speakers"],
        total_suspicious_score=round(rows["suspicion"], 3),
    )
    cache.put(_key(session.pk), orjson.dumps(found), life_seconds=LIFE_SECONDS)
    if not AudioSession.objects.filter(pk=session.pk, erased_side="").exists():
        # Asked after it has been put: an erasure that closes the recording later finds it.
        cache.drop(_key(session.pk))
    return found


def _of_nothing() -> RollUp:
    return RollUp(
        analysed_chunks=0,
        failed_chunks=0,
        sound_seconds=0.0,
        talk_seconds=0.0,
        silence_seconds=0.0,
        crosstalk_seconds=0.0,
        speakers={},
        speaker_changes=0,
        most_speakers=0,
        total_suspicious_score=0.0,
    )


def _part(one: Talk) -> Part:
    return Part(
        talk_seconds=one.seconds,
        talk_share=one.share,
        words=one.words,
        words_per_minute=one.words_per_minute,
        interruptions=one.interruptions,
    )


def _of_call(session: AudioSession) -> tuple[dict[str, int], int]:
    """How many words each speaker says, and how often the word passes to another."""
    try:
        return conversations.words_and_changes(tenant_id=session.tenant_id, call_id=session.call_id)
    except CallError as error:
        # The sound is there while its call has been deleted, or is out of reach.
        log.info("words_not_counted", error=type(error).__name__)
        return {}, 0


def _key(session_id: uuid.UUID) -> str:
    return KEY.format(session_id=session_id)
