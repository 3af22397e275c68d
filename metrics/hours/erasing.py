"""One person's rows, counted and removed. What channels did names nobody and stays."""

from collections.abc import Mapping
from typing import Any

from metrics.hours.collections import ROWS
from metrics.mongo_clients import collection, reachable


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


def _of_user(tenant_id: int, user_id: str, platform: str | None) -> Mapping[str, Any]:
    person = {"metadata.tenant_id": tenant_id, "metadata.user_id": user_id}
    return person if platform is None else {**person, "metadata.platform": platform}
