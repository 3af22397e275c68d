"""Payment cards in a run of digits. Pure."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from calls.redaction.checksums import CARD_LENGTHS, Luhn, has_issuer
from calls.redaction.runs import HESITATION, LINK, SEGMENT, SPACE, Group

_NO_MARKS = frozenset({SPACE, HESITATION, LINK, SEGMENT})
_APART = frozenset("()/")


def cards(run: Sequence[Group]) -> Iterator[tuple[int, int]]:
    """The stretches of a run that are cards, by the places of their first group and of the one after their last.

    A card begins and ends where groups do, in whatever groups it is said; of several that begin at one place it is
    the longest.
    """
    digits = "".join(group.digits for group in run)
    edges = [0, *accumulate(len(group.digits) for group in run)]
    if edges[-1] < CARD_LENGTHS.start:
        return
    luhn = Luhn(digits)
    first = 0
    while first < len(run):
        end = _end(digits, edges, luhn, run, first)
        if end is None:
            first += 1
        else:
            yield first, end
            first = end


def _may_join(group: Group) -> bool:
    """One mark at most stands between two groups of a card, and no bracket."""
    marks = [mark for mark in group.before if mark not in _NO_MARKS]
    return group.said or (len(marks) <= 1 and _APART.isdisjoint(marks))


def _end(digits: str, edges: Sequence[int], luhn: Luhn, run: Sequence[Group], first: int) -> int | None:
    found = None
    for end in range(first + 1, len(edges)):
        if end - 1 > first and not _may_join(run[end - 1]):
            break
        length = edges[end] - edges[first]
        if length >= CARD_LENGTHS.stop:
            break
        if (
            length in CARD_LENGTHS
            and luhn.holds(edges[first], edges[end])
            and has_issuer(digits, length, start=edges[first])
        ):
            found = end
    return found
