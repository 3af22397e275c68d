"""What deserves a second look in a recording, by its company's rules.

Some rules look at one chunk ; others at all of the recording, since what they look for has no place in one chunk: a
silence, an extra speaker. What is found goes into the call as flags, each with its
time and evidence; those of one part replace what was found there before.
"""

import base64
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from audio import parts, speakers
from audio.analysis import loudness, prosody, suspicion
from audio.analysis.suspicion import Evidence, Jump, Reason, Repeat, Rule, Spoken
from audio.analysis.transcription import Word
from audio.analysis.voice_activity import Region
from audio.manifest import TOLERANCE_SECONDS
from audio.models import AudioChunk, AudioSession, ChunkSignal, HearingPolicy, SuspicionKind, SuspicionRule
from calls import conversations
from calls.documents import Flag, Segment, flag_id_of, part_of
from calls.errors import UnknownCall

_OF_WHOLE = frozenset({SuspicionKind.LONG_SILENCE.value, SuspicionKind.EXTRA_SPEAKER.value})


def rules_of(tenant_id: int) -> tuple[Rule, ...]:
    """The company's rules that are on; the built-in ones where it has none of its own."""
    rows = list(SuspicionRule.objects.filter(tenant_id=tenant_id))
    if not rows:
        return suspicion.DEFAULT_RULES
    return tuple(rule_of(row) for row in rows if row.is_on)


def rule_of(row: SuspicionRule) -> Rule:
    phrases = tuple(line.strip() for line in row.phrases.splitlines() if line.strip())
    return Rule(row.name, row.kind, row.weight, row.threshold, phrases)


def make_rules(tenant_id: int) -> None:
    """Write the built-in rules down for a company that has none, so that they can be edited."""
    if SuspicionRule.objects.filter(tenant_id=tenant_id).exists():
        return
    SuspicionRule.objects.bulk_create(
        SuspicionRule(
            tenant_id=tenant_id,
            name=rule.name,
            kind=rule.kind,
            weight=rule.weight,
            threshold=rule.threshold,
            phrases="\n".join(rule.phrases),
        )
        for rule in suspicion.DEFAULT_RULES
    )


def here(rules: Iterable[Rule]) -> list[Rule]:
    """Those that look at one chunk."""
    return [rule for rule in rules if rule.kind not in _OF_WHOLE]


def at_large(rules: Iterable[Rule]) -> list[Rule]:
    """Those that look at the whole recording."""
    return [rule for rule in rules if rule.kind in _OF_WHOLE]


def evidence_of_chunk(chunk: AudioChunk, *, words: Mapping[str, Sequence[Spoken]], own: str) -> dict[str, Evidence]:
    """Part → what is known of it. `words`: what each of the chunk's parts says; `own` is the one that is all its."""
    signal, start = chunk.signal, chunk.start_time_seconds
    told = {part: Evidence(start, chunk.ends_at, words=tuple(said)) for part, said in words.items()}
    told[own] = Evidence(
        start,
        chunk.ends_at,
        voices=_voices([signal]),
        words=tuple(words.get(own, ())),
        jumps=tuple(_jumps(chunk)),
        repeats=tuple(_repeats(chunk)),
    )
    return told


def evidence_of_whole(session: AudioSession) -> list[Evidence]:
    """What is known of all that has been measured by now, one for each stretch without a gap."""
    measured = list(
        ChunkSignal.objects.of_session(session).only(
            "regions", "turns", "speakers", "chunk__start_time_seconds", "chunk__declared_seconds"
        )
    )
    runs: list[list[ChunkSignal]] = []
    for signal in measured:
        if runs and abs(signal.chunk.start_time_seconds - runs[-1][-1].chunk.ends_at) <= TOLERANCE_SECONDS:
            runs[-1].append(signal)
        else:
            runs.append([signal])
    extra: Mapping[str, tuple[float, float]] = {}
    if session.channels == 1:
        extra = _extra_speakers(measured, HearingPolicy.of(session.tenant_id).expected_speakers)
    told = [
        Evidence(
            run[0].chunk.start_time_seconds,
            run[-1].chunk.ends_at,
            voices=_voices(run),
            silence_since=run[0].chunk.start_time_seconds,
        )
        for run in runs
    ]
    if extra:
        end = told[-1].end
        # Of all stretches together; nothing is said here of when somebody is silent.
        told.append(Evidence(told[0].start, end, silence_since=end, extra_speakers=extra))
    return told


def words_by_part(names: Iterable[str], said: Iterable[Segment]) -> dict[str, list[Spoken]]:
    """What each of the parts says, word by word."""
    words: dict[str, list[Spoken]] = {name: [] for name in names}
    for segment in said:
        words.get(part_of(segment["segment_id"]), []).extend(
            Spoken(Word(word["text"], word["start_time"], word["end_time"], word["confidence"]), segment["speaker"])
            for word in segment.get("words", [])
        )
    return words


def look_through(session: AudioSession, rules: Iterable[Rule]) -> list[Flag]:
    """All that rules would find in a recording as it has been heard; nothing is changed. Raises UnknownCall."""
    said = conversations.segments_of(tenant_id=session.tenant_id, call_id=session.call_id)
    every = list(rules)
    words = words_by_part({part_of(segment["segment_id"]) for segment in said}, said)
    found: list[Flag] = []
    for chunk in session.chunks.stored().filter(signal__isnull=False).select_related("signal").order_by("chunk_index"):
        around = parts.around(chunk.chunk_index)
        said_here = {part: words.pop(part, []) for part in (around.before, around.own)}
        for part, evidence in evidence_of_chunk(chunk, words=said_here, own=around.own).items():
            found += flags(session, part, suspicion.reasons(here(every), evidence))
    # After the last chunk, or where one is missing.
    for part, left in words.items():
        found += flags(session, part, suspicion.reasons(here(every), Evidence(0.0, 0.0, words=tuple(left))))
    for evidence in evidence_of_whole(session):
        found += flags(session, parts.WHOLE, suspicion.reasons(at_large(every), evidence))
    return found


def look_again(session: AudioSession) -> None:
    """Put into the call what is found in the whole recording as it is now; one that was deleted is no news."""
    rules = at_large(rules_of(session.tenant_id))
    found = [reason for evidence in evidence_of_whole(session) for reason in suspicion.reasons(rules, evidence)]
    try:
        conversations.store_estimates(
            tenant_id=session.tenant_id,
            call_id=session.call_id,
            parts=[parts.WHOLE],
            emotions=None,
            flags=flags(session, parts.WHOLE, found),
        )
    except UnknownCall:
        return


def flags(session: AudioSession, part: str, found: Iterable[Reason]) -> list[Flag]:
    """Reasons as the call has them; of two with one name and time the first."""
    told: dict[str, Flag] = {}
    for reason in found:
        # By its name a rule is known again; ids go into addresses, where names would not.
        rule = f"{zlib.crc32(reason.rule.name.encode()):08x}"
        flag = Flag(
            flag_id=flag_id_of(str(session.pk), part, rule, reason.start),
            rule=reason.rule.name,
            kind=reason.rule.kind,
            start_time=round(reason.start, 3),
            end_time=round(reason.end, 3),
            weight=reason.rule.weight,
            evidence=reason.evidence,
        )
        told.setdefault(flag["flag_id"], flag)
    return list(told.values())


def score(flags: Iterable[Flag]) -> float:
    return suspicion.score(flag["weight"] for flag in flags)


def _voices(run: Sequence[ChunkSignal]) -> tuple[tuple[Region, ...], ...]:
    """By channel, where somebody speaks, on the recording's own line."""
    channels = max(len(signal.regions) for signal in run)
    return tuple(
        tuple(
            Region(signal.chunk.start_time_seconds + start, signal.chunk.start_time_seconds + end)
            for signal in run
            if channel < len(signal.regions)
            for start, end in signal.regions[channel]
        )
        for channel in range(channels)
    )


def _extra_speakers(signals: Iterable[ChunkSignal], expected: int) -> dict[str, tuple[float, float]]:
    """Speaker → when first heard, and for how many seconds; of those after the first `expected`, by appearance."""
    heard: dict[str, tuple[float, float]] = {}
    for signal in signals:
        for turn in speakers.turns_of(signal.chunk, signal):
            first, seconds = heard.get(turn.speaker, (turn.start, 0.0))
            heard[turn.speaker] = (first, seconds + turn.end - turn.start)
    by_appearance = sorted(heard.items(), key=lambda one: one[1][0])
    return dict(by_appearance[expected:])


def _jumps(chunk: AudioChunk) -> list[Jump]:
    """Of the loudness of each who speaks, against their own course in the chunk; never of one against another."""
    start, signal = chunk.start_time_seconds, chunk.signal
    if len(signal.regions) == 1:
        voices = defaultdict(list)
        for begins, ends, voice in signal.turns:
            voices[voice].append(Region(begins, ends))
        spoken = [(packed, regions) for packed in signal.prosody for regions in voices.values()]
    else:
        spoken = [
            (packed, [Region(begins, ends) for begins, ends in channel])
            for packed, channel in zip(signal.prosody, signal.regions, strict=False)
        ]
    return [
        Jump(start + jump.time, jump.change)
        for packed, regions in spoken
        if packed
        for jump in loudness.level_jumps(prosody.unpack(base64.b64decode(packed)).level, regions)
    ]


def _repeats(chunk: AudioChunk) -> list[Repeat]:
    starts = dict(
        AudioChunk.objects.filter(
            session=chunk.session_id, chunk_index__in=[index for _, _, index, _, _ in chunk.signal.repeats]
        ).values_list("chunk_index", "start_time_seconds")
    )
    start = chunk.start_time_seconds
    return [
        Repeat(start + begins, start + ends, starts[index] + of_start, similarity)
        for begins, ends, index, of_start, similarity in chunk.signal.repeats
        if index in starts
    ]
