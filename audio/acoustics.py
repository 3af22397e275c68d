"""What the sound of a chunk tells before any word is known: whether, who and how somebody speaks."""

import base64
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from audio import chunk_bytes, jobs, peaks, progress, sessions, speakers
from audio.analysis import loudness, passages, prosody, repetition
from audio.analysis.decoding import DecodeStage, Encoded, Sound
from audio.analysis.passages import Cuts
from audio.analysis.prosody import Prosody, ProsodyStage
from audio.analysis.repetition import Fingerprint, FingerprintStage, Repeat
from audio.analysis.speakers import Speakers, SpeakerStage
from audio.analysis.stages import Pipeline
from audio.analysis.voice_activity import PADDING, Channels, Region, VoiceActivity, VoiceActivityStage, joined
from audio.manifest import TOLERANCE_SECONDS
from audio.models import AnalysisJob, AudioChunk, ChunkSignal
from audio.states import JobKind
from metrics import timings

# Chunks before this one in which sound that was heard before is looked for: half an hour.
REMEMBERED_CHUNKS = 60
# How loud a chunk is, for a small picture of it, is told in so many pieces.
LEVEL_PIECES = 8

decode_stage = DecodeStage()
voice_stage = VoiceActivityStage()
speaker_stage = SpeakerStage()
prosody_stage = ProsodyStage()
fingerprint_stage = FingerprintStage()


def analyse(job: AnalysisJob) -> None:
    """Measure a chunk, announce what the sound tells, and have its words written down by whoever serves that queue."""
    chunk = job.chunk
    pipeline = Pipeline()
    sound = decode(pipeline, chunk)
    activity = pipeline.run(
        voice_stage,
        Channels(tuple(sound.samples), chunk.start_time_seconds),
        lambda found: {"ratio": _ratio(found, sound.duration)},
    )
    told_apart = None
    if len(sound.samples) == 1:
        given = (sound.samples[0], activity[0].regions)
        told_apart = pipeline.attempt(speaker_stage, given, lambda found: {"voices": len(found.voices)})
    else:
        pipeline.skip(speaker_stage.name, "Two channels tell who speaks.")
    spoken = pipeline.attempt_each(prosody_stage, list(sound.samples), _levels) or []
    fingerprint = pipeline.attempt(fingerprint_stage, (sound.mono, _anybody(activity, sound.duration)))
    cuts = [
        passages.cuts(samples, found.regions, is_first=chunk.chunk_index == 0)
        for samples, found in zip(sound.samples, activity, strict=True)
    ]
    values = _signal(activity, cuts, told_apart, spoken, fingerprint)
    loudest = peaks.measure(chunk, sound)
    with transaction.atomic():
        sessions.refuse_forgotten(chunk.session)
        session = sessions.lock(chunk.session)
        if not jobs.complete(job):
            return
        labels = speakers.label(session, told_apart.voices) if told_apart else []
        repeats = _repeats(chunk, fingerprint)
        ChunkSignal.objects.update_or_create(chunk=chunk, defaults={**values, "speakers": labels, "repeats": repeats})
        peaks.keep(loudest)
        # Where it begins may have changed since the job began.
        chunk.refresh_from_db(fields=["start_time_seconds"])
        chunk = progress.change(
            chunk,
            pipeline.results,
            analysed_at=timezone.now(),
            decoded_seconds=sound.duration,
            duration_seconds=sound.duration,
            end_time_seconds=chunk.start_time_seconds + sound.duration,
            voice_activity_ratio=_ratio(activity, sound.duration),
            speaker_count=_speaker_count(activity, labels),
        )
        # Announced before the next job is dispatched, so that watchers hear of the one before the other.
        transaction.on_commit(lambda: progress.announce("chunk_analysed", chunk))
        jobs.create(chunk, JobKind.TRANSCRIPTION)
    timings.record_hop("stored_to_analysed", chunk.stored_at, chunk.analysed_at)


def decode(pipeline: Pipeline, chunk: AudioChunk) -> Sound:
    """The chunk's samples. Raises Undecodable, TooLong, StoreUnavailable."""
    body, container = chunk_bytes.read_file(chunk)

    def tell(sound: Sound) -> dict[str, Any]:
        shortfall = chunk.declared_seconds - sound.duration
        return {
            "seconds": sound.duration,
            "declared_seconds": chunk.declared_seconds,
            "short": shortfall > TOLERANCE_SECONDS,
        }

    return pipeline.run(decode_stage, Encoded(body, container, chunk.session.channels), tell)


def _levels(spoken: Sequence[Prosody]) -> dict[str, Any]:
    return {"levels": loudness.course([one.level for one in spoken], pieces=LEVEL_PIECES)}


def _signal(
    activity: Sequence[VoiceActivity],
    cuts: Sequence[Cuts],
    told_apart: Speakers | None,
    spoken: Sequence[Prosody],
    fingerprint: Fingerprint | None,
) -> dict[str, Any]:
    """The columns of ChunkSignal, but for those that depend on the session's other chunks."""
    voices = told_apart.voices if told_apart else ()
    return {
        "regions": [[[round(one.start, 3), round(one.end, 3)] for one in found.regions] for found in activity],
        "cuts": [[cut.opening, cut.closing] for cut in cuts],
        "turns": [[round(turn.start, 3), round(turn.end, 3), turn.voice] for turn in told_apart.turns]
        if told_apart
        else [],
        "voice_seconds": [voice.seconds for voice in voices],
        "voice_prints": speakers.pack(voices),
        "prosody": [base64.b64encode(prosody.pack(one)).decode() for one in spoken],
        "fingerprint": b"" if fingerprint is None else repetition.pack(fingerprint),
    }


def _repeats(chunk: AudioChunk, fingerprint: Fingerprint | None) -> list[list[float]]:
    """What of the chunk had been heard before in its session: [[start, end, chunk, start there, similarity], …]."""
    if fingerprint is None:
        return []
    before = ChunkSignal.objects.filter(
        chunk__session=chunk.session_id,
        chunk__chunk_index__lt=chunk.chunk_index,
        chunk__chunk_index__gte=chunk.chunk_index - REMEMBERED_CHUNKS,
    ).exclude(fingerprint=b"")
    known = [
        (index, repetition.unpack(bytes(packed)))
        for index, packed in before.values_list("chunk__chunk_index", "fingerprint").order_by("chunk__chunk_index")
    ]
    found: tuple[Repeat[int], ...] = repetition.repeats(fingerprint, known)
    return [[one.start, one.end, one.of_key, one.of_start, round(one.similarity, 3)] for one in found]


def _ratio(activity: Sequence[VoiceActivity], duration: float) -> float:
    """The share of the time in which anybody speaks."""
    if len(activity) == 1 or not duration:
        return activity[0].ratio
    # Without what each was padded with: two channels' paddings do not add up to speech.
    return min(1.0, sum(max(0.0, one.duration - 2 * PADDING) for one in _anybody(activity, duration)) / duration)


def _anybody(activity: Sequence[VoiceActivity], duration: float) -> tuple[Region, ...]:
    regions = sorted((one for found in activity for one in found.regions), key=lambda region: region.start)
    return joined(regions, gap=0.0, padding=0.0, duration=duration)


def _speaker_count(activity: Sequence[VoiceActivity], labels: Sequence[int]) -> int:
    if len(activity) == 1:
        return len(set(labels))
    return sum(bool(found.regions) for found in activity)
