"""A recording heard as the product hears it, chunk by chunk, and how far that is from what was said."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np

from audio.analysis import decoding, passages, voice_activity
from audio.analysis.decoding import SAMPLE_RATE
from audio.analysis.evaluation.diarization import diarization_error, voice_activity_error
from audio.analysis.evaluation.recordings import Recording
from audio.analysis.evaluation.rttm import SpokenTurn
from audio.analysis.evaluation.words import word_error_rate
from audio.analysis.passages import Side
from audio.analysis.speakers import Speakers, SpeakerStage, settle
from audio.analysis.transcription import Passage, Transcriber
from audio.containers import sniff
from audio.errors import Undecodable

CHUNK_SECONDS = 30.0
COLLARS = (0.0, 0.25)
LONGEST_SECONDS = 4 * 3600.0
STAGES = ("decode", "voice_activity", "speakers", "transcription")


class Diarization(TypedDict):
    """Rates of the time spoken by COLLARS, `0.00` and `0.25`, and how many speakers there are in it."""

    error: dict[str, float]
    speakers: int


class Figures(TypedDict):
    """What came of one recording. Rates are shares, 0 is perfect; None where nothing is known to compare with."""

    name: str
    seconds: float
    word_error_rate: float | None
    words: int
    speech_missed: float | None
    speech_false_alarm: float | None
    speech_seconds: float
    speakers: int | None
    spoken_seconds: dict[str, float]
    found: Diarization | None
    one_for_all: Diarization | None
    one_for_each_segment: Diarization | None
    stage_seconds: dict[str, float]


@dataclass(slots=True)
class _Clock:
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - began


def evaluate(
    recording: Recording,
    *,
    transcriber: Transcriber,
    speakers: SpeakerStage,
    chunk_seconds: float = CHUNK_SECONDS,
    step: Callable[[float], None] = lambda _: None,
) -> Figures:
    """The figures of one recording; `step` is told after each chunk how many seconds have been heard.

    Raises Undecodable. Words are written down only where it is known what was said.
    """
    clock = _Clock()
    body = recording.path.read_bytes()
    with clock.of("decode"):
        container = sniff(body)
        if container is None:
            raise Undecodable(f"{recording.path} is no sound that is known here.")
        samples = decoding.decode(body, channels=1, container=container, longest_seconds=LONGEST_SECONDS).mono
    heard: list[Speakers] = []
    segments: list[SpokenTurn] = []
    texts: list[str] = []
    sides: list[Side] = []
    starts = [float(start) for start in np.arange(0.0, len(samples) / SAMPLE_RATE, chunk_seconds)]
    for start in starts:
        chunk = samples[round(start * SAMPLE_RATE) : round((start + chunk_seconds) * SAMPLE_RATE)]
        with clock.of("voice_activity"):
            regions = voice_activity.detect(chunk, begins_at=start).regions
        with clock.of("speakers"):
            heard.append(speakers.run((chunk, regions)))
        sides.append(Side(chunk, start, passages.cuts(chunk, regions, is_first=not sides)))
        pieces = [passages.own(chunk, regions, sides[-1].cuts, start=start)]
        if len(sides) > 1:
            # What the boundary cuts in two is heard whole, as the product hears it.
            pieces = passages.across(sides[-2], sides[-1], tolerance=0.0) + pieces
        if start == starts[-1]:
            pieces += passages.across(sides[-1], None, tolerance=0.0)
        if recording.text is not None:
            with clock.of("transcription"):
                for piece in pieces:
                    texts += [word.text for word in transcriber.run(Passage(piece.samples, piece.regions))]
        segments += [
            SpokenTurn(start + region.start, start + region.end, f"segment {len(segments) + index}")
            for index, region in enumerate(regions)
        ]
        step(start + len(chunk) / SAMPLE_RATE)
    with clock.of("speakers"):
        labels = settle([chunk.voices for chunk in heard])
    found = [
        SpokenTurn(start + turn.start, start + turn.end, f"speaker {chunk_labels[turn.voice]}")
        for start, chunk, chunk_labels in zip(starts, heard, labels, strict=True)
        for turn in chunk.turns
    ]
    return _figures(recording, found, segments, " ".join(texts), clock, duration=len(samples) / SAMPLE_RATE)


def _figures(
    recording: Recording,
    found: Sequence[SpokenTurn],
    segments: Sequence[SpokenTurn],
    text: str,
    clock: _Clock,
    *,
    duration: float,
) -> Figures:
    spoken = recording.turns
    activity = None if spoken is None else voice_activity_error(spoken, segments, duration=duration)
    everybody = [SpokenTurn(turn.start, turn.end, "one") for turn in segments]
    return Figures(
        name=recording.name,
        seconds=duration,
        word_error_rate=None if recording.text is None else word_error_rate(recording.text, text),
        words=len((recording.text or "").split()),
        speech_missed=activity.missed_rate if activity else None,
        speech_false_alarm=activity.false_alarm_rate if activity else None,
        speech_seconds=activity.speech if activity else 0.0,
        spoken_seconds={
            f"{collar:.2f}": diarization_error(spoken or (), (), collar=collar).spoken for collar in COLLARS
        },
        speakers=None if spoken is None else len({turn.speaker for turn in spoken}),
        found=_diarization(spoken, found),
        one_for_all=_diarization(spoken, everybody),
        one_for_each_segment=_diarization(spoken, segments),
        stage_seconds=clock.seconds,
    )


def _diarization(spoken: Sequence[SpokenTurn] | None, found: Sequence[SpokenTurn]) -> Diarization | None:
    if spoken is None:
        return None
    errors = {f"{collar:.2f}": diarization_error(spoken, found, collar=collar).rate for collar in COLLARS}
    return Diarization(error=errors, speakers=len({turn.speaker for turn in found}))
