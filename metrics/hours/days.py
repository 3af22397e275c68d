"""Days, each rolled up from its hours: by channel, with latency. A roll is to a day what a fill is to an hour."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pymongo import ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession

from metrics import timings
from metrics.hours.collections import DAYS, FILLS, HOURS, ROLLS
from metrics.hours.documents import flat, nested
from metrics.hours.filling import BATCH, forget_earlier
from metrics.hours.reading import at_one_moment, bounds_of
from metrics.mongo_clients import DEADLINE_MS, collection, reachable
from metrics.segments import Channel
from metrics.totals import Totals

# So long after its hour a segment may still come, with an hour for what was on its way.
LATE: Final = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class DayTotals:
    """What a channel did on a day, UTC; a `channel_id` of "" is all of the tenant's together."""

    day: date
    channel: Channel
    totals: Totals


@dataclass(frozen=True, slots=True)
class Roll:
    """A day of a tenant's as it was last rolled up."""

    tenant_id: int
    day: date
    rolled_at: datetime
    segments: int


def is_closed(day: date, now: datetime) -> bool:
    """Whether no segment of the day can come any more. One that waits in Redis may still have to be filled."""
    return now >= bounds_of(day)[1] + LATE


@reachable()
def closed(since: date | None = None, until: date | None = None) -> list[Roll]:
    """Days that were rolled up when no segment could come and none waited; in order, both bounds among them."""
    bounds: dict[str, datetime] = {}
    if since is not None:
        bounds["$gte"] = bounds_of(since)[0]
    if until is not None:
        bounds["$lte"] = bounds_of(until)[0]
    wanted = {"is_closed": True, **({"day": bounds} if bounds else {})}
    found = collection(ROLLS).find(wanted, sort=[("day", 1), ("tenant_id", 1)], max_time_ms=DEADLINE_MS)
    return [Roll(one["tenant_id"], one["day"].date(), one["rolled_at"], one["segments"]) for one in found]


@reachable()
def by_day(
    tenant_id: int, since: date, until: date, *, channel_id: str = "", pipeline: str | None = None
) -> list[DayTotals]:
    """What one channel did, or all together, by day, in order; `until` is not among them, nor is an empty day."""
    days = {"$gte": bounds_of(since)[0], "$lt": bounds_of(until)[0]}
    wanted: dict[str, Any] = {"tenant_id": tenant_id, "channel_id": channel_id, "day": days}
    if pipeline is not None:
        wanted["pipeline"] = pipeline
    with at_one_moment() as session:
        current = _current(tenant_id, days, session)
        found = list(collection(DAYS).find(wanted, session=session, max_time_ms=DEADLINE_MS))
    rolled = [
        DayTotals(one["day"].date(), Channel(channel_id, one["pipeline"]), flat(one["sums"]))
        for one in found
        if one["fill"] == current.get(one["day"])
    ]
    return sorted(rolled, key=lambda one: (one.day, one.channel))


@reachable()
def totals_of(tenant_id: int, day: date) -> list[tuple[Channel, Totals]]:
    """The day's roll-up: every channel, and all together."""
    start = bounds_of(day)[0]
    with at_one_moment() as session:
        current = _current(tenant_id, start, session).get(start)
        wanted = {"tenant_id": tenant_id, "day": start, "fill": current}
        found = list(collection(DAYS).find(wanted, session=session, max_time_ms=DEADLINE_MS))
    return sorted(
        ((Channel(one["channel_id"], one["pipeline"]), flat(one["sums"])) for one in found), key=lambda one: one[0]
    )


@reachable()
def unrolled(since: date | None = None, until: date | None = None) -> list[tuple[date, int]]:
    """Days and tenants of which an hour has been filled that the roll-up does not have, in order of day."""
    bounds: dict[str, datetime] = {}
    if since is not None:
        bounds["$gte"] = bounds_of(since)[0]
    if until is not None:
        bounds["$lt"] = bounds_of(until)[1]
    wanted = {"is_rolled": False, **({"hour": bounds} if bounds else {})}
    found = collection(FILLS).find(wanted, {"hour": 1, "tenant_id": 1, "_id": 0}, hint="not_rolled")
    return sorted({(one["hour"].date(), one["tenant_id"]) for one in found})


@reachable()
def open_days(until: date) -> list[tuple[date, int]]:
    """Days up to this one, and their tenants, that are rolled up and not closed; in order of day."""
    wanted = {"is_closed": False, "day": {"$lte": bounds_of(until)[0]}}
    found = collection(ROLLS).find(wanted, {"day": 1, "tenant_id": 1, "_id": 0})
    return sorted((one["day"].date(), one["tenant_id"]) for one in found)


@timings.measured("metrics.roll_day")
@reachable()
def roll(tenant_id: int, day: date, *, is_closed: bool) -> bool:
    """Add up the day's hours as they are now, in the place of what was rolled up before.

    False when somebody else rolled it up meanwhile: then it has to be looked at again. Raises RetryableMetricsError;
    again is the same as once.
    """
    since, until = bounds_of(day)
    key = {"tenant_id": tenant_id, "day": since}
    # The mark comes before the hours: who finds it unmoved at the end has seen no older hours than it stands for.
    before = collection(ROLLS).find_one(key)
    hours = {"$gte": since, "$lt": until}
    with at_one_moment() as session:
        marks = list(collection(FILLS).find({"tenant_id": tenant_id, "hour": hours}, session=session))
        channels = _added_up(tenant_id, marks, session)
    begun: Any = collection(ROLLS).find_one_and_update(
        key,
        {"$inc": {"attempts": 1}, "$setOnInsert": {"current": 0, "is_closed": False, "segments": 0}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    number = int(begun["attempts"])
    _write(key, channels, number)
    values = {
        "current": number,
        "is_closed": is_closed,
        "segments": sum(totals.segments for channel, totals in channels.items() if not channel.channel_id),
        "rolled_at": datetime.now(UTC),
    }
    moved = collection(ROLLS).update_one({**key, "current": before["current"] if before else 0}, {"$set": values})
    if not moved.matched_count:
        return False
    collection(DAYS).delete_many({**key, "fill": {"$lt": number}})
    # Those alone that are as we saw them; one that was filled again meanwhile has its day rolled up again.
    seen = [
        UpdateOne({"_id": mark["_id"], "counted": mark["counted"]}, {"$set": {"is_rolled": True}})
        for mark in marks
        if not mark["is_rolled"]
    ]
    if seen:
        collection(FILLS).bulk_write(seen, ordered=False)
    if is_closed:
        for mark in marks:
            if mark["earlier"]:
                forget_earlier(mark)
    return True


def _added_up(tenant_id: int, marks: Sequence[Mapping[str, Any]], session: ClientSession) -> dict[Channel, Totals]:
    channels: dict[Channel, Totals] = {}
    for mark in marks:
        fills = [one["fill"] for one in mark["counted"]]
        wanted = {"tenant_id": tenant_id, "hour": mark["hour"], "fill": {"$in": fills}}
        for one in collection(HOURS).find(wanted, session=session):
            channels.setdefault(Channel(one["channel_id"], one["pipeline"]), Totals()).add(flat(one["sums"]))
    return channels


def _write(key: Mapping[str, Any], channels: Mapping[Channel, Totals], number: int) -> None:
    documents = [
        {
            **key,
            "channel_id": channel.channel_id,
            "pipeline": channel.pipeline,
            "fill": number,
            "sums": nested(totals, with_latency=True),
        }
        for channel, totals in channels.items()
    ]
    for start in range(0, len(documents), BATCH):
        collection(DAYS).insert_many(documents[start : start + BATCH], ordered=False)


def _current(tenant_id: int, days: Any, session: ClientSession) -> dict[datetime, int]:
    found = collection(ROLLS).find(
        {"tenant_id": tenant_id, "day": days}, {"day": 1, "current": 1}, session=session, max_time_ms=DEADLINE_MS
    )
    return {one["day"]: one["current"] for one in found}
