"""What the first tier of figures costs: segments written and kept, an hour of them summed, somebody erased."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, cast
from uuid import UUID

import redis
from django.conf import settings

from benchmarks import hashes
from benchmarks.measuring import Figures, Variant, WrongAnswer, alternate, one
from benchmarks.rows import Row, Suite, faster, near
from benchmarks.scales import Run
from metrics import hours, recent
from metrics.errors import SegmentsAway
from metrics.recent import layout
from metrics.segments import Group, Hour, Segment
from metrics.totals import Totals

BATCH = 16
USERS, CHANNELS = 1000, 20
TENANT = 1
MOST_OF_DETAIL, MOST_OF_ALL, MOST_OF_MEMORY = 0.5, 0.9, 1 / 6
LEAST_OF_HOUR, LEAST_OF_ERASING = 200.0, 100.0
_OURS, _BASELINE, _FLOOR = "ours", "hashes", "PING"
_DETAIL = "lists of detail"


def measure(run: Run) -> Iterator[Row]:
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    client.flushdb()
    try:
        yield from _writing(run, client)
        yield from _hour(run, client)
        yield _erasing(run, client)
    finally:
        client.flushdb()


SUITE = Suite(
    title="Segments of dubbing in Redis",
    baseline="a hash for each, in one pipeline; read and erased by scanning keys",
    floor="Redis PING",
    measure=measure,
)


def _writing(run: Run, client: redis.Redis) -> Iterator[Row]:
    numbers = count()
    for people, who in ((BATCH, f"of {BATCH} people"), (1, "of one person")):
        prepare = partial(_batch, numbers, people)
        variants = {
            _DETAIL: Variant(partial(_write_detail, client), prepare, lambda given, _: _listed(client, given)),
            _OURS: Variant(
                lambda given: recent.write(TENANT, given), prepare, lambda given, _: _newest_as_written(given)
            ),
            _BASELINE: Variant(partial(hashes.write, client), prepare, lambda given, _: _hashed(client, given)),
            _FLOOR: Variant(lambda _: client.ping(), answer=lambda _, got: BATCH),
        }
        what = f"write {BATCH} segments {who}"
        taken = alternate(variants, repetitions=run.scale.pick(tiny=20, small=500, usual=3000), step=run.telling(what))
        detail, ours, baseline, floor = (taken[name] for name in (_DETAIL, _OURS, _BASELINE, _FLOOR))
        yield Row(
            f"{what}, all that is kept",
            "ms",
            ours,
            baseline,
            floor,
            (near(ours, baseline, most=MOST_OF_ALL, of="baseline"),),
        )
        yield Row(
            f"{what}, beside the least that detail alone can cost",
            "ms",
            ours,
            baseline,
            detail,
            floor_is="RPUSH of the same, packed, to lists of this benchmark's own, without sums or deduplication",
            note=(
                "Earshot has no way of writing detail alone, and no figure of it to be held to "
                f"≤ {MOST_OF_DETAIL:g} × baseline; the floor is {detail.median / baseline.median:.2f} × baseline"
            ),
        )
        client.flushdb()


def _hour(run: Run, client: redis.Redis) -> Iterator[Row]:
    segments = run.scale.pick(tiny=1000, small=24_000, usual=240_000)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    empty = _used(client)
    _fill(segments, start, partial(hashes.write, client), run.telling(f"{segments:,} hashes"))
    by_hashes = _used(client) - empty
    before = _used(client)
    _fill(segments, start, _write, run.telling(f"{segments:,} segments"))
    by_us = _used(client) - before
    detail = sum(client.memory_usage(key, samples=0) or 0 for key in _keys_of_detail(client, start))
    in_full = _mebibytes(detail)
    target = near(in_full, _mebibytes(by_hashes), most=MOST_OF_MEMORY, of="baseline")
    yield Row(f"{segments:,} segments in full", "MiB", in_full, _mebibytes(by_hashes), targets=(target,))
    yield Row(f"{segments:,} segments, sums and minutes", "MiB", _mebibytes(by_us), _mebibytes(by_hashes))

    hour = Hour(start, TENANT)
    what = f"an hour of {segments:,} segments of {USERS} people summed"
    variants = {
        _OURS: Variant(lambda _: recent.read_hour(hour), answer=lambda _, got: _counts_of(got.groups)),
        _BASELINE: Variant(lambda _: hashes.totals(client), answer=lambda _, got: _counts_of(got.items())),
    }
    taken = alternate(variants, repetitions=run.scale.pick(tiny=2, small=3, usual=3), step=run.telling(what), warming=0)
    ours, baseline = taken[_OURS], taken[_BASELINE]
    yield Row(what, "ms", ours, baseline, targets=(faster(ours, baseline, least=LEAST_OF_HOUR),))
    yield _filling(run, hour, segments, baseline)
    client.flushdb()


def _filling(run: Run, hour: Hour, segments: int, baseline: Figures) -> Row:
    """Read and written, which the baseline's sum is not; each time as if it had never been."""
    what = f"an hour of {segments:,} segments of {USERS} people filled into MongoDB"
    hours.create()
    variants = {_OURS: Variant(lambda _: hours.fill(hour, _read(hour), anew=True), answer=lambda _, got: got)}
    repetitions = run.scale.pick(tiny=2, small=5, usual=20)
    ours = alternate(variants, repetitions=repetitions, step=run.telling(what), warming=1)[_OURS]
    rows = [(row.group, row.totals) for row in hours.rows_of_day(TENANT, hour.start.date()) if row.start == hour.start]
    if _counts_of(rows) != _counts_of(_read(hour).groups):
        raise WrongAnswer(f"{what}: MongoDB does not say what Redis says.")
    targets = (faster(ours, baseline, least=LEAST_OF_HOUR),)
    return Row(what, "ms", ours, baseline, targets=targets, note="the baseline sums, and writes nothing")


def _read(hour: Hour) -> recent.HourReading:
    return cast("recent.HourReading", recent.read_hour(hour))


def _erasing(run: Run, client: redis.Redis) -> Row:
    segments = run.scale.pick(tiny=1000, small=50_000, usual=1_000_000)
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    for write, what in ((partial(hashes.write, client), "hashes"), (_write, "segments")):
        _fill(segments, start, write, run.telling(f"{segments:,} {what}"))
    what = f"one person among {segments:,} segments erased"
    users = {name: (f"user-{number}" for number in count()) for name in (_OURS, _BASELINE)}
    variants = {
        _OURS: Variant(lambda user_id: recent.erase_user(TENANT, user_id), partial(next, users[_OURS])),
        _BASELINE: Variant(partial(hashes.erase, client), partial(next, users[_BASELINE])),
    }
    taken = alternate(
        variants, repetitions=run.scale.pick(tiny=2, small=5, usual=10), step=run.telling(what), warming=1
    )
    ours, baseline = taken[_OURS], taken[_BASELINE]
    return Row(what, "ms", ours, baseline, targets=(faster(ours, baseline, least=LEAST_OF_ERASING),))


def _batch(numbers: Iterator[int], people: int) -> list[Segment]:
    now = datetime.now(UTC)
    first = next(numbers) * BATCH
    return [
        _segment(first + place, (first + place) % people if people > 1 else first % USERS, now)
        for place in range(BATCH)
    ]


def _segment(number: int, user: int, received_at: datetime) -> Segment:
    chance = random.Random(number)  # noqa: S311
    stages = {
        "extraction": chance.randrange(80_000, 200_000),
        "dubbing": chance.randrange(600_000, 2_000_000),
        "reinsertion": chance.randrange(80_000, 300_000),
    }
    total_us = sum(stages.values())
    began = received_at + timedelta(microseconds=chance.randrange(1000, 50_000))
    return Segment(
        group=Group(
            channel_id=f"channel-{user % CHANNELS}",
            session_id=f"session-{user}",
            user_id=f"user-{user}",
            platform="web",
            pipeline="dubbing",
        ),
        segment_id=str(UUID(int=chance.getrandbits(128))),
        received_at=received_at,
        processing_started_at=began,
        processing_ended_at=began + timedelta(microseconds=total_us),
        stages=stages,
        total_us=total_us,
        duration_us=15_000_000,
        original_bytes=chance.randrange(1_000_000, 4_000_000),
        dubbed_bytes=chance.randrange(1_000_000, 4_000_000),
        source_language="he",
        target_language="en",
        error="engine_failed" if chance.random() < 0.02 else "",
        retry_count=int(chance.random() < 0.05),
    )


def _fill(segments: int, start: datetime, write: Any, step: Any) -> None:
    """An hour of so many, in order of receipt, each user's as often as another's."""
    each = timedelta(hours=1) / segments
    for first in range(0, segments, hashes.AT_ONCE):
        last = min(first + hashes.AT_ONCE, segments)
        write([_segment(number, number % USERS, start + number * each) for number in range(first, last)])
        step(last / segments)


def _write(segments: Sequence[Segment]) -> None:
    """Until Redis has answered, which may be busy with writing down what it has."""
    while True:
        try:
            recent.write(TENANT, segments)
            return
        except SegmentsAway:
            continue


def _write_detail(client: redis.Redis, segments: Sequence[Segment]) -> None:
    """What `recent.write` cannot do without, and far from all that it does."""
    start = segments[0].received_at.replace(minute=0, second=0, microsecond=0)
    entries = defaultdict(list)
    for segment in segments:
        entries[segment.group].append(layout.pack(segment, start))
    pipeline = client.pipeline(transaction=False)
    for group, packed in entries.items():
        key = _list_of(group, start)
        pipeline.rpush(key, *packed)
        pipeline.expire(key, hashes.LIFE_SECONDS)
    pipeline.execute()


def _list_of(group: Group, start: datetime) -> str:
    return f"detail:{layout.name_of_start(start)}:{group.session_id}"


def _listed(client: redis.Redis, given: Sequence[Segment]) -> int:
    start = given[0].received_at.replace(minute=0, second=0, microsecond=0)
    for group in {segment.group for segment in given}:
        own = [segment for segment in given if segment.group == group]
        packed = cast("list[bytes]", client.lrange(_list_of(group, start), -len(own), -1))
        if [layout.unpack(entry, group, start) for entry in packed] != own:
            return 0
    return len(given)


def _newest_as_written(given: Sequence[Segment]) -> int:
    newest = recent.newest(TENANT, since=given[0].received_at, limit=len(given))
    return len([one for one in newest if one in given])


def _hashed(client: redis.Redis, given: Sequence[Segment]) -> int:
    there = list(hashes.read(client))
    return len([one for one in given if one in there])


def _keys_of_detail(client: redis.Redis, start: datetime) -> Iterator[bytes]:
    prefix = layout.prefix_of(Hour(start, TENANT))
    for pattern in (f"{prefix}of:*", f"{prefix}groups", f"{layout.PREFIX}seen:*", f"{layout.PREFIX}user:*"):
        yield from client.scan_iter(pattern, count=hashes.AT_ONCE)


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def _mebibytes(taken: int) -> Figures:
    return one(taken / 2**20)


def _counts_of(groups: Iterable[tuple[Group, Totals]]) -> dict[Group, dict[str, int]]:
    return {
        group: {name: count for name, count in totals.to_counts().items() if not name.startswith("l.")}
        for group, totals in groups
    }
