"""Numbers that are said or written one after the other: what a card, a telephone number or a code is looked for in."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from calls.redaction import vocabulary
from calls.redaction.checksums import is_card
from calls.redaction.numbers import Numbers
from calls.redaction.tokens import Sort, Token, are_joined

# Marks that stand between groups of digits, some of which are not to be seen: joiners, marks of direction.
_SEEN = frozenset("-–—‐‑.,()/·_")
_UNSEEN = frozenset(
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_BETWEEN = _SEEN | _UNSEEN
_MOST_BETWEEN = 3
_MOST_HESITATIONS = 3

# How what stands between two groups is told, beside the marks themselves.
SPACE, HESITATION, LINK, SEGMENT = " ", "~", "&", "|"


@dataclass(frozen=True, slots=True)
class Group:
    """Digits that belong together, from token `first` to `last`. `said`: by words.

    `before`: what stands between them and the group before, see `SPACE` and its like.
    """

    first: int
    last: int
    digits: str
    said: bool
    before: str

    @property
    def is_single(self) -> bool:
        """Said or written digit by digit."""
        return len(self.digits) == 1 or (self.said and len(set(self.digits)) == 1 and self.last > self.first)


def runs(tokens: Sequence[Token], numbers: Numbers, taken: Collection[int]) -> Iterator[list[Group]]:
    """Groups without much between them. `taken`: tokens that are something else already."""
    run: list[Group] = []
    marks = hesitations = 0
    between = ""
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if run:
            between += _gap(tokens[place - 1], token)
        group = None if place in taken else _group(tokens, place, numbers, between)
        if group is not None:
            if LINK in between and SEGMENT not in between:
                # "Four and five" are two numbers.
                yield run
                run = []
            run.append(group)
            marks = hesitations = 0
            between = ""
            place = group.last + 1
            continue
        if run and place not in taken:
            if token.sort is Sort.MARK and token.key in _BETWEEN and marks < _MOST_BETWEEN:
                marks += 1
                between += "" if token.key in _UNSEEN else token.key
                place += 1
                continue
            sign = _sign(token)
            if sign and hesitations < _MOST_HESITATIONS:
                hesitations += 1
                between += sign
                place += 1
                continue
        if run:
            yield run
        run, marks, hesitations, between = [], 0, 0, ""
        place += 1
    if run:
        yield run


def _group(tokens: Sequence[Token], place: int, numbers: Numbers, before: str) -> Group | None:
    token = tokens[place]
    if token.sort is Sort.NUMERAL:
        if _is_in_a_word(tokens, place) and not is_card(token.key):
            return None
        return Group(place, place, token.key, said=False, before=before)
    if token.sort is Sort.WORD:
        said = numbers.at(tokens, place)
        if said is not None:
            return Group(place, place + said.tokens - 1, said.digits, said=True, before=before)
    return None


def _is_in_a_word(tokens: Sequence[Token], place: int) -> bool:
    """`v2` and `4th` are no numbers; letters of a script that has no spaces or has prefixes say nothing of the sort."""
    for left, right, word in ((place - 1, place, place - 1), (place, place + 1, place + 1)):
        if (
            left >= 0
            and right < len(tokens)
            and are_joined(tokens[left], tokens[right])
            and tokens[word].sort is Sort.WORD
            and tokens[word].key.upper() != tokens[word].key
        ):
            return True
    return False


def stands_between(token: Token) -> bool:
    """Whether a token may stand between groups, and does not open one as a bracket does."""
    return bool(_sign(token)) if token.sort is Sort.WORD else token.key in _BETWEEN and token.key not in "()"


def _sign(token: Token) -> str:
    """How a word is told that may stand between digits; empty for any other."""
    if token.sort is Sort.WORD and token.key in vocabulary.HESITATIONS:
        return HESITATION
    return LINK if token.sort is Sort.WORD and token.key in vocabulary.LINKS else ""


def _gap(left: Token, right: Token) -> str:
    if left.segment != right.segment:
        return SEGMENT
    return SPACE if right.start > left.end else ""


def is_date(groups: Sequence[Group]) -> bool:
    """Whether the first three groups are a day, a month and a year, or the other way round."""
    lengths = tuple(len(group.digits) for group in groups[:3])
    if lengths in {(2, 2, 4), (1, 2, 4), (2, 1, 4), (1, 1, 4)}:
        return groups[2].digits[:2] in {"19", "20"}
    return lengths == (4, 2, 2) and groups[0].digits[:2] in {"19", "20"}
