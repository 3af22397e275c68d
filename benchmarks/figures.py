"""Figures to measure with: a company whose users' segments were counted for so many days, and the usual ways to count.

Hours are taken in turns from some that differ, so that all of them are made in minutes. The last day is there by
segments too, which is how it is counted where nothing is counted in advance.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.test.utils import override_settings
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection

from benchmarks.people import make_supervisor
from metrics import hours, mongo_clients, recent
from metrics.hours.collections import DAYS, FILLS, HOURS, ROLLS, ROWS
from metrics.hours.documents import nested, row_of
from metrics.queries import DAY, HOUR
from metrics.segments import Group, Pipeline, Segment
from metrics.totals import Totals

CHANNELS, EACH, DIFFERENT = 20, 10, 48
SEGMENTS = "segments_alone"
_AT_ONCE, _USERS_AT_ONCE = 1000, 100
_QUICK = WriteConcern(w=1)
# Segments, errors, microseconds of processing, bytes that came in.
Sums = tuple[int, int, int, int]
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Company:
    """What is asked, is asked as of `now`; so many `days` before its hour are filled, whole ones rolled up."""

    tenant_id: int
    users: int
    days: int
    now: datetime

    @property
    def running(self) -> datetime:
        """When the hour began that runs."""
        return self.now.replace(minute=0, second=0, microsecond=0)

    @property
    def rows(self) -> int:
        return self.users * self.days * 24


@contextmanager
def database_of_its_own() -> Iterator[None]:
    """The collections of hours and days in a new database, empty, which is gone afterwards."""
    parts = urlsplit(settings.EARSHOT_MONGODB_URL)
    url = urlunsplit(parts._replace(path=f"/benchmark_{secrets.token_hex(4)}"))
    mongo_clients.close()
    with override_settings(EARSHOT_MONGODB_URL=url):
        hours.create()
        try:
            yield
        finally:
            _patient().drop_database(urlsplit(url).path[1:])
            _patient().close()
            _patient.cache_clear()
            mongo_clients.close()


def make_company(users: int, days: int, step: Callable[[float], None]) -> Company:
    """Its hours and days, and the segments of the last 24 hours by the usual way. `step` is told how much is done."""
    _, tenant_id = make_supervisor()
    # As of the hour's end, however much of it is over.
    company = Company(tenant_id, users, days, datetime.now(UTC).replace(minute=59, second=59, microsecond=0))
    starts = [company.running - number * HOUR for number in range(days * 24, 0, -1)]
    for first in range(0, len(starts), 24):
        _insert_hours(company, starts[first : first + 24])
        step((first + 24) / len(starts))
    _insert_days(company, starts)
    last = (segment for start in starts[-24:] for segment in _segments_of_hour(company, start))
    there = _quick(SEGMENTS)
    while some := list(islice(last, _AT_ONCE)):
        there.insert_many([document_of(tenant_id, segment) for segment in some])
    there.create_index([("tenant_id", 1), ("received_at", 1)])
    return company


def write_running_hour(company: Company, count: int, step: Callable[[float], None]) -> list[Segment]:
    """So many segments of the running hour, evenly over it and in order, there in both ways."""
    apart = (company.now - company.running) / count
    made = [
        replace(
            _template(number % (DIFFERENT * EACH)),
            group=_group(number % company.users),
            segment_id=f"running-{number}",
            received_at=company.running + number * apart,
        )
        for number in range(count)
    ]
    for start in range(0, count, _AT_ONCE):
        some = made[start : start + _AT_ONCE]
        recent.write(company.tenant_id, some)
        _quick(SEGMENTS).insert_many([document_of(company.tenant_id, segment) for segment in some])
        step((start + len(some)) / count)
    return made


# --- The usual ways ---


def by_grouping_segments(company: Company, since: datetime) -> dict[datetime, Sums]:
    """Hours, of one document for each segment."""
    group = {
        "_id": {"$dateTrunc": {"date": "$received_at", "unit": "hour"}},
        "segments": {"$sum": 1},
        "errors": {"$sum": {"$cond": [{"$eq": ["$error", ""]}, 0, 1]}},
        "total_us": {"$sum": "$total_us"},
        "bytes": {"$sum": "$original_bytes"},
    }
    wanted = {"tenant_id": company.tenant_id, "received_at": {"$gte": since}}
    found = _patient_collection(SEGMENTS).aggregate([{"$match": wanted}, {"$group": group}])
    return {one["_id"]: (one["segments"], one["errors"], one["total_us"], one["bytes"]) for one in found}


def by_grouping_rows(company: Company, since: datetime, *, user_id: str | None = None) -> dict[datetime, Sums]:
    """Days, of the rows of hours; of one user by looking through those of all."""
    group = {
        "_id": {"$dateTrunc": {"date": "$timestamp", "unit": "day"}},
        "segments": {"$sum": "$sums.n"},
        "errors": {"$sum": "$sums.e"},
        "total_us": {"$sum": "$sums.u"},
        "bytes": {"$sum": "$sums.o"},
    }
    wanted: Document = {"metadata.tenant_id": company.tenant_id, "timestamp": {"$gte": since}}
    theirs: list[Document] = [] if user_id is None else [{"$match": {"$expr": {"$eq": ["$metadata.user_id", user_id]}}}]
    found = _patient_collection(ROWS).aggregate([{"$match": wanted}, *theirs, {"$group": group}], hint="tenant_hour")
    return {one["_id"]: (one["segments"], one["errors"], one["total_us"], one["bytes"]) for one in found}


# --- The least ---


def found_hours(company: Company, since: datetime) -> list[Document]:
    wanted = {"tenant_id": company.tenant_id, "channel_id": "", "hour": {"$gte": since}}
    return list(mongo_clients.collection(HOURS).find(wanted, {"_id": False}))


def found_days(company: Company, since: datetime) -> list[Document]:
    wanted = {"tenant_id": company.tenant_id, "channel_id": "", "day": {"$gte": since}}
    return list(mongo_clients.collection(DAYS).find(wanted, {"_id": False}))


def found_rows(company: Company, user_id: str, since: datetime) -> list[Document]:
    wanted = {
        "metadata.tenant_id": company.tenant_id,
        "metadata.user_id": user_id,
        "timestamp": {"$gte": since},
    }
    return list(mongo_clients.collection(ROWS).find(wanted, {"sums": True, "_id": False}))


def running_sums(company: Company, *, user_id: str = "") -> Sums:
    """Of the running hour, from where ours has it too."""
    if user_id:
        found = [totals for _, _, totals in recent.of_user(company.tenant_id, user_id, hours=[company.running])]
    else:
        until = company.running + HOUR
        found = [one.totals for one in recent.minutes(company.tenant_id, since=company.running, until=until)]
    return sums_of(Totals.summed(found))


def sums_of(totals: Totals) -> Sums:
    return totals.segments, totals.errors, totals.total_us, totals.original_bytes


# --- How it lies there ---


def _insert_hours(company: Company, starts: Sequence[datetime]) -> None:
    """A day of one user's rows together, which the time series then puts into their place by one write."""
    for first in range(0, company.users, _USERS_AT_ONCE):
        users = range(first, min(first + _USERS_AT_ONCE, company.users))
        rows = [
            {**_row(company.tenant_id, _turn_of(user, start)), "timestamp": start, "metadata": metadata}
            for user in users
            for metadata in [row_of(company.tenant_id, company.running, _group(user), Totals(), 1)["metadata"]]
            for start in starts
        ]
        _quick(ROWS).insert_many(rows, ordered=False)
    channels = [
        _of_channel(company, name, totals, hour=start)
        for start in starts
        for name, totals in _of_channels(company.users, _turn(start)).items()
    ]
    _quick(HOURS).insert_many(channels, ordered=False)
    _quick(FILLS).insert_many([_mark(company, start) for start in starts])


def _mark(company: Company, start: datetime) -> Document:
    counted = {
        "fill": 1,
        "epoch": "benchmark",
        "revision": 1,
        "token": "",
        "filling": "",
        "base": [],
        "groups": company.users,
        "segments": company.users * EACH,
    }
    return {
        "tenant_id": company.tenant_id,
        "hour": start,
        "attempts": 1,
        "counted": [counted],
        "earlier": [],
        "is_plain": True,
        "is_rolled": start < company.running.replace(hour=0),
        "filled_at": start + HOUR,
    }


def _insert_days(company: Company, starts: list[datetime]) -> None:
    days: dict[datetime, Counter[int]] = {}
    for start in starts:
        if start < company.running.replace(hour=0):
            days.setdefault(start.replace(hour=0), Counter())[_turn(start)] += 1
    for day, turns in days.items():
        by_channel: dict[str, Totals] = {}
        for turn, times in turns.items():
            for name, totals in _of_channels(company.users, turn).items():
                for _ in range(times):
                    by_channel.setdefault(name, Totals()).add(totals)
        channels = [_of_channel(company, name, totals, day=day) for name, totals in by_channel.items()]
        _quick(DAYS).insert_many(channels, ordered=False)
        _quick(ROLLS).insert_one(
            {
                "tenant_id": company.tenant_id,
                "day": day,
                "attempts": 1,
                "current": 1,
                "is_closed": True,
                "segments": by_channel[""].segments,
                "rolled_at": day + DAY,
            }
        )


def _of_channel(company: Company, channel_id: str, totals: Totals, **when: datetime) -> Document:
    return {
        "tenant_id": company.tenant_id,
        "channel_id": channel_id,
        "pipeline": str(Pipeline.DUBBING),
        "fill": 1,
        "sums": nested(totals, with_latency=True),
        **when,
    }


def _turn(start: datetime) -> int:
    return int(start.timestamp()) // 3600 % DIFFERENT


def _group(user: int) -> Group:
    return Group(f"channel-{user % CHANNELS}", f"session-{user}", f"user-{user}", "web", str(Pipeline.DUBBING))


@cache
def _of_channels(users: int, turn: int) -> Mapping[str, Totals]:
    sums: dict[str, Totals] = {"": Totals()}
    for user in range(users):
        for name in ("", _group(user).channel_id):
            sums.setdefault(name, Totals()).add(_of_turn((user * 7 + turn) % DIFFERENT))
    return sums


@cache
def _row(tenant_id: int, turn: int) -> Document:
    """What a user's hour of this turn has in its row, whoever and whenever it is of."""
    return row_of(tenant_id, datetime.now(UTC), _group(0), _of_turn(turn), 1)


def _turn_of(user: int, start: datetime) -> int:
    return (user * 7 + _turn(start)) % DIFFERENT


@cache
def _of_turn(turn: int) -> Totals:
    return Totals.of(_template(turn * EACH + number) for number in range(EACH))


@cache
def _template(number: int) -> Segment:
    extraction, dubbing, reinsertion = (number * factor % 400_000 + 50_000 for factor in (7919, 104_729, 15_485_863))
    return Segment(
        _group(0),
        f"segment-{number}",
        datetime(2026, 1, 1, tzinfo=UTC),
        stages={"extraction": extraction, "dubbing": dubbing, "reinsertion": reinsertion},
        total_us=extraction + dubbing + reinsertion,
        duration_us=15_000_000,
        original_bytes=400_000 + number,
        dubbed_bytes=380_000,
        source_language="he",
        target_language="en",
        error="timed_out" if number % 50 == 0 else "",
    )


def _segments_of_hour(company: Company, start: datetime) -> Iterator[Segment]:
    for user in range(company.users):
        turn = _turn_of(user, start)
        for number in range(EACH):
            at = start + timedelta(minutes=6 * number, milliseconds=user)
            yield replace(_template(turn * EACH + number), group=_group(user), received_at=at)


def document_of(tenant_id: int, segment: Segment) -> Document:
    group = segment.group
    return {
        "tenant_id": tenant_id,
        "channel_id": group.channel_id,
        "session_id": group.session_id,
        "user_id": group.user_id,
        "segment_id": segment.segment_id,
        "received_at": segment.received_at,
        **{f"{stage}_ms": microseconds / 1000 for stage, microseconds in segment.stages.items()},
        "total_us": segment.total_us,
        "original_bytes": segment.original_bytes,
        "dubbed_bytes": segment.dubbed_bytes,
        "source_language": segment.source_language,
        "target_language": segment.target_language,
        "platform": group.platform,
        "error": segment.error,
        "retry_count": segment.retry_count,
    }


@cache
def _patient() -> MongoClient[Document]:
    """For what takes longer than the product would wait."""
    return MongoClient(settings.EARSHOT_MONGODB_URL, tz_aware=True)


def _patient_collection(name: str) -> Collection[Document]:
    return _patient().get_default_database()[name]


def _quick(name: str) -> Collection[Document]:
    """Without waiting for a disk, since it is gone afterwards."""
    return _patient_collection(name).with_options(write_concern=_QUICK)
