"""Who speaks in a session: labels while it goes on, and the corrected ones at its end.

Two channels tell who speaks: agent on the first, client on the second. With one, each chunk's voices are compared with
those heard so far (`label`), in whatever order chunks come. At the end all of them are compared with all (`correct`),
so that one person has one label through the session, numbered by who spoke first; what changes is put right in the
call and announced.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from django.db import transaction
from numpy.typing import NDArray

from audio import live
from audio.analysis import speakers as diarization
from audio.analysis.speakers import Voice
from audio.analysis.transcription import Word
from audio.analysis.voice_activity import Region
from audio.models import AudioChunk, AudioSession, ChunkSignal, SessionVoice
from calls import conversations
from calls.documents import Speaker
from calls.errors import UnknownCall

log = structlog.get_logger("earshot.speakers")

SIDES = ("agent", "client")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody speaks from `start` to `end`, seconds on the recording's own line."""

    start: float
    end: float
    speaker: str


def name_of(number: int) -> str:
    return f"speaker_{number + 1}"


def label(session: AudioSession, voices: Sequence[Voice]) -> list[int]:
    """Which speaker of the session each voice of a chunk is, as far as one knows by now.

    Within the transaction that locked the session.
    """
    if not voices:
        return []
    known = list(session.voices.order_by("number"))
    heard = [Voice(np.frombuffer(bytes(one.print), dtype=np.float32), one.seconds) for one in known]
    labels, heard = diarization.recognise(voices, heard)
    _keep(session, heard)
    return labels


def pack(voices: Sequence[Voice]) -> bytes:
    return b"".join(voice.print.astype(np.float16).tobytes() for voice in voices)


def voices_of(signal: ChunkSignal) -> list[Voice]:
    prints = np.frombuffer(bytes(signal.voice_prints), dtype=np.float16).astype(np.float32)
    rows = prints.reshape(len(signal.voice_seconds), -1) if signal.voice_seconds else prints
    return [Voice(row, seconds) for row, seconds in zip(rows, signal.voice_seconds, strict=True)]


def turns_of(chunk: AudioChunk, signal: ChunkSignal, labels: Sequence[int] | None = None) -> list[Turn]:
    """Who speaks when in a chunk of one channel, on the recording's own line; by its labels, or by others."""
    numbers = signal.speakers if labels is None else labels
    return [
        Turn(
            chunk.start_time_seconds + start,
            chunk.start_time_seconds + end,
            name_of(numbers[voice]) if voice < len(numbers) else UNKNOWN,
        )
        for start, end, voice in signal.turns
    ]


def voices_on_line(session: AudioSession) -> dict[str, list[Region]]:
    """Speaker → where they speak in all that has been measured, in order, on the recording's own line."""
    measured = ChunkSignal.objects.of_session(session).only("regions", "turns", "speakers", "chunk__start_time_seconds")
    voices: defaultdict[str, list[Region]] = defaultdict(list)
    for signal in measured:
        if len(signal.regions) == len(SIDES):
            start = signal.chunk.start_time_seconds
            for side, regions in zip(SIDES, signal.regions, strict=True):
                voices[side] += [Region(start + begins, start + ends) for begins, ends in regions]
        else:
            for turn in turns_of(signal.chunk, signal):
                voices[turn.speaker].append(Region(turn.start, turn.end))
    return dict(voices)


def speaker_of(word: Word, turns: Iterable[Turn]) -> str:
    """Who says a word, its times on the line of the turns: whoever speaks for most of it, else whoever is nearest."""
    best, speaker = -np.inf, UNKNOWN
    for turn in turns:
        # Negative: how far the turn is away.
        shared = min(word.end_time, turn.end) - max(word.start_time, turn.start)
        if shared > best:
            best, speaker = shared, turn.speaker
    return speaker


def correct(session: AudioSession) -> list[AudioChunk]:
    """Compare all voices of a session of one channel, and put right what was thought of them. Which chunks changed.

    Within the transaction that locked the session. Again is the same as once. Announced after the commit.
    """
    if session.channels != 1:
        return []
    signals = list(
        ChunkSignal.objects.of_session(session).only(
            "speakers",
            "voice_prints",
            "voice_seconds",
            "turns",
            "chunk__chunk_index",
            "chunk__session_id",
            "chunk__start_time_seconds",
        )
    )
    voices = [voices_of(signal) for signal in signals]
    settled = diarization.settle(voices)
    changed = [
        (signal, labels)
        for signal, labels in zip(signals, settled, strict=True)
        if list(labels) != list(signal.speakers)
    ]
    _tell_call(session, signals, changed, settled)
    for signal, labels in changed:
        signal.speakers = list(labels)
        signal.save(update_fields=["speakers"])
        AudioChunk.objects.filter(pk=signal.chunk_id).update(speaker_count=len(set(labels)))
    if changed:
        _keep(session, _people(voices, settled))
        log.info("speakers_corrected", session_id=str(session.pk), chunks=len(changed))
    return [signal.chunk for signal, _ in changed]


def _tell_call(
    session: AudioSession,
    signals: Sequence[ChunkSignal],
    changed: Sequence[tuple[ChunkSignal, Sequence[int]]],
    settled: Sequence[Sequence[int]],
) -> None:
    """Give the segments of the chunks that changed their speakers, and the call its list of them."""
    labels_of = dict(zip((signal.pk for signal in signals), settled, strict=True))
    turns = {signal.chunk.chunk_index: turns_of(signal.chunk, signal, labels_of[signal.pk]) for signal in signals}
    touched = {signal.chunk.chunk_index for signal, _ in changed}
    corrections: defaultdict[str, list[str]] = defaultdict(list)
    try:
        said = conversations.segments_of(tenant_id=session.tenant_id, call_id=session.call_id) if changed else []
        for segment in said:
            index = segment.get("chunk_index", -1)
            if index not in touched and index + 1 not in touched:
                continue
            # By the sound, not by what the label was: so that correcting what has been corrected changes nothing.
            whole = Word(segment["text"], segment["start_time"], segment["end_time"], segment["confidence"])
            speaker = speaker_of(whole, [*turns.get(index, []), *turns.get(index + 1, [])])
            if speaker not in (UNKNOWN, segment["speaker"]):
                corrections[speaker].append(segment["segment_id"])
        conversations.correct_speakers(
            tenant_id=session.tenant_id,
            call_id=session.call_id,
            corrections=corrections,
            speakers=_speakers(signals, settled),
        )
    except UnknownCall:
        # The sound outlives a call that was deleted.
        return
    if corrections:
        transaction.on_commit(
            lambda: live.announce("speakers_corrected", str(session.pk), corrections=dict(corrections))
        )


def _speakers(signals: Sequence[ChunkSignal], settled: Sequence[Sequence[int]]) -> list[Speaker]:
    seconds: defaultdict[int, float] = defaultdict(float)
    for signal, labels in zip(signals, settled, strict=True):
        for start, end, voice in signal.turns:
            seconds[labels[voice]] += end - start
    return [Speaker(speaker=name_of(number), seconds=round(seconds[number], 3)) for number in sorted(seconds)]


def _people(voices: Sequence[Sequence[Voice]], settled: Sequence[Sequence[int]]) -> list[Voice]:
    """One voice for each speaker: the mean of theirs, by how long each was heard."""
    sums: dict[int, tuple[NDArray[np.float32], float]] = {}
    for chunk, labels in zip(voices, settled, strict=True):
        for voice, number in zip(chunk, labels, strict=True):
            total, seconds = sums.get(number, (np.zeros_like(voice.print), 0.0))
            sums[number] = (total + voice.print * np.float32(voice.seconds), seconds + voice.seconds)
    return [
        Voice(total / np.float32(max(float(np.linalg.norm(total)), 1e-9)), seconds)
        for _, (total, seconds) in sorted(sums.items())
    ]


def _keep(session: AudioSession, heard: Sequence[Voice]) -> None:
    session.voices.all().delete()
    SessionVoice.objects.bulk_create(
        SessionVoice(
            session=session, number=number, print=voice.print.astype(np.float32).tobytes(), seconds=voice.seconds
        )
        for number, voice in enumerate(heard)
    )
