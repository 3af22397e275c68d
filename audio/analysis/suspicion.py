"""What deserves a second look: rules over what was measured and said, and a score with its reasons. Pure.

A rule looks at one stretch of a recording and at what went before it. What it finds says when and why, in words for
whoever looks. Scores are no probabilities that anybody measured: they add up the weights that a company gave its rules.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Final, NamedTuple

from audio.analysis.transcription import Word
from audio.analysis.voice_activity import Region

# A rule that finds the same over and over fills pages that nobody reads.
MOST_FOUND_BY_A_RULE = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """`threshold` is seconds, decibels or a confidence, by kind; `phrases` are for the kind that lists them."""

    name: str
    kind: str
    weight: float
    threshold: float
    phrases: tuple[str, ...] = ()


class Repeat(NamedTuple):
    """Sound from `start` to `end` that had been heard from `of_start` on."""

    start: float
    end: float
    of_start: float
    similarity: float


class Jump(NamedTuple):
    time: float
    change_db: float


class Spoken(NamedTuple):
    """A word with its speaker, times on the recording's own line."""

    word: Word
    speaker: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a stretch from `start` to `end`, seconds on the recording's own line, as all times here.

    `voices`: by channel, where somebody speaks. `silence_since`: when somebody spoke last before the stretch; its
    start, when nothing is known of what went before. `extra_speakers`: speaker beyond those expected → when they are
    first heard here, and for how many seconds.
    """

    start: float
    end: float
    voices: tuple[tuple[Region, ...], ...] = ()
    silence_since: float = 0.0
    words: tuple[Spoken, ...] = ()
    extra_speakers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    jumps: tuple[Jump, ...] = ()
    repeats: tuple[Repeat, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something deserves a second look: which rule found what, when."""

    rule: Rule
    start: float
    end: float
    evidence: str


# A company that has set no rules has these. Seconds, decibels and weights are a first guess that nobody measured: a
# company's reviewers say which flags are right, and `manage.py try_suspicion_rules` what another rule would have said.
DEFAULT_RULES = (
    Rule("Somebody else is there", "extra_speaker", 0.3, 3.0),
    Rule(
        "Words of pressure or fraud",
        "listed_phrase",
        0.4,
        0.6,
        ("gift card", "remote access", "wire transfer", "verification code", "do not tell anyone", "your pin"),
    ),
    Rule("Nobody speaks", "long_silence", 0.1, 20.0),
    Rule("Suddenly louder or fainter", "level_jump", 0.1, 15.0),
    Rule("Both talk at once", "crosstalk", 0.1, 3.0),
    Rule("Played from a recording", "playback", 0.3, 3.0),
)


class SuspicionStage:
    """Rules over evidence as a stage: all that they find in each piece of it."""

    name: Final = "suspicion"
    engine: Final = "earshot"
    model: Final = "rules"
    version: Final = "1"

    def health(self) -> None:
        """It needs nothing that could be missing."""

    def load(self) -> None:
        """There is nothing to load."""

    def run(self, given: tuple[Sequence[Rule], Evidence], /) -> tuple[Reason, ...]:
        rules, evidence = given
        return reasons(rules, evidence)


def reasons(rules: Iterable[Rule], evidence: Evidence) -> tuple[Reason, ...]:
    """All that the rules find, in order of time."""
    found = [reason for rule in rules for reason in _first(FINDERS[rule.kind](rule, evidence))]
    return tuple(sorted(found, key=lambda reason: (reason.start, reason.rule.name)))


def score(weights: Iterable[float]) -> float:
    """0 to 1: each reason takes its share of what those before it have left."""
    return round(1 - prod(1 - weight for weight in weights), 3)


def _first(found: Iterator[Reason]) -> list[Reason]:
    return [reason for reason, _ in zip(found, range(MOST_FOUND_BY_A_RULE), strict=False)]


def _extra_speaker(rule: Rule, evidence: Evidence) -> Iterator[Reason]:
    for speaker, (time, seconds) in evidence.extra_speakers.items():
        if seconds >= rule.threshold:
            told = f"{speaker.replace('_', ' ').capitalize()} is heard for {seconds:.1f} s and was not expected."
            yield Reason(rule, time, min(time + seconds, evidence.end), told)


def _listed_phrase(rule: Rule, evidence: Evidence) -> Iterator[Reason]:
    wanted = [tuple(_plain(phrase)) for phrase in rule.phrases if _plain(phrase)]
    for speaker in dict.fromkeys(spoken.speaker for spoken in evidence.words):
        said = [spoken.word for spoken in evidence.words if spoken.speaker == speaker]
        plain = [(part, word) for word in said for part in _plain(word.text)]
        begins: defaultdict[str, list[int]] = defaultdict(list)
        for at, (part, _) in enumerate(plain):
            begins[part].append(at)
        for phrase in wanted:
            for at in begins.get(phrase[0], ()):
                words = [word for _, word in plain[at : at + len(phrase)]]
                if tuple(part for part, _ in plain[at : at + len(phrase)]) != phrase:
                    continue
                confidence = sum(word.confidence for word in words) / len(words)
                if confidence >= rule.threshold:
                    told = f"“{' '.join(phrase)}” was said, as the transcript has it with {confidence:.0%} confidence."
                    yield Reason(rule, words[0].start_time, words[-1].end_time, told)


def _long_silence(rule: Rule, evidence: Evidence) -> Iterator[Reason]:
    since = evidence.silence_since
    for region in _anybody(evidence.voices):
        if region.start - since >= rule.threshold:
            yield Reason(rule, since, region.start, f"Nobody speaks for {region.start - since:.0f} s.")
        since = max(since, region.end)
    if evidence.end - since >= rule.threshold:
        yield Reason(rule, since, evidence.end, f"Nobody speaks for the last {evidence.end - since:.0f} s.")


def _level_jump(rule: Rule, evidence: Evidence) -> Iterator[Reason]:
    for jump in evidence.jumps:
        if abs(jump.change_db) >= rule.threshold:
            how = "louder" if jump.change_db > 0 else "fainter"
            yield Reason(rule, jump.time, jump.time, f"The voice is {abs(jump.change_db):.0f} dB {how} from here on.")


def _crosstalk(rule: Rule, evidence: Evidence) -> Iterator[Reason]:
    if len(evidence.voices) < 2:
        # One channel does not tell how many speak at once.
        return
    for one in evidence.voices[0]:
        for other in evidence.voices[1]:
            start, end = max(one.start, other.start), min(one.end, other.end)
            if end - start >= rule.threshold:
                yield Reason(rule, start, end, f"Both sides talk at once for {end - start:.1f} s.")


def _playback(rule: Rule, evidence: Evidence) -> Iterator[Reason]:
    for repeat in evidence.repeats:
        if repeat.end - repeat.start >= rule.threshold:
            told = (
                f"{repeat.end - repeat.start:.1f} s sound as at {repeat.of_start:.0f} s "
                f"({repeat.similarity:.0%} alike): perhaps played from a recording."
            )
            yield Reason(rule, repeat.start, repeat.end, told)


FINDERS: dict[str, Callable[[Rule, Evidence], Iterator[Reason]]] = {
    "extra_speaker": _extra_speaker,
    "listed_phrase": _listed_phrase,
    "long_silence": _long_silence,
    "level_jump": _level_jump,
    "crosstalk": _crosstalk,
    "playback": _playback,
}


def _anybody(voices: Sequence[Sequence[Region]]) -> list[Region]:
    return sorted((region for channel in voices for region in channel), key=lambda region: region.start)


def _plain(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)*", text.casefold())
