"""The words of a chunk: heard once and whole, also those that a boundary cuts in two, and put into the call.

A chunk is transcribed by itself between its two cuts, and so is what lies across each of its two boundaries
(`analysis/passages.py`); each of these is a part of the call (`parts.py`), replaced as a whole. Whoever finds both
sides of a boundary there joins them. A side that is alone is written down provisionally: it gives way when the other
comes, and stays when the recording ends.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from django.db import transaction
from django.utils import timezone

from audio import acoustics, chunk_bytes, jobs, parts, progress, sessions, speakers, transcoding
from audio.analysis import engines, passages
from audio.analysis.decoding import Sound
from audio.analysis.passages import Cuts, Piece, Side
from audio.analysis.stages import Pipeline
from audio.analysis.transcription import Passage, Transcriber, Utterance, Word, utterances
from audio.analysis.voice_activity import Region
from audio.errors import EngineUnavailable, TooLong, Undecodable
from audio.manifest import TOLERANCE_SECONDS
from audio.models import AnalysisJob, AudioChunk, AudioSession
from audio.speakers import SIDES, Turn
from audio.states import JobKind
from calls import conversations
from calls.documents import Segment, segment_id_of
from calls.documents import Word as WordOfCall
from metrics import timings

# Seconds between two words that one person says without a pause.
ONE_BREATH = 0.3
MOVED = "It begins elsewhere by now; it is heard again."


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the recording: its name, its pieces by channel, whether both of its sides are there.

    What begins before `boundary`, seconds on the recording's own line, is in the chunk before `chunk_index`.
    """

    name: str
    pieces: tuple[tuple[Piece, ...], ...]
    is_whole: bool
    chunk_index: int
    boundary: float


def transcribe(job: AnalysisJob) -> None:
    """Write down the words, put them into the call, and have looked at what they mean.

    The call is written before the row: whatever dies in between, the next attempt puts the same segments in the
    place of these.
    """
    chunk = AudioChunk.objects.select_related("session", "signal").get(pk=job.chunk_id)
    before, after = neighbour(chunk, -1), neighbour(chunk, +1)
    near = [one for one in (before, chunk, after) if one is not None]
    pipeline = Pipeline()
    language = conversations.language_of(tenant_id=chunk.session.tenant_id, call_id=chunk.session.call_id)
    wanted = _parts(chunk, before, after)
    engine = engines.transcriber()
    spoken = [
        Passage(piece.samples, piece.regions, language) for part in wanted for pieces in part.pieces for piece in pieces
    ]
    heard = _heard(pipeline, engine, spoken)
    said = _segments(chunk.session, wanted, iter(heard), near, engine.engine)
    now = timezone.now()
    with transaction.atomic():
        sessions.refuse_forgotten(chunk.session)
        session = sessions.lock(chunk.session)
        if _has_moved(near):
            # A predecessor came and moved one while it was being heard, so its words lie at wrong times.
            jobs.put_back(job, error=MOVED, attempt_counts=False)
            return
        if not jobs.complete(job):
            return
        wanted = [part for part in wanted if part.is_whole or not _is_joined(session, part)]
        segments = conversations.store_segments(
            tenant_id=session.tenant_id,
            call_id=session.call_id,
            parts=[part.name for part in wanted],
            segments=[_as_it_stands(segment, part, session) for part in wanted for segment in said[part.name]],
            end_time=chunk.end_time_seconds,
        )
        _note(session, near, wanted)
        chunk = progress.change(chunk, pipeline.results, transcribed_at=now)
        names = [part.name for part in wanted]
        transaction.on_commit(lambda: progress.announce("chunk_transcribed", chunk, parts=names, segments=segments))
        if transcoding.is_due(chunk):
            jobs.create(chunk, JobKind.TRANSCODING)
        has_company = before is None and neighbour(chunk, -1) is not None
        # Its predecessor was measured meanwhile and leaves what lies between them to this chunk.
        jobs.create(chunk, JobKind.TRANSCRIPTION if has_company else JobKind.INTERPRETATION)
    chunk_bytes.drop(chunk)
    timings.record_hop("analysed_to_transcribed", chunk.analysed_at, chunk.transcribed_at)


def _heard(pipeline: Pipeline, engine: Transcriber, spoken: Sequence[Passage]) -> list[tuple[Word, ...]]:
    """The words of each passage. None in any, where the engine is not to be had or does not know the language.

    What else was found out about the chunk stands without them; once there is an engine, this stage is run again.
    """
    try:
        return pipeline.run_each(engine, spoken, lambda found: {"words": sum(len(words) for words in found)})
    except EngineUnavailable as unavailable:
        pipeline.fail(engine, unavailable.message)
        return [()] * len(spoken)


def neighbour(chunk: AudioChunk, step: int) -> AudioChunk | None:
    """The chunk before or after, if it is there and has been measured."""
    there = chunk.session.chunks.stored().filter(chunk_index=chunk.chunk_index + step, signal__isnull=False)
    return there.select_related("session", "signal").first()


def _parts(chunk: AudioChunk, before: AudioChunk | None, after: AudioChunk | None) -> list[Part]:
    """What there is to be transcribed for a chunk. Raises Undecodable, TooLong, StoreUnavailable."""
    sides = _sides(chunk, _decoded(chunk))
    regions = [[Region(start, end) for start, end in channel] for channel in chunk.signal.regions]
    own = tuple(
        (passages.own(side.samples, heard, side.cuts, start=side.start),)
        for side, heard in zip(sides, regions, strict=True)
    )
    start, index = chunk.start_time_seconds, chunk.chunk_index
    wanted = [Part(parts.own(index), own, is_whole=True, chunk_index=index, boundary=start)]
    if index > 0:
        wanted.append(_across(_sides_if_decoded(before), sides, index, start))
    if after is None or not _is_yet_to_be_transcribed(after):
        wanted.append(_across(sides, _sides_if_decoded(after), index + 1, chunk.ends_at))
    return wanted


def _across(left: Sequence[Side] | None, right: Sequence[Side] | None, index: int, boundary: float) -> Part:
    """The part across the boundary before chunk `index`; of what is not there nothing."""
    channels = len(left or right or ())
    pieces = tuple(
        tuple(
            passages.across(
                left[channel] if left else None, right[channel] if right else None, tolerance=TOLERANCE_SECONDS
            )
        )
        for channel in range(channels)
    )
    is_whole = left is not None and right is not None
    return Part(parts.before(index), pieces, is_whole, index, right[0].start if right else boundary)


def _is_yet_to_be_transcribed(chunk: AudioChunk) -> bool:
    """Then it joins what lies before it, and nobody needs to do it twice."""
    return AnalysisJob.objects.unfinished().filter(chunk=chunk, kind=JobKind.TRANSCRIPTION).exists()


def _sides(chunk: AudioChunk, sound: Sound) -> list[Side]:
    cuts = [Cuts(*cut) for cut in chunk.signal.cuts]
    return [Side(samples, chunk.start_time_seconds, cut) for samples, cut in zip(sound.samples, cuts, strict=True)]


def _sides_if_decoded(chunk: AudioChunk | None) -> list[Side] | None:
    """A neighbour that cannot be decoded any more is as good as none."""
    if chunk is None:
        return None
    try:
        return _sides(chunk, _decoded(chunk))
    except (Undecodable, TooLong):
        return None


def _decoded(chunk: AudioChunk) -> Sound:
    return acoustics.decode(Pipeline(), chunk)


def _segments(
    session: AudioSession,
    wanted: Sequence[Part],
    heard: Iterator[tuple[Word, ...]],
    near: Sequence[AudioChunk],
    engine: str,
) -> dict[str, list[Segment]]:
    """Name of a part → its segments, in order of time. `heard`: the words of each piece, in the order of the pieces."""
    turns = [turn for chunk in near for turn in speakers.turns_of(chunk, chunk.signal)]
    said: dict[str, list[Segment]] = {}
    for part in wanted:
        spoken: list[tuple[str, Utterance]] = []
        for channel, pieces in enumerate(part.pieces):
            for piece in pieces:
                words = [_on_line(word, piece.start) for word in next(heard)]
                side = SIDES[channel] if len(part.pieces) == len(SIDES) else None
                spoken += _utterances(words, side, turns)
        spoken.sort(key=lambda one: one[1].start_time)
        said[part.name] = [
            Segment(
                segment_id=segment_id_of(str(session.pk), part.name, position),
                speaker=speaker,
                text=utterance.text,
                start_time=utterance.start_time,
                end_time=utterance.end_time,
                confidence=round(utterance.confidence, 3),
                words=[_word(word) for word in utterance.words],
                chunk_index=part.chunk_index - (utterance.start_time < part.boundary),
                engine=engine,
            )
            for position, (speaker, utterance) in enumerate(spoken)
        ]
    return said


def _on_line(word: Word, start: float) -> Word:
    return replace(word, start_time=round(start + word.start_time, 3), end_time=round(start + word.end_time, 3))


def _utterances(words: Sequence[Word], side: str | None, turns: Iterable[Turn]) -> list[tuple[str, Utterance]]:
    """Words as what each speaker says in one go; of one channel, its turns tell who says a word."""
    if side is not None:
        return [(side, utterance) for utterance in utterances(words)]
    told = list(turns)
    labels = _in_one_breath(words, [speakers.speaker_of(word, told) for word in words])
    by_speaker = groupby(zip(labels, words, strict=True), key=lambda one: one[0])
    return [(speaker, utterance) for speaker, run in by_speaker for utterance in utterances([word for _, word in run])]


def _in_one_breath(words: Sequence[Word], labels: Sequence[str]) -> list[str]:
    """The same speakers, but that of a word alone among another's goes by the word that it is said in one breath with.

    Turns are known to half a second: at their edges a word falls to the wrong side.
    """
    smooth = list(labels)
    for index, word in enumerate(words):
        pauses = {}
        if index > 0:
            pauses[index - 1] = word.start_time - words[index - 1].end_time
        if index + 1 < len(words):
            pauses[index + 1] = words[index + 1].start_time - word.end_time
        if pauses and all(smooth[other] != smooth[index] for other in pauses):
            nearest = min(pauses, key=lambda other: pauses[other])
            if pauses[nearest] < ONE_BREATH:
                smooth[index] = smooth[nearest]
    return smooth


def _word(word: Word) -> WordOfCall:
    return WordOfCall(
        text=word.text,
        start_time=word.start_time,
        end_time=word.end_time,
        confidence=round(word.confidence, 3),
    )


def _as_it_stands(segment: Segment, part: Part, session: AudioSession) -> Segment:
    """Provisional while its other side may come."""
    if part.is_whole or part.chunk_index == session.total_chunks:
        return segment
    return {**segment, "provisional": True}


def _has_moved(near: Sequence[AudioChunk]) -> bool:
    starts = {chunk.pk: chunk.start_time_seconds for chunk in near}
    now = AudioChunk.objects.filter(pk__in=starts).values_list("pk", "start_time_seconds")
    return dict(now) != starts


def _is_joined(session: AudioSession, part: Part) -> bool:
    """Whether somebody else found both sides of a boundary there meanwhile: then what one of them says is old."""
    return session.chunks.filter(chunk_index=part.chunk_index, is_joined=True).exists()


def _note(session: AudioSession, near: Sequence[AudioChunk], wanted: Sequence[Part]) -> None:
    """Which boundaries are joined by now, and what each chunk says in all."""
    joined = [part.chunk_index for part in wanted if part.is_whole and part.name == parts.before(part.chunk_index)]
    session.chunks.filter(chunk_index__in=joined).update(is_joined=True)
    texts = conversations.texts_of_chunks(
        tenant_id=session.tenant_id, call_id=session.call_id, indexes=[chunk.chunk_index for chunk in near]
    )
    for index, text in texts.items():
        session.chunks.filter(chunk_index=index).update(transcription=text)
