"""Segments whose sums are known: written through the first tier, and looked for in whatever tiers there are."""

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from metrics import archived, hours, recent
from metrics.hours import days
from metrics.segments import Channel, Group, Hour, Segment
from metrics.totals import Totals

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_STAGES = {"dubbing": ["extraction", "dubbing", "reinsertion"], "audio": ["voice_activity", "transcription"]}
_AT_ONCE = 500


class Truth:
    """What was written, added up apart from the product: every channel's hours and days, and every group's hours.

    `now` is what writers believe: segments of the last 24 hours are taken.
    """

    def __init__(self, seed=0, *, tenants=(1, 2), channels=4, sessions=20, platforms=("web", "ios")):
        self.random = random.Random(seed)  # noqa: S311
        self.tenants, self.channels, self.sessions, self.platforms = tenants, channels, sessions, platforms
        self.numbers = 0
        self.hours = defaultdict(Totals)
        self.groups = defaultdict(Totals)

    def segments(self, count, start):
        """So many, all within the hour that begins then, of this many channels, sessions and pipelines."""
        return [self._segment(start) for _ in range(count)]

    def write(self, count, start, *, tenant_id=None, again=True):
        """Write so many new ones and some of them once more, as whoever got no answer does."""
        for first in range(0, count, _AT_ONCE):
            batch = self.segments(min(_AT_ONCE, count - first), start)
            of = tenant_id or self.random.choice(self.tenants)
            assert recent.write(of, batch, now=start + HOUR) == [True] * len(batch)
            self.add(of, batch)
            if again:
                some = self.random.sample(batch, len(batch) // 10)
                assert recent.write(of, some, now=start + HOUR) == [False] * len(some)

    def add(self, tenant_id, segments):
        for segment in segments:
            start = Hour.of(tenant_id, segment.received_at).start
            for channel_id in ("", segment.group.channel_id):
                self.hours[tenant_id, start, Channel(channel_id, segment.group.pipeline)].count(segment)
            self.groups[tenant_id, start, segment.group].count(segment)

    @property
    def days(self):
        """Tenant, day and channel → totals."""
        found = defaultdict(Totals)
        for (tenant_id, start, channel), totals in self.hours.items():
            found[tenant_id, start.date(), channel].add(totals)
        return found

    def forget_sums(self):
        """Whatever was written so far is no longer looked for."""
        self.hours.clear()
        self.groups.clear()

    def _segment(self, start):
        self.numbers += 1
        chance = self.random
        pipeline = chance.choice(["dubbing", "audio"])
        session = chance.randrange(self.sessions)
        # As in life, a session is one person's on one channel.
        group = Group(
            channel_id=f"channel-{session % self.channels}",
            session_id=f"session-{session}",
            user_id=str(session % 7) if session % 3 else f"guest {session}",
            platform=self.platforms[session % len(self.platforms)],
            pipeline=pipeline,
        )
        stages = {stage: chance.randrange(2_000_000) for stage in _STAGES[pipeline] if chance.random() < 0.9}
        failed = chance.random() < 0.05
        return Segment(
            group=group,
            segment_id=f"segment-{self.numbers}",
            received_at=start + timedelta(microseconds=chance.randrange(3_600_000_000)),
            stages=stages,
            total_us=None if failed and not stages else sum(stages.values()),
            duration_us=15_000_000,
            original_bytes=chance.randrange(5_000_000),
            dubbed_bytes=chance.randrange(5_000_000),
            source_language=chance.choice(["he", "zh-Hant", ""]),
            target_language=chance.choice(["en", "ar"]),
            error="engine_failed" if failed else "",
            retry_count=chance.randrange(3),
        )


def hours_told(tenants, since, until):
    """Tenant, hour and channel → totals, as the second tier tells them."""
    found = {}
    for tenant_id in tenants:
        channels = {"", *(channel_id for channel_id, _ in hours.by_channel(tenant_id, since, until))}
        for channel_id in channels:
            for one in hours.by_hour(tenant_id, since, until, channel_id=channel_id):
                found[tenant_id, one.start, one.channel] = one.totals
    return found


def groups_told(tenants, since, until):
    """Tenant, hour and group → totals, as the rows of the time series tell them."""
    found = defaultdict(Totals)
    day = since.date()
    while day <= until.date():
        for tenant_id in tenants:
            for row in hours.rows_of_day(tenant_id, day):
                found[tenant_id, row.start, row.group].add(row.totals)
        day += DAY
    return found


def days_told(tenants, since, until):
    """Tenant, day and channel → totals, as the roll-ups tell them."""
    found = {}
    day = since.date()
    while day <= until.date():
        for tenant_id in tenants:
            found |= {(tenant_id, day, channel): totals for channel, totals in days.totals_of(tenant_id, day)}
        day += DAY
    return found


def assert_hours_are_true(truth, since, until):
    """Every channel's hours with their latency, and every group's without, to the last unit."""
    assert hours_told(truth.tenants, since, until) == dict(truth.hours)
    assert groups_told(truth.tenants, since, until) == without_latency(truth.groups)


def assert_days_are_true(truth, since, until):
    assert days_told(truth.tenants, since, until) == dict(truth.days)


def assert_the_archive_is_true(truth, since, until):
    """Every channel's days with their latency, and every person's sums, to the last unit."""
    days_of_channels = {key: totals for key, totals in truth.days.items() if key[2].channel_id}
    people = defaultdict(int)
    for (tenant_id, _, group), totals in truth.groups.items():
        people[tenant_id, group.user_id] += totals.total_us
    found = {}
    for tenant_id in truth.tenants:
        bounds = (tenant_id, since.date(), until.date())
        for channel in {channel for *_, channel in days_of_channels}:
            told = archived.by_day(*bounds, channel_id=channel.channel_id, pipeline=channel.pipeline)
            found |= {(tenant_id, one.day, one.channel): one.totals for one in told}
    assert found == days_of_channels
    for (tenant_id, user_id), total_us in people.items():
        told = archived.of_user(tenant_id, user_id, since.date(), until.date())
        assert sum(one.totals.total_us for one in told) == total_us


def without_latency(found):
    without = {}
    for key, totals in found.items():
        without[key] = Totals.from_counts(totals.to_counts())
        without[key].latency.clear()
    return without


def a_past_midnight(days_ago=3):
    """UTC; in the past, because only finished hours are filled."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - days_ago * DAY
