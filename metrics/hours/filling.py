"""An hour filled: rows are only added, and one mark says which of them count.

1. The number of a fill is taken, under which no other ever writes (`attempts`).
2. The rows are written, without those of people who have been forgotten, and what each channel did, under that number.
3. The mark is moved, if it stands where it stood: from that moment the new rows count, and those before them do not.
4. What channels did by fills that do not count is removed, but for some that a Redis which went back may need
   (`going_back.py`). Rows stay: a time series lets them go by their age alone.

Whatever is killed between any two of these, and however many do it at once, what counts is one whole fill.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar, cast

import structlog
from django.db import transaction
from pymongo import ReturnDocument

from metrics import forgotten, recent, timings
from metrics.errors import BadPersonKey
from metrics.hours import going_back, removing
from metrics.hours.collections import FILLS, HOURS, ROWS
from metrics.hours.documents import Counted, FillDocument, nested, row_of
from metrics.hours.going_back import Sums
from metrics.mongo_clients import collection, reachable
from metrics.recent import HourReading
from metrics.segments import Group, Hour, person_key_of
from metrics.totals import Totals

log = structlog.get_logger("earshot.hours")

# So many documents go to the server at a time.
BATCH: Final = 1000
# So many fills that no longer count are kept at hand until their hour is closed.
MOST_EARLIER: Final = 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often an hour was begun to be filled, and when a fill of it last counted, None if none ever did.

    `tries` is how often it was tried since, in vain so far, at `tried_at` the last time.
    """

    begun: int
    filled_at: datetime | None
    tries: int
    tried_at: datetime | None


class Outcome(StrEnum):
    """What became of a reading of an hour: counted, counted before, or another was counted in the meantime."""

    FILLED = "filled"
    KNOWN = "known"
    OVERTAKEN = "overtaken"


@timings.measured("metrics.fill_hour")
@reachable()
def fill(hour: Hour, reading: HourReading, fillings: Sequence[str] = (), *, anew: bool = False) -> Outcome:
    """Have what the reading says count for the hour, in the place of what an older one of the same epoch said.

    `fillings` are what `recent.begin_filling` told of the reading; by them it is known whether Redis has all that it
    had when the hour was last filled. If it went back, what was filled stays, and what came since is counted beside it.
    What other epochs said stays: Redis had lost it, and counts on from nothing. After OVERTAKEN the hour has to be read
    again. `anew`: also when the same was counted before. Of a day that was removed on purpose all is KNOWN. Raises
    RetryableMetricsError; again is the same as once.
    """
    if removing.is_removed(hour.tenant_id, hour.start.date()):
        return Outcome.KNOWN
    mark = _mark_of(hour)
    counted = mark["counted"] if mark else []
    ours = next((one for one in reversed(counted) if one["epoch"] == reading.epoch), None)
    base: list[int] = []
    has_gone_back = False
    if mark is not None and ours is not None:
        goes_on = not fillings or not ours["filling"] or ours["filling"] in fillings
        is_same = (ours["revision"], ours["token"]) == (reading.revision, reading.token)
        if not anew and (is_same or (goes_on and ours["revision"] > reading.revision)):
            return _known(hour, mark, ours, None if goes_on else fillings[-1])
        has_gone_back = not goes_on and not is_same
        if has_gone_back and not _is_newest(hour, reading, fillings):
            return Outcome.OVERTAKEN
        base = going_back.base_of(mark, reading.epoch, fillings) if has_gone_back else ours["base"]
    sums = going_back.beyond(hour, reading, base)
    if has_gone_back and ours is not None:
        log.error(
            "redis_went_back",
            tenant_id=hour.tenant_id,
            hour=hour.start.isoformat(),
            filled=sum(one["segments"] for one in counted),
            since=sums.segments,
        )
        if not sums.segments:
            return Outcome.KNOWN
    number = _write(hour, sums)
    replaced = None if has_gone_back else ours
    becomes = [
        *(one for one in counted if one is not replaced),
        Counted(
            fill=number,
            epoch=reading.epoch,
            revision=reading.revision,
            token=reading.token,
            filling=fillings[-1] if fillings else "",
            base=base,
            groups=len(sums.groups),
            segments=sums.segments,
        ),
    ]
    earlier = [*(mark["earlier"] if mark else []), *([replaced] if replaced else [])][-MOST_EARLIER:]
    if not _move(hour, counted, becomes, earlier):
        return Outcome.OVERTAKEN
    _remove_superseded(hour, becomes, earlier)
    return Outcome.FILLED


@reachable()
def fill_from_rows(hour: Hour, counted: Sequence[Counted], sums: Sequence[Sums]) -> bool:
    """Write each of the fills that count again, as these sums; False when others count by now, and nothing is changed.

    Raises RetryableMetricsError; again is the same as once.
    """
    becomes = [
        {**one, "fill": _write(hour, anew), "groups": len(anew.groups)} for one, anew in zip(counted, sums, strict=True)
    ]
    mark = _mark_of(hour)
    earlier = mark["earlier"] if mark else []
    if not _move(hour, counted, cast("list[Counted]", becomes), earlier):
        return False
    _remove_superseded(hour, cast("list[Counted]", becomes), earlier)
    return True


@reachable()
def forget_earlier(mark: Mapping[str, Any]) -> None:
    """Of an hour that is closed, let go of all that does not count, if the mark still stands so."""
    key = {"tenant_id": mark["tenant_id"], "hour": mark["hour"]}
    held = collection(FILLS).update_one({**key, "counted": mark["counted"]}, {"$set": {"earlier": []}})
    if held.matched_count:
        _remove_superseded(Hour(mark["hour"], mark["tenant_id"]), mark["counted"], [])


@reachable()
def attempts_of(hour: Hour) -> Attempts | None:
    """None for an hour that nobody has begun."""
    mark = _mark_of(hour)
    if mark is None:
        return None
    return Attempts(mark["attempts"], mark.get("filled_at"), mark.get("tries", 0), mark.get("tried_at"))


@reachable()
def put_off(hour: Hour) -> None:
    """Have a try count that came to nothing before anything was written."""
    collection(FILLS).update_one(
        _key(hour),
        {
            "$inc": {"tries": 1},
            "$set": {"tried_at": datetime.now(UTC)},
            "$setOnInsert": {"attempts": 0, "counted": [], "earlier": [], "is_plain": True, "is_rolled": True},
        },
        upsert=True,
    )


def _mark_of(hour: Hour) -> FillDocument | None:
    return cast("FillDocument | None", collection(FILLS).find_one(_key(hour)))


def _known(hour: Hour, mark: FillDocument, ours: Counted, name: str | None) -> Outcome:
    """With a `name`, that is the one by which Redis knows of it: it went back to a moment before it knew of another."""
    if name is not None:
        becomes = [{**one, "filling": name} if one is ours else one for one in mark["counted"]]
        named = collection(FILLS).update_one({**_key(hour), "counted": mark["counted"]}, {"$set": {"counted": becomes}})
        if not named.matched_count:
            return Outcome.OVERTAKEN
    _remove_superseded(hour, mark["counted"], mark["earlier"])
    return Outcome.KNOWN


def _is_newest(hour: Hour, reading: HourReading, fillings: Sequence[str]) -> bool:
    """Whether the reading is what Redis has: nobody has begun to fill the hour by another one since."""
    state = recent.states([hour]).get(hour)
    return state is not None and state.epoch == reading.epoch and list(state.fillings[-1:]) == list(fillings[-1:])


def _write(hour: Hour, sums: Sums) -> int:
    """The number of the fill."""
    number = _begin(hour)
    _write_rows(hour, sums.groups, number)
    _write_channels(hour, sums, number)
    return number


def _begin(hour: Hour) -> int:
    """A number of our own. From now on the rows of the hour are looked at one by one, until the mark is moved."""
    begun: Any = collection(FILLS).find_one_and_update(
        _key(hour),
        {
            "$inc": {"attempts": 1, "tries": 1},
            "$set": {"is_plain": False, "tried_at": datetime.now(UTC)},
            "$setOnInsert": {"counted": [], "earlier": [], "is_rolled": True},
        },
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return int(begun["attempts"])


def _write_rows(hour: Hour, groups: Sequence[tuple[Group, Totals]], number: int) -> None:
    """Without the driver's retries: it cannot tell a row that is there from one that got lost.

    Whoever is forgotten meanwhile is so only when a batch is written; the erasure that follows finds it.
    """
    rows = collection(ROWS, retry_writes=False)
    for some in _batches(groups):
        with transaction.atomic():
            kept = _without_forgotten(hour.tenant_id, some)
            if kept:
                rows.insert_many(
                    [row_of(hour.tenant_id, hour.start, group, totals, number) for group, totals in kept], ordered=False
                )


def _write_channels(hour: Hour, sums: Sums, number: int) -> None:
    for some in _batches(sums.channels):
        collection(HOURS).insert_many(
            [
                {
                    **_key(hour),
                    "channel_id": channel.channel_id,
                    "pipeline": channel.pipeline,
                    "fill": number,
                    "sums": nested(totals, with_latency=True),
                }
                for channel, totals in some
            ],
            ordered=False,
        )


def _without_forgotten(tenant_id: int, groups: Sequence[tuple[Group, Totals]]) -> list[tuple[Group, Totals]]:
    keys: dict[tuple[str, str], str] = {}
    for group, _ in groups:
        # Nobody can have been forgotten who cannot be named.
        with suppress(BadPersonKey):
            keys[group.platform, group.user_id] = person_key_of(group.platform, group.user_id)
    gone = forgotten.among(tenant_id, set(keys.values()))
    return [(group, totals) for group, totals in groups if keys.get((group.platform, group.user_id)) not in gone]


def _move(hour: Hour, counted: Sequence[Counted], becomes: Sequence[Counted], earlier: Sequence[Counted]) -> bool:
    """Whether the mark stood where we had found it. It is plain again if the first fill is the only one ever begun."""
    is_plain = {"$and": [{"$eq": ["$attempts", 1]}, {"$eq": [[one["fill"] for one in becomes], [1]]}]}
    moved = collection(FILLS).update_one(
        {**_key(hour), "counted": list(counted)},
        [
            {
                "$set": {
                    "counted": {"$literal": list(becomes)},
                    "earlier": {"$literal": list(earlier)},
                    "tries": 0,
                    "is_plain": is_plain,
                    "is_rolled": False,
                    "filled_at": datetime.now(UTC),
                }
            }
        ],
    )
    return moved.matched_count == 1


def _remove_superseded(hour: Hour, counted: Sequence[Counted], earlier: Sequence[Counted]) -> None:
    """Those alone that are older than what counts: a later one may be under way, or count by now."""
    kept = [*counted, *earlier]
    needed = {fill for one in kept for fill in [one["fill"], *one["base"]]}
    collection(HOURS).delete_many(
        {**_key(hour), "fill": {"$lt": max(one["fill"] for one in counted), "$nin": sorted(needed)}}
    )


def _key(hour: Hour) -> Mapping[str, Any]:
    return {"tenant_id": hour.tenant_id, "hour": hour.start}


def _batches(things: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), BATCH):
        yield things[start : start + BATCH]
