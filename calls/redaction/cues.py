"""What the words before a number say that it is. Pure."""

from collections.abc import Sequence
from enum import Enum, auto

from calls.redaction import vocabulary
from calls.redaction.kinds import MASKS
from calls.redaction.tokens import Sort, Token

# Words back from a number; further off, they are about something else.
_REACH = 8

_MASKS = frozenset(MASKS.values())


class Cue(Enum):
    PHONE = auto()
    ACCOUNT = auto()
    SECRET = auto()
    IDENTITY = auto()
    REFERENCE = auto()


_CUES = (
    (vocabulary.REFERENCE, Cue.REFERENCE),
    (vocabulary.SECRET, Cue.SECRET),
    (vocabulary.IDENTITY, Cue.IDENTITY),
    (vocabulary.PHONE, Cue.PHONE),
    (vocabulary.ACCOUNT, Cue.ACCOUNT),
)


def cue_before(tokens: Sequence[Token], place: int) -> Cue | None:
    """What the nearest word that says anything says of the number at a place."""
    words = 0
    is_code = is_number = False
    for token in reversed(tokens[max(0, place - 3 * _REACH) : place]):
        if token.key in _MASKS:
            break
        if token.sort is Sort.MARK:
            continue
        if is_code and token.key in vocabulary.OF_SECRETS:
            return Cue.SECRET
        if is_number and token.key in vocabulary.MINE:
            return Cue.PHONE
        is_code, is_number = token.key in vocabulary.CODE, token.key in vocabulary.NUMBER
        for known, cue in _CUES:
            if token.key in known:
                return cue
        words += 1
        if words == _REACH:
            break
    return None


def is_amount(tokens: Sequence[Token], first: int, last: int) -> bool:
    """Whether what stands from `first` to `last` counts money or things."""
    before = tokens[first - 1].key if first > 0 else ""
    after = tokens[last + 1].key if last + 1 < len(tokens) else ""
    return before in vocabulary.MARKS_OF_AMOUNTS or after in vocabulary.MARKS_OF_AMOUNTS or after in vocabulary.UNITS
