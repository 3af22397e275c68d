"""Reads the headers of a chunk upload. Pure: text in, values or BadChunk out."""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware

from audio.errors import BadChunk
from audio.manifest import SampleRange

# RFC 9530: `Content-Digest: sha-256=:…base64…:`, possibly among digests of other algorithms.
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):\s*(?:,|$)")
_SAMPLE_RANGE = re.compile(r"(\d{1,15})-(\d{1,15})/(\d{4,6})\Z")
# As long as the most chunks of the greatest length; a number past it is a mistake of units.
LATEST_START_SECONDS = 14 * 24 * 3600.0
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,12})?([eE][+-]?\d{1,2})?\Z")
# A clock that is wrong by a century says nothing; and PostgreSQL keeps times that Python cannot read back.
EARLIEST_CAPTURE = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_CAPTURE = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the sender says of a chunk; all of it may be absent.

    `start_time` in seconds on the recording's own line; `captured_at` is when the chunk was cut.
    """

    digest: bytes | None = None
    start_time: float | None = None
    samples: SampleRange | None = None
    captured_at: datetime | None = None


def declared(headers: Mapping[str, str]) -> Declared:
    """What the sender says of the chunk. Raises BadChunk naming the header that cannot be right."""
    return Declared(
        digest=_digest(headers.get("Content-Digest")),
        start_time=start_time(headers.get("X-Start-Time")),
        samples=_sample_range(headers.get("X-Sample-Range")),
        captured_at=_captured_at(headers.get("X-Captured-At")),
    )


def start_time(text: str | None) -> float | None:
    if not text:
        return None
    seconds = float(text) if _SECONDS.match(text) else math.nan
    if not 0 <= seconds <= LATEST_START_SECONDS:
        raise _wrong("X-Start-Time", "seconds from the start of the recording, such as 30.0")
    return seconds


def _digest(text: str | None) -> bytes | None:
    if not text:
        return None
    found = _SHA256.search(text)
    try:
        digest = base64.b64decode(found.group(1), validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise _wrong("Content-Digest", "sha-256=:…: with the digest in base64")
    return digest


def _sample_range(text: str | None) -> SampleRange | None:
    if not text:
        return None
    found = _SAMPLE_RANGE.match(text)
    if found:
        first, last, rate = (int(number) for number in found.groups())
        if first <= last and rate > 0:
            return SampleRange(first, last, rate)
    raise _wrong("X-Sample-Range", "first-last/rate, such as 0-479999/16000")


def _captured_at(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text)
        if moment is not None and is_aware(moment) and EARLIEST_CAPTURE <= moment <= LATEST_CAPTURE:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _wrong("X-Captured-At", "an ISO 8601 time of this century with its zone, such as 2026-01-31T09:30:00Z")


def _wrong(header: str, form: str) -> BadChunk:
    return BadChunk(f"{header} is not understood. It looks like: {form}.", fields={header: [form]})
