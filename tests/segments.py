"""Plain segments, for tests of what is made of them."""

import itertools
from datetime import UTC, datetime

from metrics.segments import Group, Segment

_numbers = itertools.count(1)


def make_group(**values):
    given = {"channel_id": "news", "session_id": "s1", "user_id": "dana", "platform": "web", "pipeline": "dubbing"}
    return Group(**given | values)


def make_segment_of_work(*, received_at=None, total_ms=900, group=None, **values):
    """One that took so long, in three stages."""
    total_us = total_ms * 1000
    given = {
        "group": group or make_group(),
        "segment_id": f"segment-{next(_numbers)}",
        "received_at": received_at or datetime.now(UTC),
        "stages": {"extraction": total_us // 9, "dubbing": total_us // 3 * 2, "reinsertion": total_us // 9 * 2},
        "total_us": total_us,
        "duration_us": 15_000_000,
        "original_bytes": 380_000,
        "dubbed_bytes": 410_000,
        "source_language": "he",
        "target_language": "en",
    }
    return Segment(**given | values)
