"""Where the words of a segment stand in its text. Pure."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from calls.documents import Word
from calls.redaction.tokens import Sort, Token, tokenise


class Place(NamedTuple):
    """Characters of a text from `start` to before `end`."""

    start: int
    end: int


def places_of(words: Sequence[Word], text: str) -> list[Place] | None:
    """The place of each word; None where the words are not those of the text.

    Some engines give words without the marks and capitals that they write in the text.
    """
    if " ".join(word["text"] for word in words) == text:
        ends = list(accumulate(len(word["text"]) + 1 for word in words))
        return [Place(end - 1 - len(word["text"]), end - 1) for word, end in zip(words, ends, strict=True)]
    return _to_the_letter(words, text) or _by_what_is_said(words, text)


def _to_the_letter(words: Sequence[Word], text: str) -> list[Place] | None:
    """With other spaces between them than one, or with none."""
    places = []
    at = 0
    for word in words:
        written = word["text"].strip()
        while at < len(text) and text[at].isspace():
            at += 1
        if not text.startswith(written, at):
            return None
        places.append(Place(at, at + len(written)))
        at += len(written)
    return None if text[at:].strip() else places


def _by_what_is_said(words: Sequence[Word], text: str) -> list[Place] | None:
    said = _without_marks(text)
    places: list[Place] = []
    at = 0
    for word in words:
        keys = [token.key for token in _without_marks(word["text"])]
        there = said[at : at + len(keys)]
        if [token.key for token in there] != keys:
            return None
        end = places[-1].end if places else 0
        places.append(Place(there[0].start, there[-1].end) if there else Place(end, end))
        at += len(keys)
    return places if at == len(said) else None


def _without_marks(text: str) -> list[Token]:
    return [token for token in tokenise(text) if token.sort is not Sort.MARK]
