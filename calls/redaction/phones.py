"""Telephone numbers in a run of digits: international, national, and what the words before say is one. Pure."""

from collections.abc import Iterator, Sequence

from calls.redaction.cues import Cue, is_amount
from calls.redaction.numbers import language_of
from calls.redaction.runs import HESITATION, LINK, SEGMENT, SPACE, Group, is_date
from calls.redaction.tokens import Token, key_of

# Digits after the "+", by ITU-T E.164; fewer than the shortest are of no country.
_INTERNATIONAL = range(8, 16)
# Digits of a national number with its leading 0.
_WITH_TRUNK = range(9, 13)
# Digits where somebody says that a telephone number comes.
_CALLED_ONE = range(7, 16)
_ENOUGH = 10
_NO_PHONE = frozenset({Cue.REFERENCE, Cue.IDENTITY})
_PLUS = frozenset({"+", "plus", key_of("פלוס")})
_BETWEEN = frozenset({*" -–—‐‑.()/", HESITATION, LINK, SEGMENT})
_BETWEEN_SAID = _BETWEEN | {","}
_SPANISH = ("6", "7", "8", "9")


def phones(
    tokens: Sequence[Token], run: Sequence[Group], language: str, *, cue: Cue | None
) -> Iterator[tuple[int, int]]:
    """The stretches of a run that are telephone numbers, by the places of their groups.

    `cue`: what the words before the run say of it.
    """
    first = 0
    while first < len(run):
        end = _end(tokens, run, first, cue if first == 0 else None, language)
        if end is not None and not is_amount(tokens, run[first].first, run[end - 1].last):
            yield first, end
            first = end
        else:
            first += 1


def _end(tokens: Sequence[Token], run: Sequence[Group], first: int, cue: Cue | None, language: str) -> int | None:
    ends = _ends(run, first, most=_INTERNATIONAL.stop + 1)
    if _is_international(tokens, run, first):
        return _international(run, first, ends)
    if is_date(run[first : first + 3]) or (run[first].said and cue is not Cue.PHONE):
        # Digits that are said are found as such.
        return None
    if cue not in _NO_PHONE and (end := _national(run, first, ends, language)) is not None:
        return end
    called = [end for end, digits in ends if len(digits) in _CALLED_ONE]
    return called[-1] if called and cue is Cue.PHONE else None


def _national(run: Sequence[Group], first: int, ends: Sequence[tuple[int, str]], language: str) -> int | None:
    base = language_of(language)
    for end, digits in ends:
        groups = run[first:end]
        # Ten digits in one are a telephone number where people speak English, elsewhere as well anything else.
        is_likely = len(groups) > 1 or base in {"en", None}
        if (is_likely and _is_north_american(groups, digits)) or (base == "es" and _is_spanish(groups)):
            return end
    opening = run[first].digits
    if len(opening) > 1 and opening[0] == "0" and opening[1] != "0":
        with_trunk = [end for end, digits in ends if len(digits) in _WITH_TRUNK and not _is_zip_code(run[first:end])]
        return with_trunk[-1] if with_trunk else None
    return None


def _ends(run: Sequence[Group], first: int, *, most: int) -> list[tuple[int, str]]:
    """Where a number that begins with a group may end, and its digits up to there."""
    found, digits = [], ""
    for end in range(first, len(run)):
        between = _BETWEEN_SAID if run[end].said else _BETWEEN
        if end > first and not between.issuperset(run[end].before):
            break
        digits += run[end].digits
        if len(digits) > most:
            break
        found.append((end + 1, digits))
    return found


def _is_international(tokens: Sequence[Token], run: Sequence[Group], first: int) -> bool:
    group = run[first]
    digits = group.digits
    if digits.startswith("00"):
        return (len(digits) > 2 and digits[2] != "0") or (len(digits) == 2 and first + 1 < len(run))
    place = group.first - 1
    if place >= 0 and tokens[place].key == "(":
        place -= 1
    return place >= 0 and tokens[place].key in _PLUS and tokens[place].segment == tokens[group.first].segment


def _international(run: Sequence[Group], first: int, ends: Sequence[tuple[int, str]]) -> int | None:
    found = None
    for end, digits in ends:
        length = len(digits.removeprefix("00")) if run[first].digits.startswith("00") else len(digits)
        if length not in _INTERNATIONAL:
            continue
        if found is not None and length > _ENOUGH and SPACE in run[end - 1].before and _is_other(run, end - 1):
            break
        found = end
        if digits.startswith("1") and length == 11:
            break
    return found


def opening(tokens: Sequence[Token], first: int) -> int:
    """Where a number begins whose first digits are at a token: with the "+" and the bracket before them."""
    for marks in ("(", _PLUS, "("):
        if first > 0 and tokens[first - 1].key in marks and tokens[first - 1].segment == tokens[first].segment:
            first -= 1
    return first


def _is_other(run: Sequence[Group], place: int) -> bool:
    """A digit by itself after groups of several is the beginning of something else."""
    return len(run[place].digits) == 1 and len(run[place - 1].digits) > 1


def _is_north_american(groups: Sequence[Group], digits: str) -> bool:
    """By the North American Numbering Plan: area and exchange begin with 2 to 9; in groups of 3, 3 and 4, or in one."""
    lengths = [len(group.digits) for group in groups]
    if lengths in ([1, 3, 3, 4], [1, 10], [11]) and digits[0] == "1":
        digits = digits[1:]
    elif lengths not in ([3, 3, 4], [3, 7], [10]):
        return False
    if digits[0] in "01" or (len(lengths) > 2 and all(group.digits.endswith("00") for group in groups[-3:])):
        return False
    # With strokes between its groups it is one whatever the exchange, as those are that are made up.
    return digits[3] not in "01" or (len(lengths) > 2 and any(group.before != SPACE for group in groups[-2:]))


def _is_zip_code(groups: Sequence[Group]) -> bool:
    """An American one in full: 02110-1301."""
    return [len(group.digits) for group in groups] == [5, 4] and groups[1].before == "-"


def _is_spanish(groups: Sequence[Group]) -> bool:
    lengths = [len(group.digits) for group in groups]
    return groups[0].digits[0] in _SPANISH and lengths in ([3, 3, 3], [3, 2, 2, 2], [2, 3, 2, 2], [9])
