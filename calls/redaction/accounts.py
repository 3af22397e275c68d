"""Bank accounts: IBANs by their own sum, other numbers where the words before say that they are one. Pure."""

from collections.abc import Iterator, Sequence

from calls.redaction.checksums import IBAN_LENGTHS, is_iban
from calls.redaction.cues import Cue, cue_before, is_amount
from calls.redaction.numbers import Numbers
from calls.redaction.runs import Group, is_date
from calls.redaction.tokens import Sort, Token

# How many digits a bank account's number has where it is not an IBAN: from a British sort code to what American banks
# give at most. A routing number of nine lies between.
ACCOUNT_LENGTHS = range(6, 18)
# Letters of a bank within an IBAN are written in one group.
_LONGEST_LETTERS = 6
# Tokens back to the word "IBAN".
_CUE_REACH = 4
_BETWEEN = frozenset(" -–.,:/\u200e\u200f\u200b")


def ibans(tokens: Sequence[Token], numbers: Numbers) -> Iterator[tuple[int, int]]:
    """First and last token of each IBAN, written or spelt out, in order."""
    after = 0
    for place in range(len(tokens)):
        if place < after or not _may_begin(tokens, place):
            continue
        last = _end(tokens, place, numbers)
        if last is not None:
            yield place, last
            after = last + 1


def accounts(tokens: Sequence[Token], run: Sequence[Group]) -> Iterator[tuple[int, int]]:
    """The stretches of a run, by the places of their groups, that are accounts because the words before say so."""
    length = sum(len(group.digits) for group in run)
    if length not in ACCOUNT_LENGTHS or is_amount(tokens, run[0].first, run[-1].last) or is_date(run):
        return
    if cue_before(tokens, run[0].first) is Cue.ACCOUNT:
        yield 0, len(run)


def _may_begin(tokens: Sequence[Token], place: int) -> bool:
    """With the letters of a country, in one or spelt; what stands before is no part of the same word."""
    token = tokens[place]
    if token.sort is not Sort.WORD or not token.key.isascii():
        return False
    if place and tokens[place - 1].end == token.start and tokens[place - 1].segment == token.segment:
        before = tokens[place - 1]
        if before.sort is not Sort.MARK:
            return False
    if len(token.key) == 2:
        return token.key.upper() in IBAN_LENGTHS
    if len(token.key) == 1 and place + 1 < len(tokens):
        return (token.key + tokens[place + 1].key).upper() in IBAN_LENGTHS
    return False


def _end(tokens: Sequence[Token], place: int, numbers: Numbers) -> int | None:
    # One that was misheard is one all the same where somebody says so.
    is_called_one = any(token.key == "iban" for token in tokens[max(0, place - _CUE_REACH) : place])
    characters = ""
    length = marks = 0
    while place < len(tokens):
        token = tokens[place]
        taken = 1
        if token.sort is Sort.MARK:
            marks += 1
            if token.key not in _BETWEEN or marks > 2:
                return None
            place += 1
            continue
        marks = 0
        said = numbers.at(tokens, place) if token.sort is Sort.WORD and len(token.key) > 1 else None
        if said is not None:
            characters, taken = characters + said.digits, said.tokens
        elif token.key.isascii() and (token.sort is Sort.NUMERAL or len(token.key) <= _LONGEST_LETTERS):
            characters += token.key
        else:
            return None
        length = length or IBAN_LENGTHS.get(characters[:2].upper(), 0)
        place += taken
        if length and len(characters) >= length:
            ends_here = place >= len(tokens) or tokens[place].sort is Sort.MARK or tokens[place - 1] is tokens[-1]
            apart = ends_here or tokens[place].start > tokens[place - 1].end or tokens[place].segment != token.segment
            return place - 1 if len(characters) == length and apart and (is_called_one or is_iban(characters)) else None
    return None
