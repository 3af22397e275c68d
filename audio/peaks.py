"""The waveform of a recording: peaks measured once for each chunk, where it is decoded to be heard, and drawn anew.

1. Whoever analyses a chunk has its samples at hand and keeps its peaks (`keep`), in the same transaction.
2. `of` lays them out on the recording's own line, as its manifest is at the time, in as many points as are asked for.
3. What is masked in the transcript is silent there too, for everybody (`masked.py`): how loud digits are tells how
   they are said. Where, the answer says.
4. Of chunks that were heard before there were peaks they are made when somebody first asks (`order`, `make_for`).

Transcoding changes neither a chunk's length nor its peaks.
"""

import uuid
from collections.abc import Iterator
from typing import Final, TypedDict

import structlog
from celery import current_app
from django.db import transaction

from audio import cache, chunk_bytes, masked, sessions
from audio.analysis import decoding, peaks
from audio.analysis.decoding import Sound
from audio.analysis.peaks import Measured
from audio.errors import StoreUnavailable, TooLong, Undecodable, UnknownSession
from audio.manifest import Span
from audio.masked import ToldMasked
from audio.models import AudioChunk, AudioChunkQuerySet, AudioSession, ChunkPeaks
from audio.states import ProcessingStatus
from metrics import timings
from metrics.errors import RetryableMetricsError
from metrics.lanes import Lane

log = structlog.get_logger("earshot.peaks")

# More than any screen is wide.
MOST_POINTS: Final = 8000
# Of those that a worker makes after the fact it is told once, and again when it has not moved for so long.
KEY = "peaks:{session_id}"
_PATIENCE_SECONDS = 60
_BEING_HEARD = (ProcessingStatus.PENDING, ProcessingStatus.PROCESSING)

_broker = Lane("peaks")


class Waveform(TypedDict):
    """Seconds are on the recording's own line, of which `duration` is the length.

    `peaks` by channel, each a byte for `seconds_per_point` of `start` to `end` (see `audio.analysis.peaks`); 0 within
    what is `missing`: gaps, what has not come, what has not been measured; and within what is `masked`.
    `is_being_made`: more of it will be here.
    """

    duration: float
    channels: int
    start: float
    end: float
    seconds_per_point: float
    peaks: list[list[int]]
    missing: list[tuple[float, float]]
    masked: list[ToldMasked]
    is_being_made: bool


def measure(chunk: AudioChunk, sound: Sound) -> ChunkPeaks:
    """The chunk's peaks, to be kept."""
    return ChunkPeaks(chunk=chunk, bins=peaks.measure(sound, channels=chunk.session.channels))


def keep(measured: ChunkPeaks) -> None:
    """In place of what was measured before, within a transaction that has locked the session."""
    ChunkPeaks.objects.bulk_create([measured], update_conflicts=True, unique_fields=["chunk"], update_fields=["bins"])


@timings.measured("recordings.read_waveform")
def of(session: AudioSession, *, points: int, start: float = 0.0, end: float | None = None) -> Waveform:
    """The waveform from `start` to `end`, or to where it ends, in at most so many points and none finer than a bin.

    Has a worker make what could have been measured and was not. Raises what `calls` raises when it cannot tell what is
    masked.
    """
    whole = sessions.manifest_of(session)
    start = min(start, whole.duration)
    end = whole.duration if end is None else min(end, whole.duration)
    spans = [span for span in whole.spans if span.start < end and span.end > start]
    stretches, is_being_made = _stretches(session, spans)
    points = peaks.points_between(start, end, most=points)
    silent = masked.of(session, whole)
    found = peaks.drawn(
        stretches,
        channels=session.channels,
        start=start,
        end=end,
        points=points,
        quiet=[(one.start, one.end, one.channel) for one in silent],
    )
    return Waveform(
        duration=round(whole.duration, 6),
        channels=session.channels,
        start=round(start, 6),
        end=round(end, 6),
        seconds_per_point=(end - start) / points if points else 0.0,
        peaks=found.tolist(),
        missing=peaks.missing(stretches, start=start, end=end),
        masked=masked.told(silent, start=start, end=end),
        is_being_made=is_being_made,
    )


def _stretches(session: AudioSession, spans: list[Span]) -> tuple[list[Measured], bool]:
    """What was measured of the spans, and whether more of them is going to be."""
    if not spans:
        return [], False
    chunks = session.chunks.stored().filter(chunk_index__range=(spans[0].index, spans[-1].index))
    columns = ("chunk_index", "peaks__bins", "processing_status", "decoded_seconds")
    rows = {index: rest for index, *rest in chunks.order_by().values_list(*columns)}
    stretches = []
    to_be_measured = to_be_made = False
    for span in spans:
        bins, status, decoded = rows.get(span.index, (b"", "", None))
        if bins is not None:
            stretches.append(Measured(span.start, span.end, bins))
        elif decoded:
            to_be_made = not session.is_closed and session.sound_removed_at is None
        elif status in _BEING_HEARD:
            to_be_measured = True
    if to_be_made:
        order(session)
    return stretches, to_be_made or to_be_measured


def order(session: AudioSession) -> None:
    """Have a worker measure what was heard before there were peaks; best effort."""
    key = KEY.format(session_id=session.pk)
    if cache.get(key) is not None:
        return
    cache.put(key, b"ordered", life_seconds=_PATIENCE_SECONDS)

    def send() -> None:
        current_app.send_task("audio.make_peaks", args=[str(session.pk)], retry=False)

    _broker.do(send, what="peaks")


def unmeasured() -> AudioChunkQuerySet:
    """Chunks that were heard and have no peaks, and whose sound may still be read."""
    return AudioChunk.objects.stored().filter(
        decoded_seconds__gt=0, peaks=None, session__erased_side="", session__sound_removed_at=None
    )


def make_for(session_id: uuid.UUID) -> None:
    """Measure what was not, of one recording. What has been erased is no news; while a store is away the rest waits."""
    key = KEY.format(session_id=session_id)
    try:
        for _ in make(unmeasured().filter(session=session_id)):
            cache.put(key, b"being made", life_seconds=_PATIENCE_SECONDS)
    except (StoreUnavailable, RetryableMetricsError) as error:
        log.warning("peaks_postponed", session_id=str(session_id), error=type(error).__name__)
    else:
        cache.drop(key)


def make(chunks: AudioChunkQuerySet) -> Iterator[AudioChunk]:
    """Read, decode and measure the chunks, one after another; each, once that is done.

    Raises StoreUnavailable, and RetryableMetricsError when it cannot be told whether somebody has been erased.
    """
    for chunk in chunks.select_related("session").order_by("session", "chunk_index").iterator(chunk_size=100):
        try:
            _make(chunk)
        except UnknownSession:
            log.info("chunk_gone", session_id=str(chunk.session_id), chunk_index=chunk.chunk_index)
        yield chunk


def _make(chunk: AudioChunk) -> None:
    session = chunk.session
    try:
        body, container = chunk_bytes.read_file(chunk)
        measured = measure(chunk, decoding.decode(body, channels=session.channels, container=container))
    except (Undecodable, TooLong) as error:
        # So that it is not tried again: nothing is to be seen of it.
        log.warning("chunk_not_measured", session_id=str(session.pk), chunk_index=chunk.chunk_index, error=error.code)
        measured = ChunkPeaks(chunk=chunk, bins=b"")
    with transaction.atomic():
        sessions.refuse_forgotten(session)
        sessions.lock(session)
        keep(measured)
