"""One person's rows, counted, removed and searched for. What channels did names nobody and stays."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from metrics.hours.collections import ROWS
from metrics.mongo_clients import collection, reachable

_PERSON: Final = {"user_id": "$metadata.user_id", "platform": "$metadata.platform"}
# Past every index: what an index has lost is found too.
_IN_ORDER_OF_DISK: Final = {"$natural": 1}


@reachable()
def count_user(tenant_id: int, user_id: str, *, platform: str | None = None) -> int:
    """How many rows there are of the user: those too that a killed fill left, and that count for nothing.

    An id is somebody else's on another `platform`; without one, the rows of all of them.
    """
    return collection(ROWS).count_documents(_of_user(tenant_id, user_id, platform))


@reachable()
def erase_user(tenant_id: int, user_id: str, *, platform: str | None = None) -> int:
    """Remove every row of the user, as `count_user` counts them; how many there were.

    An hour that is filled later has none of theirs, if they were forgotten before and Redis has erased them.
    """
    found = count_user(tenant_id, user_id, platform=platform)
    # By the fields of `metadata` alone, as it is the only way to remove rows of a time series before MongoDB 7.
    collection(ROWS).delete_many(_of_user(tenant_id, user_id, platform))
    return found


@reachable()
def search(tenant_id: int, wanted: Collection[tuple[str, str | None]]) -> int:
    """How many rows name one of them, by (id, platform), without a platform on any; all rows are looked at."""
    stages: list[dict[str, Any]] = [
        {"$match": {"metadata.tenant_id": tenant_id, "metadata.user_id": {"$in": sorted({one for one, _ in wanted})}}},
        {"$group": {"_id": _PERSON, "rows": {"$sum": 1}}},
    ]
    found = collection(ROWS).aggregate(stages, hint=_IN_ORDER_OF_DISK)
    names = set(wanted)
    return sum(
        one["rows"]
        for one in found
        if {(one["_id"]["user_id"], None), (one["_id"]["user_id"], one["_id"]["platform"])} & names
    )


def people(tenant_id: int) -> Iterator[tuple[str, str]]:
    """Platform and id of everybody who has a row, each once. Raises RetryableMetricsError as the iterator goes on."""
    person = {"user_id": "$_id.user_id", "platform": "$_id.platform"}
    stages: list[dict[str, Any]] = [
        {"$match": {"metadata.tenant_id": tenant_id}},
        # By the whole of it, and with the highest of something: then no row is unpacked, which takes a hundredth.
        {"$group": {"_id": "$metadata", "fill": {"$max": "$fill"}}},
        {"$group": {"_id": person}},
    ]
    with reachable():
        for one in collection(ROWS).aggregate(stages, allowDiskUse=True):
            yield one["_id"]["platform"], one["_id"]["user_id"]


def _of_user(tenant_id: int, user_id: str, platform: str | None) -> Mapping[str, Any]:
    person = {"metadata.tenant_id": tenant_id, "metadata.user_id": user_id}
    return person if platform is None else {**person, "metadata.platform": platform}
