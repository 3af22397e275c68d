"""Days of segments with nothing usual about them, the same for the same seed."""

import random as randomness
from datetime import UTC, datetime, timedelta

from metrics.segments import Group, Segment

STAGES = {"dubbing": ("extraction", "dubbing", "reinsertion"), "audio": ("decode", "transcribe")}
LANGUAGES = ["", "he", "en", "ar"]
USERS = ["", "user:7", "user:8", "customer-9", "לקוח"]


def chance(seed):
    return randomness.Random(seed)  # noqa: S311 - nothing is kept secret by it


def segments_of_a_day(random, day, *, count, channels, users=USERS):
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return [_segment(random, start, number, channels, users) for number in range(count)]


def _segment(random, start, number, channels, users):
    pipeline = random.choice(list(STAGES))
    ran = [stage for stage in STAGES[pipeline] if random.random() < 0.9]
    return Segment(
        group=Group(
            channel_id=random.choice(channels),
            session_id=f"session-{random.randrange(20)}",
            user_id=random.choice(users),
            platform=random.choice(["web", "ios"]),
            pipeline=pipeline,
        ),
        segment_id=f"{start:%Y%m%d}-{number}",
        received_at=start + timedelta(microseconds=random.randrange(24 * 3600 * 10**6)),
        stages={stage: random.randrange(1, 2_000_000) for stage in ran},
        total_us=random.choice([None, random.randrange(1, 9_000_000)]),
        duration_us=random.randrange(1, 30_000_000),
        original_bytes=random.randrange(10**7),
        dubbed_bytes=random.randrange(10**7),
        source_language=random.choice(LANGUAGES),
        target_language=random.choice(LANGUAGES),
        error=random.choice(["", "", "", "engine_failed"]),
        retry_count=random.choice([0, 0, 0, 1, 3]),
    )
