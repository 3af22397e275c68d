"""The usual way with segments in Redis: a hash for each, under a key that names it, found again by scanning keys.

The layout that the first tier is compared with; it forgets a segment a day after it was written, as that does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

import redis

from metrics.segments import DUBBING_STAGES, Group, Segment
from metrics.totals import Totals

LIFE_SECONDS = 24 * 3600
# Keys that are scanned, and hashes that are read, in one go.
AT_ONCE = 1000


def write(client: redis.Redis, segments: Sequence[Segment]) -> None:
    pipeline = client.pipeline(transaction=False)
    for segment in segments:
        key = _key_of(segment)
        pipeline.hset(key, mapping=_fields_of(segment))
        pipeline.expire(key, LIFE_SECONDS)
    pipeline.execute()


def scan(client: redis.Redis, *, user_id: str = "*") -> Iterator[list[bytes]]:
    """Keys of segments, of one user or all, many at once."""
    cursor = 0
    while True:
        cursor, keys = client.scan(cursor, match=f"hash:*:{user_id}:*", count=AT_ONCE)
        yield cast("list[bytes]", keys)
        if cursor == 0:
            return


def read(client: redis.Redis) -> Iterator[Segment]:
    """All of them, by scanning."""
    for keys in scan(client):
        pipeline = client.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key)
        for fields in pipeline.execute():
            yield _segment_of({name.decode(): value.decode() for name, value in fields.items()})


def totals(client: redis.Redis) -> dict[Group, Totals]:
    """By group, as an hourly job sums them."""
    by_group: dict[Group, Totals] = {}
    for segment in read(client):
        by_group.setdefault(segment.group, Totals()).count(segment)
    return by_group


def erase(client: redis.Redis, user_id: str) -> int:
    """By scanning for the user's name in keys."""
    return sum(client.unlink(*keys) for keys in scan(client, user_id=user_id) if keys)


def _key_of(segment: Segment) -> str:
    group = segment.group
    hour = f"{segment.received_at:%Y%m%d%H}"
    return f"hash:{hour}:{group.channel_id}:{group.session_id}:{group.user_id}:{segment.segment_id}"


def _fields_of(segment: Segment) -> dict[Any, Any]:
    return {
        **asdict(segment.group),
        "segment_id": segment.segment_id,
        "received_at": segment.received_at.isoformat(),
        "processing_started_at": _text(segment.processing_started_at),
        "processing_ended_at": _text(segment.processing_ended_at),
        **{f"{stage}_us": segment.stages[stage] for stage in DUBBING_STAGES},
        "total_us": segment.total_us or 0,
        "duration_us": segment.duration_us,
        "original_bytes": segment.original_bytes,
        "dubbed_bytes": segment.dubbed_bytes,
        "source_language": segment.source_language,
        "target_language": segment.target_language,
        "error": segment.error,
        "retry_count": segment.retry_count,
    }


def _segment_of(fields: dict[str, str]) -> Segment:
    group = (fields[name] for name in ("channel_id", "session_id", "user_id", "platform", "pipeline"))
    return Segment(
        group=Group(*group),
        segment_id=fields["segment_id"],
        received_at=datetime.fromisoformat(fields["received_at"]),
        processing_started_at=_time(fields["processing_started_at"]),
        processing_ended_at=_time(fields["processing_ended_at"]),
        stages={stage: int(fields[f"{stage}_us"]) for stage in DUBBING_STAGES},
        total_us=int(fields["total_us"]),
        duration_us=int(fields["duration_us"]),
        original_bytes=int(fields["original_bytes"]),
        dubbed_bytes=int(fields["dubbed_bytes"]),
        source_language=fields["source_language"],
        target_language=fields["target_language"],
        error=fields["error"],
        retry_count=int(fields["retry_count"]),
    )


def _text(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
