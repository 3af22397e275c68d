"""E-mail addresses of somebody in what stays: masked wherever exactly they stand. Pure."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from calls.documents import Redaction, Segment
from calls.redaction.kinds import EMAIL, MASKS
from calls.redaction.masking import Span, masked_at

# What may stand in an address, so that what is found is not the end or the beginning of another one.
_SIGN = r"[\w.!#$%&'*+/=?^`{|}~-]"


def masked_in(value: Any, addresses: Sequence[str]) -> Any:
    """The same texts, or lists and objects of them, without the addresses; names of fields too."""
    if not addresses:
        return value
    if isinstance(value, str):
        return _pattern(tuple(addresses)).sub(MASKS[EMAIL], value)
    if isinstance(value, dict):
        return {masked_in(name, addresses): masked_in(inner, addresses) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked_in(inner, addresses) for inner in value]
    return value


def masked_segment(segment: Segment, addresses: Sequence[str]) -> Segment:
    """The same for what somebody said, in its text, its words, and in what its masks hide."""
    spans = list(_spans(segment["text"], addresses))
    masked = masked_at(segment, spans) if spans else segment
    if "redactions" in masked:
        masked = {**masked, "redactions": masked_redactions(masked["redactions"], addresses)}
    if "words" in masked:
        # Where the words are not those of the text.
        masked = {**masked, "words": masked_in(masked["words"], addresses)}
    return masked


def masked_redactions(redactions: Sequence[Redaction], addresses: Sequence[str]) -> list[Redaction]:
    """Masks, of which those forget what they hide that hide one of the addresses."""
    return [_without_original(one) if is_in(one.get("original", ""), addresses) else one for one in redactions]


def is_in(text: str, addresses: Sequence[str]) -> bool:
    return bool(addresses) and _pattern(tuple(addresses)).search(text) is not None


def pattern_of(addresses: Sequence[str]) -> str:
    """A regular expression, for whoever ignores case, that finds any of the addresses."""
    anyone = "|".join(re.escape(address) for address in addresses)
    return f"(?<!{_SIGN})(?:{anyone})(?![\\w-]|[.][\\w-])"


def _spans(text: str, addresses: Sequence[str]) -> Iterator[Span]:
    if addresses:
        for found in _pattern(tuple(addresses)).finditer(text):
            yield Span(found.start(), found.end(), EMAIL)


def _without_original(redaction: Redaction) -> Redaction:
    kept = redaction.copy()
    kept.pop("original", None)
    return kept


@lru_cache(maxsize=16)
def _pattern(addresses: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(pattern_of(addresses), re.IGNORECASE)
