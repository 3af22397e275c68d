"""What the workers do with a stored chunk: analyse it, write down what is said, make Opus of what is none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import structlog
from django.db import OperationalError, transaction
from django.utils import timezone
from numpy.typing import NDArray

from audio import chunk_bytes, jobs, progress, rollups, sessions, transcoding
from audio.analysis import decoding, engines, voice_activity
from audio.analysis.decoding import Sound
from audio.analysis.transcription import Passage, Transcriber, Utterance, utterances
from audio.errors import AudioError, RetryableAudioError, TooLong, Undecodable, UnknownSession
from audio.manifest import TOLERANCE_SECONDS
from audio.models import AnalysisJob, AudioChunk
from audio.states import JobKind, ProcessingStatus
from calls import conversations
from calls.documents import Segment, Word, segment_id_of
from calls.errors import CallError, PersonForgotten, RetryableCallError, UnknownCall
from metrics import timings
from metrics.errors import RetryableMetricsError

log = structlog.get_logger("earshot.hearing")

# Nothing is wrong with the chunk: a store is away. Such attempts do not count.
PASSING = (RetryableAudioError, RetryableCallError, RetryableMetricsError, OperationalError)
# Trying again is no use: the bytes will not change …
UNDECODABLE = (Undecodable, TooLong)
# … and a call that was deleted does not come back.
LASTING = (UnknownCall,)
# The chunk, or whoever is heard in it, has been erased meanwhile: what was found out is dropped.
GONE = (UnknownSession, PersonForgotten, AnalysisJob.DoesNotExist, AudioChunk.DoesNotExist)
MOVED = "It begins elsewhere by now; it is heard again."
SIDES = ("agent", "client")
UNKNOWN_SPEAKER = "unknown"


def work(job_id: int, *, task_id: str) -> None:
    """Do one job, if it is still to be done."""
    try:
        job = progress.begin(job_id, task_id=task_id)
        if job is not None:
            with structlog.contextvars.bound_contextvars(
                session_id=str(job.chunk.session_id), chunk_index=job.chunk.chunk_index, attempt=job.attempts
            ):
                _attempt(job)
    except GONE:
        log.info("chunk_gone", job_id=job_id)
    except RetryableMetricsError as error:
        # Whether somebody has been erased cannot be told at this moment. The sweep sends the job again.
        log.warning("job_postponed", job_id=job_id, error=type(error).__name__)


def _attempt(job: AnalysisJob) -> None:
    try:
        with jobs.lease_kept(job):
            WORK[JobKind(job.kind)](job)
    except GONE:
        raise
    except PASSING as error:
        log.warning("job_postponed", kind=job.kind, error=type(error).__name__)
        jobs.put_back(job, error=_said_of(error), attempt_counts=False)
    except UNDECODABLE as error:
        progress.give_up(job, error=error.message, **({"decoded_seconds": 0.0} if job.kind in progress.HEARING else {}))
    except LASTING as error:
        progress.give_up(job, error=error.message)
    except Exception as error:
        log.exception("job_attempt_failed", kind=job.kind)
        if jobs.is_exhausted(job):
            progress.give_up(job, error=_said_of(error))
        else:
            jobs.put_back(job, error=_said_of(error), attempt_counts=True)


def analyse(job: AnalysisJob) -> None:
    """Decode and find where somebody speaks; then have the words written down by whoever serves that queue."""
    chunk = job.chunk
    stages = progress.Stages()
    sound = stages.run("decode", lambda: _decode(chunk), lambda sound: _decode_result(chunk, sound))
    activity = stages.run(
        "voice_activity",
        lambda: voice_activity.detect(sound.mono),
        lambda activity: {
            "engine": voice_activity.ENGINE,
            "model": voice_activity.MODEL,
            "version": voice_activity.VERSION,
            "ratio": activity.ratio,
        },
    )
    with transaction.atomic():
        sessions.refuse_forgotten(chunk.session)
        sessions.lock(chunk.session)
        if not jobs.complete(job):
            return
        # Where it begins may have changed since the job began.
        chunk.refresh_from_db(fields=["start_time_seconds"])
        chunk = progress.change(
            chunk,
            stages.results,
            analysed_at=timezone.now(),
            decoded_seconds=sound.duration,
            duration_seconds=sound.duration,
            end_time_seconds=chunk.start_time_seconds + sound.duration,
            voice_activity_ratio=activity.ratio,
        )
        # Announced before the next job is dispatched, so that watchers hear of the one before the other.
        transaction.on_commit(lambda: progress.announce("chunk_analysed", chunk))
        jobs.create(chunk, JobKind.TRANSCRIPTION)
    timings.record_hop("stored_to_analysed", chunk.stored_at, chunk.analysed_at)


def transcribe(job: AnalysisJob) -> None:
    """Write down the words, put them into the call, and see whether that ends the session.

    The call is written before the row: whatever dies in between, the next attempt puts the same segments in the
    place of these.
    """
    chunk, session = job.chunk, job.chunk.session
    stages = progress.Stages()
    engine = engines.transcriber()
    sound = _decode(chunk)
    utterances = stages.run(
        "transcription",
        lambda: [_transcribe_channel(engine, samples) for samples in sound.samples],
        lambda _: {"engine": engine.engine, "model": engine.model, "version": engine.version},
    )
    segments = _segments(chunk, utterances, engine.engine)
    if not jobs.is_held(job):
        # The lease ran out meanwhile: whoever has the job now writes the call.
        return
    sessions.refuse_forgotten(session)
    segments = conversations.store_chunk_segments(
        tenant_id=session.tenant_id,
        call_id=session.call_id,
        chunk_index=chunk.chunk_index,
        segments=segments,
        end_time=chunk.end_time_seconds,
    )
    now = timezone.now()
    with transaction.atomic():
        sessions.refuse_forgotten(session)
        sessions.lock(session)
        if not AudioChunk.objects.filter(pk=chunk.pk, start_time_seconds=chunk.start_time_seconds).exists():
            # Its predecessor came and moved it while it was being heard, so its words lie at wrong times.
            jobs.put_back(job, error=MOVED, attempt_counts=False)
            return
        if not jobs.complete(job):
            return
        chunk = progress.change(
            chunk,
            stages.results,
            transcription=" ".join(segment["text"] for segment in segments),
            transcribed_at=now,
            processed_at=now,
            processing_status=ProcessingStatus.COMPLETED,
            error="",
        )
        transaction.on_commit(lambda: _announce_words(chunk, segments))
        if transcoding.is_due(chunk):
            jobs.create(chunk, JobKind.TRANSCODING)
        sessions.settle(session)
    chunk_bytes.drop(chunk)
    rollups.order(session)
    timings.record_hop("analysed_to_transcribed", chunk.analysed_at, chunk.transcribed_at)


WORK: dict[JobKind, Callable[[AnalysisJob], None]] = {
    JobKind.ANALYSIS: analyse,
    JobKind.TRANSCRIPTION: transcribe,
    JobKind.TRANSCODING: transcoding.transcode,
}


def _decode(chunk: AudioChunk) -> Sound:
    body, container = chunk_bytes.read_file(chunk)
    return decoding.decode(body, channels=chunk.session.channels, container=container)


def _decode_result(chunk: AudioChunk, sound: Sound) -> dict[str, Any]:
    shortfall = chunk.declared_seconds - sound.duration
    return {
        "seconds": sound.duration,
        "declared_seconds": chunk.declared_seconds,
        "short": shortfall > TOLERANCE_SECONDS,
    }


def _transcribe_channel(engine: Transcriber, samples: NDArray[np.float32]) -> tuple[Utterance, ...]:
    activity = voice_activity.detect(samples)
    engine.load()
    return utterances(engine.run(Passage(samples, activity.regions)))


def _segments(chunk: AudioChunk, channels: list[tuple[Utterance, ...]], engine: str) -> list[Segment]:
    """Utterances as segments of the call, on the recording's own line. Two channels tell who speaks; one does not."""
    speakers = SIDES if len(channels) == len(SIDES) else (UNKNOWN_SPEAKER,)
    spoken = [(utterance, speaker) for speaker, said in zip(speakers, channels, strict=True) for utterance in said]
    spoken.sort(key=lambda one: one[0].start_time)
    return [
        Segment(
            segment_id=segment_id_of(str(chunk.session_id), chunk.chunk_index, position),
            speaker=speaker,
            text=utterance.text,
            start_time=_on_line(chunk, utterance.start_time),
            end_time=_on_line(chunk, utterance.end_time),
            confidence=round(utterance.confidence, 3),
            words=[
                Word(
                    text=word.text,
                    start_time=_on_line(chunk, word.start_time),
                    end_time=_on_line(chunk, word.end_time),
                    confidence=round(word.confidence, 3),
                )
                for word in utterance.words
            ],
            chunk_index=chunk.chunk_index,
            engine=engine,
        )
        for position, (utterance, speaker) in enumerate(spoken)
    ]


def _on_line(chunk: AudioChunk, seconds: float) -> float:
    return round(chunk.start_time_seconds + seconds, 3)


def _announce_words(chunk: AudioChunk, segments: list[Segment]) -> None:
    progress.announce("chunk_transcribed", chunk, segments=segments)
    progress.announce("chunk_processed", chunk)
    announced_at = timezone.now()
    AudioChunk.objects.filter(pk=chunk.pk).update(announced_at=announced_at)
    timings.record_hop("transcribed_to_announced", chunk.transcribed_at, announced_at)
    timings.record_hop("captured_to_announced", chunk.captured_at, announced_at)


def _said_of(error: Exception) -> str:
    """For the row's `error`: our own messages as they are, of others' only the kind, which holds nobody's data."""
    return error.message if isinstance(error, AudioError | CallError) else f"Unexpected {type(error).__name__}."
