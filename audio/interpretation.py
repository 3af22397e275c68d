"""What is made of the words and the sound of a chunk: how things were said, and what deserves a second look.

It needs no sound: what was measured of it is kept (`ChunkSignal`), so that it can be done again at any time, with other
rules, in milliseconds.
"""

import base64
from collections.abc import Sequence

import numpy as np
from django.db import transaction
from django.utils import timezone

from audio import jobs, parts, progress, rollups, sessions, suspicion, telling, transcripts
from audio.analysis import emotion, prosody
from audio.analysis.emotion import Baseline, EmotionStage, Estimate, Heard
from audio.analysis.prosody import Prosody
from audio.analysis.stages import Pipeline
from audio.analysis.suspicion import SuspicionStage
from audio.models import AnalysisJob, AudioChunk, ChunkSignal, HearingPolicy
from audio.parts import Around
from audio.speakers import SIDES
from audio.states import ProcessingStatus
from calls import conversations
from calls.documents import Emotion, Flag, Segment, part_of
from metrics import timings

# Chunks of a session by which a speaker's usual voice is known: ten minutes.
BASELINE_CHUNKS = 20
NOBODYS = "The company's settings ask for nobody's emotion here."
UNKNOWN_SIDES = "One channel does not tell which side speaks."

emotion_stage = EmotionStage()
suspicion_stage = SuspicionStage()


def interpret(job: AnalysisJob) -> None:
    """Estimate emotion, look for what is suspicious, put both into the call, and see whether that ends the session."""
    pipeline = Pipeline()
    now = timezone.now()
    with transaction.atomic():
        sessions.refuse_forgotten(job.chunk.session)
        session = sessions.lock(job.chunk.session)
        if not jobs.complete(job):
            return
        # What is read is read under the lock: nobody changes these words or their neighbours' before it is written.
        chunk = AudioChunk.objects.select_related("session", "signal").get(pk=job.chunk_id)
        around = parts.around(chunk.chunk_index)
        said = _said(chunk, around)
        emotions = _emotions(pipeline, chunk, said)
        flags = _flags(pipeline, chunk, around, said)
        conversations.store_estimates(
            tenant_id=session.tenant_id,
            call_id=session.call_id,
            parts=[*around, parts.WHOLE],
            emotions=emotions,
            flags=flags,
        )
        here = [flag for flag in flags or [] if chunk.start_time_seconds <= flag["start_time"] < chunk.ends_at]
        chunk = progress.change(
            chunk,
            pipeline.results,
            suspicious_activity_score=None if flags is None else suspicion.score(here),
            processed_at=now,
            processing_status=ProcessingStatus.COMPLETED,
            error="",
        )
        transaction.on_commit(lambda: _announce(chunk, [*around, parts.WHOLE], emotions, flags))
        sessions.settle(session)
    rollups.order(session)


def _said(chunk: AudioChunk, around: Around) -> list[Segment]:
    """What the parts that lie in a chunk say. Raises UnknownCall."""
    begun_here = conversations.segments_of_chunks(
        tenant_id=chunk.session.tenant_id,
        call_id=chunk.session.call_id,
        indexes=[chunk.chunk_index + step for step in (-1, 0, 1)],
    )
    return [segment for segment in begun_here if part_of(segment["segment_id"]) in around]


def _emotions(pipeline: Pipeline, chunk: AudioChunk, said: Sequence[Segment]) -> list[Emotion] | None:
    """An estimate for each segment of whoever's emotion is asked for; None when it could not be made."""
    speakers = HearingPolicy.of(chunk.session.tenant_id).emotion_speakers
    if not speakers or chunk.session.channels != len(SIDES):
        pipeline.skip(emotion_stage.name, UNKNOWN_SIDES if speakers else NOBODYS)
        return []
    asked = [segment for segment in said if segment["speaker"] in speakers]
    language = conversations.language_of(tenant_id=chunk.session.tenant_id, call_id=chunk.session.call_id)
    near = [
        one for one in (transcripts.neighbour(chunk, -1), chunk, transcripts.neighbour(chunk, +1)) if one is not None
    ]
    usual = {speaker: _baseline(chunk, SIDES.index(speaker)) for speaker in speakers}
    heard = [
        Heard(
            segment["text"],
            segment["confidence"],
            _voice(near, segment),
            usual[segment["speaker"]],
            language,
        )
        for segment in asked
    ]
    estimates = pipeline.attempt(emotion_stage, heard, lambda found: {"segments": len(found)})
    if estimates is None:
        return None
    return [_emotion(segment, estimate) for segment, estimate in zip(asked, estimates, strict=True)]


def _emotion(segment: Segment, estimate: Estimate) -> Emotion:
    return Emotion(
        segment_id=segment["segment_id"],
        start_time=segment["start_time"],
        end_time=segment["end_time"],
        emotion=estimate.emotion.value,
        score=estimate.score,
        method=estimate.method,
        engine=emotion_stage.engine,
        model=emotion_stage.model,
        version=emotion_stage.version,
    )


def _baseline(chunk: AudioChunk, channel: int) -> Baseline:
    """How one side usually speaks, by the chunks up to this one. Made anew each time, so that nothing counts twice."""
    measured = ChunkSignal.objects.filter(
        chunk__session=chunk.session_id, chunk__chunk_index__lte=chunk.chunk_index
    ).order_by("-chunk__chunk_index")
    packed = measured.values_list("prosody", flat=True)[:BASELINE_CHUNKS]
    return emotion.baseline(_prosody(channels, channel) for channels in packed)


def _voice(near: Sequence[AudioChunk], segment: Segment) -> Prosody:
    """How a segment sounds in its speaker's channel, over the chunks that it lies in."""
    channel = SIDES.index(segment["speaker"])
    pieces = [
        _prosody(chunk.signal.prosody, channel).between(
            segment["start_time"] - chunk.start_time_seconds, segment["end_time"] - chunk.start_time_seconds
        )
        for chunk in near
    ]
    return Prosody(np.concatenate([piece.pitch for piece in pieces]), np.concatenate([piece.level for piece in pieces]))


def _prosody(channels: Sequence[str], channel: int) -> Prosody:
    """Of one channel; empty where it could not be measured."""
    if channel >= len(channels):
        return prosody.measure(np.zeros(0, dtype=np.float32))
    return prosody.unpack(base64.b64decode(channels[channel]))


def _flags(pipeline: Pipeline, chunk: AudioChunk, around: Around, said: Sequence[Segment]) -> list[Flag] | None:
    """What the company's rules find in the chunk's parts and, with it, in the recording as a whole."""
    session = chunk.session
    rules = suspicion.rules_of(session.tenant_id)
    words = suspicion.words_by_part(around, said)
    here = suspicion.evidence_of_chunk(chunk, words=words, own=around.own)
    at_large = suspicion.evidence_of_whole(session)
    wanted = [(suspicion.here(rules), evidence) for evidence in here.values()]
    wanted += [(suspicion.at_large(rules), evidence) for evidence in at_large]
    found = pipeline.attempt_each(
        suspicion_stage, wanted, lambda found: {"reasons": sum(len(reasons) for reasons in found)}
    )
    if found is None:
        return None
    names = [*here, *(parts.WHOLE for _ in at_large)]
    return [
        flag for part, reasons in zip(names, found, strict=True) for flag in suspicion.flags(session, part, reasons)
    ]


def _announce(
    chunk: AudioChunk, parts: Sequence[str], emotions: list[Emotion] | None, flags: list[Flag] | None
) -> None:
    progress.announce("chunk_processed", chunk, parts=parts, emotions=emotions, flags=flags)
    announced_at = timezone.now()
    AudioChunk.objects.filter(pk=chunk.pk).update(announced_at=announced_at)
    timings.record_hop("transcribed_to_announced", chunk.transcribed_at, announced_at)
    timings.record_hop("captured_to_announced", chunk.captured_at, announced_at)
    telling.tell(chunk)
