"""Text as words, numerals and marks, and segments as the lines in which what they say goes on. Pure.

Looking for personal data goes over tokens, so that it takes time in proportion to the text whatever the text is.
"""

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from calls.documents import Segment
from calls.redaction.kinds import MASKS
from calls.redaction.originals import Stretch, stretches

# Seconds between two segments of a speaker over which a number goes on: people read out a card in groups, and whoever
# writes it down says it back.
LONGEST_PAUSE = 10.0
# Segments of others between two such segments.
MOST_BETWEEN = 4

# Accents that stand by themselves, and the points of Hebrew.
_POINTS = "\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7"
# Each alternative begins with characters that no other begins with, so that nothing is ever tried twice.
_TOKEN = re.compile(rf"\d+|[^\W\d_]+(?:[{_POINTS}]+[^\W\d_]*)*|[^\w\s]|_")
# Characters. No word of any list is longer.
_LONGEST_WORD = 40


class Sort(Enum):
    WORD = auto()
    NUMERAL = auto()
    MARK = auto()


class Token(NamedTuple):
    """What was said in a segment from character `start` to before `end`.

    `key`: a word in lower case and without accents; the digits 0-9 of a numeral in whatever script; a mark as it is,
    and so a mask of which nobody knows any more what it hides.
    `segment`: its place among the segments that were given. `hidden`: it stands behind a mask already.
    """

    sort: Sort
    key: str
    start: int
    end: int
    segment: int
    hidden: bool = False


def tokenise(text: str, *, segment: int = 0, start: int = 0, hidden: bool = False) -> list[Token]:
    """The tokens of a text that begins at character `start` of what was said in a segment."""
    found = []
    for match in _TOKEN.finditer(text):
        written = match.group()
        first = written[0]
        if first.isdecimal():
            sort, key = Sort.NUMERAL, _digits(written)
        elif first.isalnum():
            sort, key = Sort.WORD, _key(written) if len(written) <= _LONGEST_WORD else written
        else:
            sort, key = Sort.MARK, first
        found.append(Token(sort, key, start + match.start(), start + match.end(), segment, hidden))
    return found


def key_of(word: str) -> str:
    """A word as it is compared: without case and accents."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(character for character in apart if not unicodedata.combining(character))


@lru_cache(4_096)
def _key(word: str) -> str:
    return key_of(word)


def are_joined(left: Token, right: Token) -> bool:
    """Nothing stands between two tokens of which the second comes next."""
    return left.end == right.start and left.segment == right.segment


def lines(segments: Sequence[Segment]) -> list[list[Token]]:
    """What each speaker says, as far as one segment goes on from another. Segments are in order of time.

    Of what is masked already it is what was said, where that is known, so that what goes on from it is found.
    """
    found: list[list[Token]] = []
    last: dict[str, int] = {}
    current: dict[str, list[Token]] = {}
    for place, segment in enumerate(segments):
        speaker = segment["speaker"]
        if speaker not in last or not _goes_on(segments, last[speaker], place):
            current[speaker] = []
            found.append(current[speaker])
        last[speaker] = place
        for stretch in stretches(segment):
            current[speaker] += _tokens(stretch, place)
    return found


def _tokens(stretch: Stretch, segment: int) -> list[Token]:
    """Those of what was said; what nobody knows any more is one, the mask."""
    redaction = stretch.redaction
    if redaction is None:
        return tokenise(stretch.said, segment=segment, start=stretch.start)
    if redaction.get("original", "").strip():
        return tokenise(stretch.said, segment=segment, start=stretch.start, hidden=True)
    end = stretch.start + len(stretch.said)
    return [Token(Sort.MARK, MASKS[redaction["kind"]], stretch.start, end, segment, hidden=True)]


def _goes_on(segments: Sequence[Segment], earlier: int, later: int) -> bool:
    pause = segments[later]["start_time"] - segments[earlier]["end_time"]
    return pause <= LONGEST_PAUSE and later - earlier - 1 <= MOST_BETWEEN


def _digits(numeral: str) -> str:
    return numeral if numeral.isascii() else "".join(str(unicodedata.decimal(one)) for one in numeral)
