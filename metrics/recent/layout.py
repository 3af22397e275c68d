"""How segments lie in Redis: the names of keys, and one segment packed into some fifty bytes. Pure.

An entry holds what its group does not. It begins with the time of receipt, four bytes of microseconds within the hour,
by which a group's list is kept in order; then a byte that says what is left out because it is usual, the segment's
id, and the rest as numbers of as many bytes as they need.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import msgpack

from metrics.segments import DUBBING_STAGES, Group, Hour, Segment

PREFIX: Final = "dubbing:segment:"
WAITING_KEY: Final = f"{PREFIX}waiting"
HOURS_KEY: Final = f"{PREFIX}hours"

USUAL_DURATION_US: Final = 15_000_000
USUAL_LANGUAGES: Final = ("he", "en")

OFFSET_BYTES: Final = 4
_HAS_STARTED = 1
_HAS_ENDED = 2
_IS_UNTIMED = 4
_TOTAL_IS_OF_STAGES = 8
_STAGES_ARE_DUBBING = 16
_DURATION_IS_USUAL = 32
_LANGUAGES_ARE_USUAL = 64
_HAD_TROUBLE = 128

# The form of an id is in the last two bits of the number before it.
_TEXT, _UUID, _NUMBER = 0, 1, 2
_UUID_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NUMBER_FORM = re.compile(r"0|[1-9][0-9]{0,18}")
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def prefix_of(hour: Hour) -> str:
    return f"{PREFIX}{name_of_start(hour.start)}:{hour.tenant_id}:"


def name_of(hour: Hour) -> str:
    return f"{name_of_start(hour.start)}:{hour.tenant_id}"


def hour_named(name: str) -> Hour:
    start, _, tenant_id = name.partition(":")
    return Hour(start_named(start), int(tenant_id))


def name_of_start(start: datetime) -> str:
    # Thrice as fast as by strftime.
    return f"{start.year:04}{start.month:02}{start.day:02}{start.hour:02}"


def start_named(name: str) -> datetime:
    return datetime(int(name[:4]), int(name[4:6]), int(name[6:8]), int(name[8:10]), tzinfo=UTC)


def minutes_key(hour: Hour, pipeline: str, channel_id: str) -> str:
    return f"{prefix_of(hour)}minutes:{pipeline}:{channel_id}"


def seen_prefix(tenant_id: int) -> str:
    return f"{PREFIX}seen:{tenant_id}:"


def user_prefix(tenant_id: int) -> str:
    return f"{PREFIX}user:{tenant_id}:"


def active_prefix(tenant_id: int) -> str:
    return f"{PREFIX}active:{tenant_id}:"


def session_digest(channel_id: str, session_id: str) -> str:
    """Of the two together, whatever characters they have; a session's segments are looked up by it."""
    return hashlib.blake2b(f"{len(channel_id)}:{channel_id}{session_id}".encode(), digest_size=9).hexdigest()


def segment_digest(segment_id: str) -> int:
    """64 bits with a sign, as Redis keeps sets of them in eight bytes each.

    By chance two of a session's ids of two days share one with a likelihood of 10⁻¹² for 6000 ids.
    """
    return int.from_bytes(hashlib.blake2b(segment_id.encode(), digest_size=8).digest(), signed=True)


def pack_group(group: Group) -> bytes:
    fields = (group.channel_id, group.session_id, group.user_id, group.platform, group.pipeline)
    return cast("bytes", msgpack.packb(fields))


def unpack_group(packed: bytes) -> Group:
    return Group(*msgpack.unpackb(packed))


def pack_counts(counts: Mapping[str, int]) -> bytes:
    return cast("bytes", msgpack.packb(counts))


def unpack_counts(packed: bytes) -> dict[str, int]:
    return cast("dict[str, int]", msgpack.unpackb(packed))


def pack_message(message: Any) -> bytes:
    """For a script: Redis' own msgpack knows no bytes but text."""
    return cast("bytes", msgpack.packb(message, use_bin_type=False))


def unpack_message(packed: bytes) -> Any:
    """Of a script, in which all text is bytes."""
    return msgpack.unpackb(packed, raw=True)


def pack(segment: Segment, start: datetime) -> bytes:
    """Everything but the group, for a segment that was received in the hour which began at `start`."""
    received_at, stages, total_us = segment.received_at, segment.stages, segment.total_us
    flags = 0
    rest = bytearray()
    since = received_at
    if segment.processing_started_at is not None:
        flags |= _HAS_STARTED
        _put_signed(rest, (segment.processing_started_at - since) // _MICROSECOND)
        since = segment.processing_started_at
    if segment.processing_ended_at is not None:
        flags |= _HAS_ENDED
        _put_signed(rest, (segment.processing_ended_at - since) // _MICROSECOND)
    if tuple(stages) == DUBBING_STAGES:
        flags |= _STAGES_ARE_DUBBING
    _put_stages(rest, stages)
    if total_us is None:
        flags |= _IS_UNTIMED
    elif total_us == sum(stages.values()):
        flags |= _TOTAL_IS_OF_STAGES
    else:
        _put_time(rest, total_us)
    if segment.duration_us == USUAL_DURATION_US:
        flags |= _DURATION_IS_USUAL
    else:
        _put_time(rest, segment.duration_us)
    _put(rest, segment.original_bytes)
    _put(rest, segment.dubbed_bytes)
    if (segment.source_language, segment.target_language) == USUAL_LANGUAGES:
        flags |= _LANGUAGES_ARE_USUAL
    else:
        _put_text(rest, segment.source_language)
        _put_text(rest, segment.target_language)
    if segment.error or segment.retry_count:
        flags |= _HAD_TROUBLE
        _put_text(rest, segment.error)
        _put(rest, segment.retry_count)
    offset = (received_at - start) // _MICROSECOND
    return offset.to_bytes(OFFSET_BYTES) + bytes((flags,)) + _packed_id(segment.segment_id) + rest


def offset_of(packed: bytes) -> int:
    """The time of receipt, in microseconds within the hour."""
    return int.from_bytes(packed[:OFFSET_BYTES])


def microseconds_of(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def unpack(packed: bytes, group: Group, start: datetime) -> Segment:
    reading = _Reading(packed, OFFSET_BYTES + 1)
    flags = packed[OFFSET_BYTES]
    received_at = since = start + timedelta(microseconds=int.from_bytes(packed[:OFFSET_BYTES]))
    segment_id = reading.identifier()
    started_at = ended_at = None
    if flags & _HAS_STARTED:
        started_at = since = since + timedelta(microseconds=reading.signed())
    if flags & _HAS_ENDED:
        ended_at = since + timedelta(microseconds=reading.signed())
    if flags & _STAGES_ARE_DUBBING:
        stages = {stage: reading.time() for stage in DUBBING_STAGES}
    else:
        stages = {reading.text(): reading.time() for _ in range(reading.number())}
    total_us: int | None = None
    if flags & _TOTAL_IS_OF_STAGES:
        total_us = sum(stages.values())
    elif not flags & _IS_UNTIMED:
        total_us = reading.time()
    duration_us = USUAL_DURATION_US if flags & _DURATION_IS_USUAL else reading.time()
    original_bytes, dubbed_bytes = reading.number(), reading.number()
    source, target = USUAL_LANGUAGES if flags & _LANGUAGES_ARE_USUAL else (reading.text(), reading.text())
    error, retry_count = (reading.text(), reading.number()) if flags & _HAD_TROUBLE else ("", 0)
    return Segment(
        group=group,
        segment_id=segment_id,
        received_at=received_at,
        processing_started_at=started_at,
        processing_ended_at=ended_at,
        stages=stages,
        total_us=total_us,
        duration_us=duration_us,
        original_bytes=original_bytes,
        dubbed_bytes=dubbed_bytes,
        source_language=source,
        target_language=target,
        error=error,
        retry_count=retry_count,
    )


class _Reading:
    """What is left of an entry."""

    def __init__(self, packed: bytes, at: int) -> None:
        self._packed = packed
        self._at = at

    def number(self) -> int:
        packed, at = self._packed, self._at
        byte = packed[at]
        at += 1
        value, shift = byte & 127, 7
        while byte > 127:
            byte = packed[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
        self._at = at
        return value

    def signed(self) -> int:
        value = self.number()
        return ~(value >> 1) if value & 1 else value >> 1

    def time(self) -> int:
        value = self.number()
        return (value >> 1) * 1000 if value & 1 else value >> 1

    def text(self) -> str:
        return self._bytes(self.number()).decode()

    def identifier(self) -> str:
        length = self.number()
        form = length & 3
        if form == _NUMBER:
            return str(length >> 2)
        found = self._bytes(length >> 2)
        if form == _TEXT:
            return found.decode()
        digits = found.hex()
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _bytes(self, length: int) -> bytes:
        found = self._packed[self._at : self._at + length]
        self._at += length
        return found


def _packed_id(segment_id: str) -> bytes:
    if len(segment_id) == 36 and _UUID_FORM.fullmatch(segment_id):
        return b"%c%b" % (16 << 2 | _UUID, bytes.fromhex(segment_id.replace("-", "")))
    packed = bytearray()
    if _NUMBER_FORM.fullmatch(segment_id):
        _put(packed, int(segment_id) << 2 | _NUMBER)
    else:
        text = segment_id.encode()
        _put(packed, len(text) << 2 | _TEXT)
        packed += text
    return bytes(packed)


def _put(packed: bytearray, number: int) -> None:
    """Seven bits a byte, the lowest first; all but the last byte have the eighth."""
    while number > 127:
        packed.append(number & 127 | 128)
        number >>= 7
    packed.append(number)


def _put_stages(packed: bytearray, stages: Mapping[str, int]) -> None:
    if tuple(stages) == DUBBING_STAGES:
        for microseconds in stages.values():
            _put_time(packed, microseconds)
        return
    _put(packed, len(stages))
    for stage, microseconds in stages.items():
        _put_text(packed, stage)
        _put_time(packed, microseconds)


def _put_signed(packed: bytearray, number: int) -> None:
    _put(packed, number << 1 if number >= 0 else ~number << 1 | 1)


def _put_time(packed: bytearray, microseconds: int) -> None:
    """Most are told in whole milliseconds, which need a byte less so."""
    milliseconds, left = divmod(microseconds, 1000)
    _put(packed, microseconds << 1 if left else milliseconds << 1 | 1)


def _put_text(packed: bytearray, text: str) -> None:
    encoded = text.encode()
    _put(packed, len(encoded))
    packed += encoded
