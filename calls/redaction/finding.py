"""What personal data is in a line of what somebody says. Pure.

Kinds are looked for in an order: what proves itself by a sum first, then what has a form, then what the words before
say, then what is merely many digits. What is one thing is not looked at for another.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from calls.redaction import kinds
from calls.redaction.accounts import accounts, ibans
from calls.redaction.cards import cards
from calls.redaction.checksums import CARD_LENGTHS
from calls.redaction.cues import Cue, cue_before, is_amount
from calls.redaction.emails import emails
from calls.redaction.numbers import numbers_of
from calls.redaction.phones import opening, phones
from calls.redaction.runs import HESITATION, LINK, SEGMENT, SPACE, Group, runs, stands_between
from calls.redaction.tokens import Token

# So many digits said one after the other are somebody's: a code, an account, part of a card. Fewer are an order's
# number, a year, the last four of a card, which people may say.
FEWEST_SAID = 6
# Digits said in pairs are years, ages and prices too.
FEWEST_IN_PAIRS = 10
_FEWEST_SINGLES = 3
# The code of a card, a personal number, a code by text message; a number in a passport.
_LENGTHS: Mapping[Cue | None, range] = {Cue.SECRET: range(3, 9), Cue.IDENTITY: range(6, 13)}
_FEWEST_OF_ALL = 3
# After a card come the date and the code that belong to it; after a mask, as much as a card has.
_AFTER_CARD = range(_FEWEST_OF_ALL, 9)
_AFTER_MASK = range(_FEWEST_OF_ALL, CARD_LENGTHS.stop)
# Tokens after a card within which its date and code may come too.
NEAR_A_CARD = 24
# Tokens between a number that is masked and what goes on from it.
_FARTHEST_MASK = 6
_MOST_OF_AMOUNTS = 12
# Digits written in groups of a card's size: what an engine writes of a card that it misheard.
_FEWEST_IN_GROUPS = 13
_GROUPS = range(3, 7)
_BETWEEN_SAID = frozenset({SPACE, HESITATION, LINK, SEGMENT, *"-–—‐‑.,"})


class Found(NamedTuple):
    """Personal data from token `first` to `last` of a line."""

    first: int
    last: int
    kind: str


Stretches = Iterable[tuple[int, int]]


def find(tokens: Sequence[Token], wanted: Collection[str], languages: Iterable[str]) -> list[Found]:
    """All of the wanted kinds in a line, in any of the languages, in order; none overlaps another.

    What overlaps in several languages is one thing, of the kind that says most.
    """
    found: list[Found] = []
    for one in sorted(one for language in languages for one in _find(tokens, wanted, language)):
        if found and one.first <= found[-1].last:
            before = found.pop()
            kind = min(before.kind, one.kind, key=kinds.RANKS.__getitem__)
            found.append(Found(before.first, max(before.last, one.last), kind))
        else:
            found.append(one)
    return found


def _find(tokens: Sequence[Token], wanted: Collection[str], language: str) -> Iterator[Found]:
    """In one language: in no order, and none overlaps another."""
    numbers = numbers_of(language)
    taken: set[int] = set()
    if kinds.EMAIL in wanted:
        for first, last in emails(tokens, numbers):
            yield Found(first, last, kinds.EMAIL)
            taken.update(range(first, last + 1))
    if kinds.ACCOUNT in wanted:
        for first, last in ibans(tokens, numbers):
            places = range(first, last + 1)
            if taken.isdisjoint(places):
                yield Found(first, last, kinds.ACCOUNT)
                taken.update(places)
    card_end = None
    for run in runs(tokens, numbers, taken):
        is_after_card = card_end is not None and run[0].first - card_end <= NEAR_A_CARD
        in_run = list(_in_run(tokens, run, wanted, language, is_after_card=is_after_card))
        card_end = max((one.last for one in in_run if one.kind == kinds.CARD), default=card_end)
        yield from in_run


def _in_run(
    tokens: Sequence[Token], run: Sequence[Group], wanted: Collection[str], language: str, *, is_after_card: bool
) -> Iterator[Found]:
    if len(run) == 1 and len(run[0].digits) < _FEWEST_OF_ALL:
        return
    cue = cue_before(tokens, run[0].first)
    finders: dict[str, Callable[[Sequence[Group]], Stretches]] = {
        kinds.CARD: cards,
        # What the words before say, they say of the first number after them.
        kinds.ACCOUNT: lambda part: accounts(tokens, part) if part[0] is run[0] else (),
        kinds.PHONE: lambda part: phones(tokens, part, language, cue=cue if part[0] is run[0] else None),
        kinds.SPOKEN_DIGITS: lambda part: _said(tokens, part, is_after_card=is_after_card),
    }
    # Where a number has gone before → how many digits may belong to it.
    rests = {run[0].first: _AFTER_MASK} if _goes_on_from_a_mask(tokens, run) else {}
    parts: list[Sequence[Group]] = [run]
    for kind, finder in finders.items():
        if kind not in wanted:
            continue
        left: list[Sequence[Group]] = []
        for part in parts:
            after = 0
            is_rest = kind == kinds.SPOKEN_DIGITS and _is_rest(tokens, part, rests.get(part[0].first, ()))
            for first, end in [(0, len(part))] if is_rest else finder(part):
                opens = part[first].first
                yield Found(opening(tokens, opens) if kind == kinds.PHONE else opens, part[end - 1].last, kind)
                if kind == kinds.CARD and end < len(part):
                    rests[part[end].first] = _AFTER_CARD
                if first > after:
                    left.append(part[after:first])
                after = end
            if after < len(part):
                left.append(part[after:])
        parts = left


def _is_rest(tokens: Sequence[Token], part: Sequence[Group], lengths: Collection[int]) -> bool:
    """Whether a part has so many digits as may belong to the number before it."""
    digits = sum(len(group.digits) for group in part)
    return digits in lengths and not is_amount(tokens, part[0].first, part[-1].last)


def _goes_on_from_a_mask(tokens: Sequence[Token], run: Sequence[Group]) -> bool:
    """Whether only what may stand within a number is between a run and a number that an earlier segment masks.

    Behind a mask in its own segment it was seen together with what the mask hides, and left as it is.
    """
    place = run[0].first - 1
    while place >= 0 and run[0].first - place <= _FARTHEST_MASK and stands_between(tokens[place]):
        place -= 1
    if place < 0 or tokens[place].segment == tokens[run[0].first].segment:
        return False
    return tokens[place].key in kinds.MASKS_OF_DIGITS


def _said(tokens: Sequence[Token], part: Sequence[Group], *, is_after_card: bool) -> Stretches:
    digits = sum(len(group.digits) for group in part)
    is_an_amount = digits <= _MOST_OF_AMOUNTS and is_amount(tokens, part[0].first, part[-1].last)
    if is_an_amount or any(map(_is_within_a_number, part[1:])):
        return
    cue = cue_before(tokens, part[0].first)
    if digits in _LENGTHS.get(cue, ()) or (is_after_card and digits in _AFTER_CARD and cue is not Cue.REFERENCE):
        yield 0, len(part)
        return
    if _is_counting(part):
        return
    singles = sum(group.is_single for group in part)
    if any(group.said for group in part):
        is_many = digits >= (FEWEST_SAID if singles >= _FEWEST_SINGLES else FEWEST_IN_PAIRS)
    else:
        is_many = singles >= FEWEST_SAID or _is_like_card(part, digits)
    if is_many and not (cue is Cue.REFERENCE and digits < _FEWEST_IN_GROUPS):
        yield 0, len(part)


def _is_within_a_number(group: Group) -> bool:
    """Digits behind a point, a stroke, a bracket: 3.11, 6379/0."""
    return not group.said and (group.before == "." or not _BETWEEN_SAID.issuperset(group.before))


def _is_counting(part: Sequence[Group]) -> bool:
    """One, two, three, or oh, oh, oh: nobody's number."""
    if {*"".join(group.digits for group in part)} == {"0"}:
        return True
    return [group.digits for group in part] == [str(number) for number in range(1, len(part) + 1)]


def _is_like_card(part: Sequence[Group], digits: int) -> bool:
    if digits < _FEWEST_IN_GROUPS or any(len(group.digits) not in _GROUPS for group in part) or len(part) < 3:
        return False
    if not all(set(group.before) <= {SPACE, "-", HESITATION, SEGMENT} for group in part[1:]):
        return False
    are_years = all(len(group.digits) == 4 and group.digits[:2] in {"19", "20"} for group in part)
    return not are_years and not all(group.digits.endswith("00") for group in part)
