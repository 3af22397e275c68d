"""What there has to be: collections with validators, indexes and a life, made by `create`, looked for by `check`."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import CollectionInvalid

from metrics import mongo_clients
from metrics.hours.documents import (
    AWAITED_VALIDATOR,
    DAY_VALIDATOR,
    FILL_VALIDATOR,
    HOUR_VALIDATOR,
    REMOVED_VALIDATOR,
    ROLL_VALIDATOR,
)
from metrics.mongo_clients import collection, reachable

ROWS = "dubbing_metrics_ts"
FILLS = "dubbing_metrics_fills"
AWAITED = "dubbing_metrics_awaited"
HOURS = "dubbing_metrics_hours"
DAYS = "dubbing_metrics_days"
ROLLS = "dubbing_metrics_rolls"
REMOVED = "dubbing_metrics_removed"

VALIDATORS: Mapping[str, Mapping[str, Any]] = {
    FILLS: FILL_VALIDATOR,
    AWAITED: AWAITED_VALIDATOR,
    HOURS: HOUR_VALIDATOR,
    DAYS: DAY_VALIDATOR,
    ROLLS: ROLL_VALIDATOR,
    REMOVED: REMOVED_VALIDATOR,
}
_TIME_SERIES = {"timeField": "timestamp", "metaField": "metadata", "granularity": "minutes"}
_SECONDS_A_DAY = 86_400
# A time series lets a bucket go when the last row in it has lived, and a bucket spans a day: what says which of its
# rows count must be there until then.
_LONGER_DAYS = 2
_LIFE = "life"
# Collection → the time that its documents live from.
_LIVES_FROM = {FILLS: "hour", AWAITED: "hour", HOURS: "hour", DAYS: "day", ROLLS: "day"}


def _keys(*names: str) -> list[tuple[str, int]]:
    return [(name, ASCENDING) for name in names]


INDEXES: Mapping[str, Sequence[IndexModel]] = {
    ROWS: [
        IndexModel(_keys("metadata.tenant_id", "metadata.user_id", "timestamp"), name="tenant_user"),
        IndexModel(_keys("metadata.tenant_id", "timestamp"), name="tenant_hour"),
    ],
    FILLS: [
        IndexModel(_keys("tenant_id", "hour"), name="tenant_hour", unique=True),
        # The few whose rows do not all count.
        IndexModel(_keys("tenant_id", "hour"), name="not_plain", partialFilterExpression={"is_plain": False}),
        IndexModel(_keys("hour", "tenant_id"), name="not_rolled", partialFilterExpression={"is_rolled": False}),
    ],
    AWAITED: [IndexModel(_keys("tenant_id", "hour"), name="tenant_hour", unique=True)],
    HOURS: [
        IndexModel(
            _keys("tenant_id", "channel_id", "hour", "pipeline", "fill"), name="tenant_channel_hour", unique=True
        ),
        IndexModel(_keys("tenant_id", "hour", "fill"), name="tenant_hour_fill"),
    ],
    DAYS: [
        IndexModel(_keys("tenant_id", "channel_id", "day", "pipeline", "fill"), name="tenant_channel_day", unique=True),
        IndexModel(_keys("tenant_id", "day", "fill"), name="tenant_day_fill"),
    ],
    ROLLS: [IndexModel(_keys("tenant_id", "day"), name="tenant_day", unique=True)],
    REMOVED: [IndexModel(_keys("tenant_id"), name="tenant", unique=True)],
}


@dataclass(frozen=True, slots=True)
class HoursSize:
    """`size` in bytes on disk, indexes and all, of every collection together; `hours` that are filled, of all tenants.

    `oldest` and `newest` are when the first and the last of them began, None while there is none.
    """

    size: int
    hours: int
    oldest: datetime | None
    newest: datetime | None


@reachable()
def create() -> None:
    """Make what is missing, give each its validator and its life; again is the same as once."""
    database = collection(ROWS).database
    with suppress(CollectionInvalid):
        database.create_collection(
            ROWS, timeseries=_TIME_SERIES, expireAfterSeconds=_seconds(ROWS, settings.EARSHOT_METRICS_HOURS_DAYS)
        )
    for name, validator in VALIDATORS.items():
        try:
            database.create_collection(name, validator=validator)
        except CollectionInvalid:
            database.command("collMod", name, validator=validator)
    for name, indexes in INDEXES.items():
        collection(name).create_indexes([*indexes, *_life_index(name)])
    # What is kept for longer is held until it is archived, and let go by whoever archives.
    set_life(max(settings.EARSHOT_METRICS_HOURS_DAYS, _life_of_rows()))


@reachable()
def set_life(days: int) -> None:
    """Let every hour live so many days from now on; those that are older go within minutes."""
    database = collection(ROWS).database
    database.command("collMod", ROWS, expireAfterSeconds=_seconds(ROWS, days))
    for name in _LIVES_FROM:
        database.command("collMod", name, index={"name": _LIFE, "expireAfterSeconds": _seconds(name, days)})


@reachable()
def check() -> list[str]:
    """What is missing of what `create` makes; empty when it is all there."""
    found = {one["name"]: one for one in collection(ROWS).database.list_collections()}
    missing = []
    for name, indexes in INDEXES.items():
        if name not in found:
            missing.append(f"collection {name}")
            continue
        if name in VALIDATORS and found[name]["options"].get("validator") != VALIDATORS[name]:
            missing.append(f"validator of {name}")
        there = collection(name).index_information()
        wanted = [index.document for index in [*indexes, *_life_index(name)]]
        missing += [
            f"index {index['name']} of {name}"
            for index in wanted
            if there.get(index["name"], {}).get("key") != list(index["key"].items())
        ]
    if ROWS in found and found[ROWS]["type"] != "timeseries":
        missing.append(f"time series {ROWS}: a collection of that name is in its place")
    return missing


@reachable()
def ping() -> None:
    """Raises when no primary answers."""
    mongo_clients.client().admin.command("ping", maxTimeMS=1000)


@reachable()
def size() -> HoursSize:
    """How much there is, and since when."""
    database = collection(ROWS).database
    told = [database.command("collStats", name) for name in INDEXES]
    fills = collection(FILLS)
    ends = [
        fills.find_one({"counted": {"$ne": []}}, {"hour": 1}, sort=[("hour", direction)])
        for direction in (ASCENDING, DESCENDING)
    ]
    oldest, newest = (end["hour"] if end else None for end in ends)
    return HoursSize(
        size=sum(one["storageSize"] + one["totalIndexSize"] for one in told),
        hours=fills.estimated_document_count(),
        oldest=oldest,
        newest=newest,
    )


def _life_of_rows() -> int:
    """For how many days the time series keeps them now."""
    (rows,) = collection(ROWS).database.list_collections(filter={"name": ROWS})
    return int(rows["options"]["expireAfterSeconds"]) // _SECONDS_A_DAY


def _life_index(name: str) -> list[IndexModel]:
    if name not in _LIVES_FROM:
        return []
    seconds = _seconds(name, settings.EARSHOT_METRICS_HOURS_DAYS)
    # One that is there may have another life, which `set_life` changes and making it again cannot.
    there = collection(name).index_information().get(_LIFE, {})
    kept = there.get("expireAfterSeconds", seconds)
    return [IndexModel(_keys(_LIVES_FROM[name]), name=_LIFE, expireAfterSeconds=int(kept))]


def _seconds(name: str, days: int) -> int:
    return (days if name == ROWS else days + _LONGER_DAYS) * _SECONDS_A_DAY
