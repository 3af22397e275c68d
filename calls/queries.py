"""What somebody typed to search for, taken apart: `"money back" refund -angry`."""

import re
from dataclasses import dataclass

LONGEST_QUERY = 500
# Where one word ends and another begins. PostgreSQL would take what is on both sides for one address or one path, and
# what is between < and > for nothing.
SEPARATORS = "<>/\\&="
_AS_SPACES = str.maketrans(SEPARATORS, " " * len(SEPARATORS))
_UNWANTED = re.compile(r'(?:(?<=\s)|^)-("[^"]*"?|\S+)')
_OR = re.compile(r"\bor\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """`wanted` and each of `unwanted` in PostgreSQL's web search syntax; `meaning` for the embedder, without signs."""

    wanted: str
    unwanted: tuple[str, ...]
    meaning: str


def parse(typed: str) -> Query:
    """Words in quotes stand side by side, `or` is one or the other, what a minus stands before is not there."""
    text = separated(typed[:LONGEST_QUERY].replace("\0", " "))
    unwanted = tuple(match[1].strip() for match in _UNWANTED.finditer(text) if match[1].strip('"- '))
    wanted = " ".join(_UNWANTED.sub(" ", text).split())
    meaning = " ".join(_OR.sub(" ", wanted.replace('"', " ")).split())
    return Query(wanted, unwanted, meaning if any(sign.isalnum() for sign in meaning) else "")


def separated(text: str) -> str:
    """The text as words are found in it, each character in its place."""
    return text.translate(_AS_SPACES)
