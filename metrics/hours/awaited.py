"""Which hours Redis has that are still to be filled, noted here: what Redis loses is noticed by it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pymongo import DeleteOne, UpdateOne

from metrics.hours import removing
from metrics.hours.collections import AWAITED, FILLS
from metrics.mongo_clients import DEADLINE_MS, collection, reachable
from metrics.segments import Hour


@dataclass(frozen=True, slots=True)
class Awaited:
    """How far Redis had come with an hour when it was last looked at."""

    epoch: str
    revision: int


@reachable()
def noted() -> dict[Hour, Awaited]:
    """All that is noted, of every tenant."""
    found = collection(AWAITED).find({}, max_time_ms=DEADLINE_MS)
    return {Hour(one["hour"], one["tenant_id"]): Awaited(one["epoch"], one["revision"]) for one in found}


@reachable()
def note(awaited: Mapping[Hour, Awaited], *, no_more: Collection[Hour] = ()) -> None:
    """Note these, in the place of what was noted of them before, and take back those that are awaited no more."""
    changes: list[UpdateOne | DeleteOne] = [
        UpdateOne(_key(hour), {"$set": {"epoch": one.epoch, "revision": one.revision}}, upsert=True)
        for hour, one in awaited.items()
    ]
    changes += [DeleteOne(_key(hour)) for hour in no_more]
    if changes:
        collection(AWAITED).bulk_write(changes, ordered=False)


@reachable()
def is_filled(hour: Hour, awaited: Awaited | None) -> bool:
    """Whether all that was awaited counts; without a note, whether anything does. What was removed is not missed."""
    one: dict[str, Any] = {"fill": {"$gte": 1}}
    if awaited is not None:
        one |= {"epoch": awaited.epoch, "revision": {"$gte": awaited.revision}}
    counts = collection(FILLS).find_one({**_key(hour), "counted": {"$elemMatch": one}}) is not None
    return counts or removing.is_removed(hour.tenant_id, hour.start.date())


@reachable()
def take_back(hour: Hour, awaited: Awaited) -> bool:
    """Whether the note stood so; of several at once one alone takes it back."""
    taken = collection(AWAITED).delete_one({**_key(hour), "epoch": awaited.epoch, "revision": awaited.revision})
    return taken.deleted_count == 1


def _key(hour: Hour) -> Mapping[str, Any]:
    return {"tenant_id": hour.tenant_id, "hour": hour.start}
