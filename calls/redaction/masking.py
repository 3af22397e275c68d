"""Puts masks in the place of what was found. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from calls.documents import Redaction, Segment, Word
from calls.redaction.finding import Found, find
from calls.redaction.kinds import KINDS, MASKS
from calls.redaction.numbers import language_of
from calls.redaction.originals import stretches
from calls.redaction.runs import stands_between
from calls.redaction.tokens import Token, lines
from calls.redaction.words import Place, places_of


class Span(NamedTuple):
    """Characters of a text from `start` to before `end` that are personal data."""

    start: int
    end: int
    kind: str


def redact(segments: Sequence[Segment], kinds: Collection[str], languages: str | Collection[str]) -> list[Segment]:
    """The same segments with personal data masked in text and words; `redactions` say what was masked where.

    `segments` are in order of time, `kinds` some of `KINDS`, `languages` a tag as `en` or `de-AT`, or several: what is
    found in any of them is masked. For one without tables of numbers all tables are used, and so for none. Masks that
    there are stay, and what they hide tells what goes on from it: again is the same as once. Raises ValueError for a
    kind that there is not.
    """
    unknown = set(kinds) - KINDS
    if unknown:
        raise ValueError(f"There is nothing to mask by the name of {', '.join(sorted(unknown))}.")
    masked = list(segments)
    for place, spans in _spans(segments, kinds, _apart(languages)).items():
        masked[place] = masked_at(segments[place], list(_in_text(segments[place], spans)))
    return masked


def _apart(languages: str | Collection[str]) -> Collection[str]:
    """A tag of each language whose numbers are others."""
    tags = [languages] if isinstance(languages, str) else languages
    return {language_of(tag): tag for tag in tags}.values() or [""]


def _spans(segments: Sequence[Segment], kinds: Collection[str], languages: Collection[str]) -> dict[int, list[Span]]:
    """Place of a segment → what is found in what was said there and is not masked yet, in order."""
    spans = defaultdict(list)
    for tokens in lines(segments):
        for found in find(tokens, kinds, languages):
            for place, span in _by_segment(tokens, found):
                spans[place].append(span)
    return spans


def _by_segment(tokens: Sequence[Token], found: Found) -> Iterator[tuple[int, Span]]:
    """What is found, for each segment that has a part of it, without what was said in between at its ends.

    Of what is masked in part already, each of the other parts.
    """
    first, last = tokens[found.first], tokens[found.last]
    together = groupby(tokens[found.first : found.last + 1], key=lambda token: (token.segment, token.hidden))
    for (place, is_hidden), parts in together:
        part = [] if is_hidden else list(parts)
        while part and part[0] is not first and stands_between(part[0]):
            part.pop(0)
        while part and part[-1] is not last and stands_between(part[-1]):
            part.pop()
        if part:
            yield place, Span(part[0].start, part[-1].end, found.kind)


def _in_text(segment: Segment, spans: Sequence[Span]) -> Iterator[Span]:
    """Where what was said stands in the text, in which masks are longer or shorter than what they hide."""
    shown = [stretch for stretch in stretches(segment) if stretch.redaction is None]
    starts = [stretch.start for stretch in shown]
    for span in spans:
        stretch = shown[bisect_right(starts, span.start) - 1]
        offset = stretch.shown - stretch.start
        yield Span(span.start + offset, span.end + offset, span.kind)


def masked_at(segment: Segment, spans: Sequence[Span]) -> Segment:
    """The segment with masks for spans of its text besides those that it has."""
    text = segment["text"]
    words = segment.get("words") or []
    places = places_of(words, text)
    covered = [None] * len(spans) if places is None else _covered(places, spans)
    pieces: list[str] = []
    redactions = list(_moved(segment, spans))
    at = length = 0
    for span, own in zip(spans, covered, strict=True):
        mask = MASKS[span.kind]
        pieces += [text[at : span.start], mask]
        start = length + span.start - at
        at, length = span.end, start + len(mask)
        redactions.append(
            Redaction(
                kind=span.kind,
                start=start,
                end=length,
                original=text[span.start : span.end],
                start_time=words[own.start]["start_time"] if own else None,
                end_time=words[own.stop - 1]["end_time"] if own else None,
            )
        )
    redactions.sort(key=lambda redaction: redaction["start"])
    masked: Segment = {**segment, "text": "".join([*pieces, text[at:]]), "redactions": redactions}
    if "words" in masked:
        # Words that cannot be found in the text could say what it hides.
        masked["words"] = [] if places is None else list(_words(words, places, text, spans, covered))
    return masked


def _moved(segment: Segment, spans: Sequence[Span]) -> Iterator[Redaction]:
    """The masks that a segment has, where they are when those of the spans are there too.

    What hid something in a text that somebody has written anew since is none of this one's.
    """
    offset = at = 0
    for stretch in stretches(segment):
        if stretch.redaction is None:
            continue
        while at < len(spans) and spans[at].end <= stretch.shown:
            offset += len(MASKS[spans[at].kind]) - (spans[at].end - spans[at].start)
            at += 1
        moved = stretch.redaction.copy()
        moved["start"], moved["end"] = moved["start"] + offset, moved["end"] + offset
        yield moved


def _covered(places: Sequence[Place], spans: Sequence[Span]) -> list[range | None]:
    """Which words each span covers, in whole or in part."""
    covered: list[range | None] = []
    word = 0
    for span in spans:
        while word < len(places) and places[word].end <= span.start:
            word += 1
        end = word
        while end < len(places) and places[end].start < span.end:
            end += 1
        covered.append(range(word, end) if end > word else None)
        # The last one may reach into the next span.
        word = max(word, end - 1)
    return covered


def _words(
    words: Sequence[Word],
    places: Sequence[Place],
    text: str,
    spans: Sequence[Span],
    covered: Sequence[range | None],
) -> Iterator[Word]:
    """The words, of which those that masks cover are one: what they say and the masks in it, from first to last."""
    word = 0
    at = 0
    while at < len(spans):
        own = covered[at]
        if own is None:
            at += 1
            continue
        yield from words[word : own.start]
        first, end, until = own.start, own.stop, at + 1
        while until < len(spans) and (more := covered[until]) is not None and more.start < end:
            end, until = max(end, more.stop), until + 1
        said, position = "", places[first].start
        for span in spans[at:until]:
            said += text[position : span.start] + MASKS[span.kind]
            position = span.end
        yield Word(
            text=said + text[position : places[end - 1].end],
            start_time=words[first]["start_time"],
            end_time=words[end - 1]["end_time"],
            confidence=min(one["confidence"] for one in words[first:end]),
        )
        word, at = end, until
    yield from words[word:]
