"""E-mail addresses, written and said: "john.smith@example.com", "john dot smith at example dot com". Pure."""

from collections.abc import Iterator, Sequence

from calls.redaction import vocabulary
from calls.redaction.numbers import Numbers
from calls.redaction.tokens import Sort, Token, are_joined

# Tokens to either side of the "@".
_LONGEST = 64
# Words that a name of a host is said in before its first dot: "my g mail dot com".
_MOST_WORDS_OF_A_HOST = 4
# Words back to where somebody may have said that an address comes.
_CUE_REACH = 10
_WRITTEN_JOINTS = frozenset("._-+%'&~!#$*/=?^`{|}")
_SHORTEST_TOP_LEVEL = 2
# What stands behind the apostrophe of a word that is none of a name: "we're".
_LONGEST_END = 2
_SINGLE_WORDS = frozenset("ai")
_APOSTROPHES = frozenset("'’")


def emails(tokens: Sequence[Token], numbers: Numbers) -> Iterator[tuple[int, int]]:
    """First and last token of each address, in order."""
    after = 0
    for place, token in enumerate(tokens):
        if place < after:
            continue
        found = None
        if token.key == "@":
            found = _written(tokens, place, numbers, after)
        elif token.key in vocabulary.SURELY_AT:
            found = _said(tokens, place, numbers, after, is_sure=True)
        elif token.key in vocabulary.AT:
            found = _said(tokens, place, numbers, after, is_sure=False)
        if found is not None:
            yield found
            after = found[1] + 1


def _written(tokens: Sequence[Token], place: int, numbers: Numbers, after: int) -> tuple[int, int] | None:
    first = _local(tokens, place, numbers, after)
    last = _host(tokens, place, is_said=False)
    return None if first is None or last is None else (first, last)


def _said(
    tokens: Sequence[Token], place: int, numbers: Numbers, after: int, *, is_sure: bool
) -> tuple[int, int] | None:
    last = _host(tokens, place, is_said=True)
    if last is None:
        return None
    first = _local(tokens, place, numbers, after)
    if first is None:
        return None
    is_alone = first == place - 1 and tokens[first].key in vocabulary.NEVER_LOCAL
    is_end = _is_end_of_word(tokens, place - 1) and len(tokens[place - 1].key) <= _LONGEST_END
    if not is_sure and (is_alone or is_end) and not _is_office(tokens, first, after):
        # "Look at example.com".
        return None
    return first, last


def _is_office(tokens: Sequence[Token], place: int, after: int) -> bool:
    said = (token.key for token in tokens[max(after, place - _CUE_REACH) : place])
    return tokens[place].key in vocabulary.OFFICES and not vocabulary.EMAIL.isdisjoint(said)


def _local(tokens: Sequence[Token], place: int, numbers: Numbers, after: int) -> int | None:
    """The first token of what stands before the "@" at a place, or nothing."""
    first = place - 1
    if first >= after and tokens[first].sort is Sort.MARK:
        # "john., at example.com": what stands between is no part of it.
        first -= tokens[first].key == "," or are_joined(tokens[first], tokens[place])
    if first < after or not _is_part(tokens[first]):
        return None
    while (earlier := _before(tokens, first, numbers)) is not None:
        if earlier < max(after, place - _LONGEST):
            break
        first = earlier
    return first


def _before(tokens: Sequence[Token], first: int, numbers: Numbers) -> int | None:
    """Where the part of an address begins that goes on at `first`, or nothing."""
    left = first - 1
    if left < 0:
        return None
    token = tokens[left]
    if are_joined(token, tokens[first]) and _is_part(token):
        return left
    joint = _joint(tokens, left)
    if joint is not None:
        return joint - 1 if joint > 0 and _is_part(tokens[joint - 1]) else None
    # Spelt out, or with a number at its end.
    is_spelt = _is_short(tokens, left, numbers) and not _is_end_of_word(tokens, left)
    if token.key in _SINGLE_WORDS:
        # "A" is a letter among letters only.
        is_spelt = left > 0 and len(tokens[left - 1].key) == 1 and _is_part(tokens[left - 1])
    is_numbered = _is_part(token) and _is_number(tokens, first, numbers) and token.key not in vocabulary.NEVER_LOCAL
    return left if is_spelt or is_numbered else None


def _is_end_of_word(tokens: Sequence[Token], place: int) -> bool:
    """What stands behind an apostrophe: of "it's", of "we're"."""
    return place > 0 and tokens[place - 1].key in _APOSTROPHES and are_joined(tokens[place - 1], tokens[place])


def _joint(tokens: Sequence[Token], left: int) -> int | None:
    """Where what joins two parts of an address begins, when it ends at `left`."""
    token = tokens[left]
    if token.sort is Sort.MARK:
        is_written = token.key in _WRITTEN_JOINTS and left > 0 and are_joined(tokens[left - 1], token)
        return left if is_written and are_joined(token, tokens[left + 1]) else None
    if left > 0 and (tokens[left - 1].key, token.key) in vocabulary.JOINTS_OF_TWO:
        return left - 1
    return left if token.key in vocabulary.JOINTS else None


def _host(tokens: Sequence[Token], place: int, *, is_said: bool) -> int | None:
    """The last token of what stands after the "@" at a place, or nothing."""
    at = place + 1
    if at >= len(tokens) or not _is_part(tokens[at]):
        return None
    dots, words, last = 0, 1, None
    while at - place < _LONGEST:
        step = _step(tokens, at)
        if step is not None:
            at, is_dot = step
            dots += is_dot
        elif at + 1 < len(tokens) and _is_part(tokens[at + 1]) and are_joined(tokens[at], tokens[at + 1]):
            at += 1
        elif is_said and dots == 0 and words < _MOST_WORDS_OF_A_HOST and at + 1 < len(tokens):
            if not _is_part(tokens[at + 1]) or tokens[at + 1].key in vocabulary.AT | vocabulary.SURELY_AT:
                break
            at, words = at + 1, words + 1
        else:
            break
        if dots:
            end = _top_level(tokens, at, is_said=is_said)
            last = last if end is None else end
    return last


def _step(tokens: Sequence[Token], at: int) -> tuple[int, bool] | None:
    """From one part of a host over a dot or a hyphen to the next, and whether it was a dot."""
    if at + 2 < len(tokens) and tokens[at + 1].key == "," and tokens[at + 2].key in vocabulary.DOT:
        # Where somebody stops for a moment.
        at += 1
    if at + 2 >= len(tokens) or not _is_part(tokens[at + 2]):
        return None
    mark = tokens[at + 1]
    if mark.sort is Sort.MARK:
        is_joint = mark.key in ".-_" and are_joined(tokens[at], mark) and are_joined(mark, tokens[at + 2])
        return (at + 2, mark.key == ".") if is_joint else None
    return (at + 2, mark.key in vocabulary.DOT) if mark.key in vocabulary.JOINTS else None


def _top_level(tokens: Sequence[Token], at: int, *, is_said: bool) -> int | None:
    """The last token of what may end an address at a place: also spelt out, as "d e"."""
    key = tokens[at].key
    if len(key) == 1 and at + 1 < len(tokens) and key + tokens[at + 1].key in vocabulary.TOP_LEVEL:
        return at + 1 if len(tokens[at + 1].key) == 1 else None
    if is_said:
        return at if key in vocabulary.TOP_LEVEL else None
    return at if tokens[at].sort is Sort.WORD and len(key) >= _SHORTEST_TOP_LEVEL else None


def _is_part(token: Token) -> bool:
    return token.sort is not Sort.MARK


def _is_short(tokens: Sequence[Token], place: int, numbers: Numbers) -> bool:
    token = tokens[place]
    return (token.sort is Sort.WORD and len(token.key) == 1) or _is_number(tokens, place, numbers)


def _is_number(tokens: Sequence[Token], place: int, numbers: Numbers) -> bool:
    token = tokens[place]
    return token.sort is Sort.NUMERAL or (token.sort is Sort.WORD and numbers.at(tokens, place) is not None)
