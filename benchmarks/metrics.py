"""What it costs to ask what was measured, with so many hours of so many users."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import redis
from django.conf import settings

from benchmarks import figures
from benchmarks.figures import Company, Sums, sums_of
from benchmarks.measuring import Variant, alternate, check_answers
from benchmarks.rows import Row, Suite, at_most
from benchmarks.scales import Run
from metrics import queries
from metrics.queries import DAY, HOUR, Point
from metrics.segments import Segment

MOST_MS: Final = {"recent": 2.0, "hours": 5.0, "days": 5.0, "user": 10.0}
_OURS, _BASELINE, _FLOOR = "ours", "baseline", "floor"
_HASHES: Final = "benchmark:segment:"
_AT_ONCE: Final = 1000
USER: Final = "user-3"
NOTHING: Final[Sums] = (0, 0, 0, 0)


def measure(run: Run) -> Iterator[Row]:
    """In a database of its own; the running hour is in Redis."""
    users, days = run.scale.pick(tiny=(5, 8), small=(200, 30), usual=(1000, 90))
    running = run.scale.pick(tiny=50, small=24_000, usual=240_000)
    with figures.database_of_its_own():
        company = figures.make_company(users, days, run.telling(f"{users * days * 24:,} hours of users"))
        segments = figures.write_running_hour(company, running, run.telling(f"{running:,} segments"))
        yield _recent(run, company, segments)
        yield _hours(run, company)
        yield _days(run, company)
        yield _user(run, company)


SUITE = Suite(
    title="What was measured, asked",
    baseline="counting segments, or hours of users, when somebody asks",
    floor="one bare find of the documents that have the answer",
    measure=measure,
)


def _recent(run: Run, company: Company, segments: list[Segment]) -> Row:
    what = f"the last 5 minutes, {len(segments):,} segments in the hour"
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL, decode_responses=True)
    _write_hashes(client, company, segments)
    times = [segment.received_at.timestamp() for segment in segments]

    def scanned(_: Any) -> tuple[float, int]:
        since, count = company.now.timestamp() // 60 * 60 - 300, 0
        keys: list[str] = []

        def read() -> int:
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.hmget(key, "received_at", "total_us", "error", "original_bytes")
            found = sum(float(answer[0]) >= since for answer in pipeline.execute())
            keys.clear()
            return found

        for key in client.scan_iter(f"{_HASHES}{company.tenant_id}:*", count=_AT_ONCE):
            keys.append(key)
            if len(keys) == _AT_ONCE:
                count += read()
        return since, count + read()

    def since(moment: float) -> int:
        return sum(at >= moment for at in times)

    variants = {
        _OURS: Variant(
            lambda _: queries.newest(company.tenant_id, now=company.now),
            answer=lambda _, got: got.totals.segments == since(got.since.timestamp()) and len(got.segments) <= 100,
        ),
        _BASELINE: Variant(scanned, answer=lambda _, got: got[1] == since(got[0])),
        _FLOOR: Variant(lambda _: client.ping()),
    }
    try:
        taken = alternate(
            variants, repetitions=run.scale.pick(tiny=2, small=5, usual=8), step=run.telling(what), warming=1
        )
    finally:
        for key in client.scan_iter(f"{_HASHES}*", count=_AT_ONCE):
            client.unlink(key)
        client.close()
    ours, baseline, floor = (taken[name] for name in (_OURS, _BASELINE, _FLOOR))
    return Row(
        what,
        "ms",
        ours,
        baseline,
        floor,
        (at_most(ours.median, MOST_MS["recent"], "ms"),),
        baseline_is="one hash for each segment, found by SCAN, whose times and sums are read",
        floor_is="Redis PING",
        note="sums of each minute with the sketch of latency, and the hundred newest in full; asked again, as by a "
        "dashboard, so that minutes that are over are unpacked already",
    )


def _hours(run: Run, company: Company) -> Row:
    what = f"24 hours, {company.rows:,} hours of users"
    since = company.running - 23 * HOUR
    return _asked(
        run,
        what,
        {
            _OURS: Variant(
                lambda _: queries.hourly(company.tenant_id, now=company.now), answer=lambda _, got: _by_start(got)
            ),
            _BASELINE: Variant(lambda _: figures.by_grouping_segments(company, since)),
            _FLOOR: Variant(lambda _: figures.found_hours(company, since)),
        },
        MOST_MS["hours"],
        baseline_is="a document for each segment, grouped by hour",
        note="the running hour from Redis, its minutes unpacked already",
    )


def _days(run: Run, company: Company) -> Row:
    what = f"7 days of all users, {company.rows:,} hours of users"
    today = company.running.replace(hour=0)

    def grouped(_: Any) -> dict[datetime, Sums]:
        found = figures.by_grouping_rows(company, today - 6 * DAY)
        return {**found, today: _added([found.get(today, NOTHING), figures.running_sums(company)])}

    return _asked(
        run,
        what,
        {
            _OURS: Variant(
                lambda _: queries.trends(company.tenant_id, now=company.now), answer=lambda _, got: _by_start(got)
            ),
            _BASELINE: Variant(grouped),
            _FLOOR: Variant(lambda _: figures.found_days(company, today - 6 * DAY)),
        },
        MOST_MS["days"],
        baseline_is="the hours of all users, grouped by day",
        note="six days as they were rolled up, today by its hours, the running one from Redis",
    )


def _user(run: Run, company: Company) -> Row:
    what = f"30 days of one user, {company.rows:,} hours of users"
    since = company.running.replace(hour=0) - 29 * DAY

    def grouped(_: Any) -> Sums:
        found = figures.by_grouping_rows(company, since, user_id=USER)
        return _added([*found.values(), figures.running_sums(company, user_id=USER)])

    return _asked(
        run,
        what,
        {
            _OURS: Variant(
                lambda _: queries.of_user(company.tenant_id, USER, now=company.now), answer=lambda _, got: sums_of(got)
            ),
            _BASELINE: Variant(grouped),
            _FLOOR: Variant(lambda _: figures.found_rows(company, USER, since)),
        },
        MOST_MS["user"],
        baseline_is="the hours of all users looked through for one",
        note="up to 720 hours, the running one from Redis",
    )


def _asked(run: Run, what: str, variants: dict[str, Variant], most: float, *, baseline_is: str, note: str) -> Row:
    """Ours and the usual way come to the same; the least only reads what ours is taken from."""
    check_answers({name: variants[name] for name in (_OURS, _BASELINE)})
    timed = {name: Variant(variant.run, answer=lambda _, got: bool(got)) for name, variant in variants.items()}
    repetitions = run.scale.pick(tiny=2, small=10, usual=20)
    taken = alternate(timed, repetitions=repetitions, step=run.telling(what), warming=1)
    ours, baseline, floor = (taken[name] for name in (_OURS, _BASELINE, _FLOOR))
    targets = (at_most(ours.median, most, "ms"),)
    return Row(what, "ms", ours, baseline, floor, targets, baseline_is=baseline_is, note=note)


def _by_start(points: list[Point]) -> dict[datetime, Sums]:
    return {point.start: sums_of(point.totals) for point in points if point.totals.segments}


def _added(several: Iterable[Sums]) -> Sums:
    segments, errors, total_us, size = (sum(column) for column in zip(NOTHING, *several, strict=True))
    return segments, errors, total_us, size


def _write_hashes(client: redis.Redis, company: Company, segments: Sequence[Segment]) -> None:
    """The usual way: a hash for each segment."""
    for start in range(0, len(segments), _AT_ONCE):
        pipeline = client.pipeline(transaction=False)
        for segment in segments[start : start + _AT_ONCE]:
            fields: Any = {
                **figures.document_of(company.tenant_id, segment),
                "received_at": segment.received_at.timestamp(),
            }
            pipeline.hset(f"{_HASHES}{company.tenant_id}:{segment.segment_id}", mapping=fields)
        pipeline.execute()
