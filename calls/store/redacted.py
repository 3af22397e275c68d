"""What of a call is masked, read without the rest of what is said in it."""

from typing import cast

from pymongo.client_session import ClientSession

from calls.documents import Call, by_time
from calls.store import legacy
from calls.store.client import BUCKETS, at_one_moment, calls, reachable
from calls.store.expressions import Document
from calls.store.reading import whole
from metrics.mongo_clients import DEADLINE_MS

_SAID = ("segment_id", "speaker", "text", "start_time", "end_time", "redactions")
_IS_MASKED = {"$gt": [{"$size": {"$ifNull": ["$$this.redactions", []]}}, 0]}
_MASKED = {
    "$map": {
        "input": {"$filter": {"input": {"$ifNull": ["$conversation", []]}, "cond": _IS_MASKED}},
        "in": {name: f"$$this.{name}" for name in _SAID},
    }
}
_FIELDS: Document = {
    "conversation": _MASKED,
    "corrections": True,
    "migrated": True,
    "version": True,
    "_id": False,
}


@reachable()
def masked_in(*, tenant_id: int, call_id: str) -> Call | None:
    """A call, deleted or not, with those segments alone of which something is masked; None when there is none.

    With all that is said where people have written what is masked, or where older programs may keep some of it.
    """
    of_call = {"tenant_id": tenant_id, "call_id": call_id}
    pipeline: list[Document] = [
        {"$match": of_call},
        {"$unionWith": {"coll": BUCKETS, "pipeline": [{"$match": of_call}]}},
        {"$project": _FIELDS},
    ]

    def read(session: ClientSession) -> list[Document]:
        return list(calls().aggregate(pipeline, session=session, maxTimeMS=DEADLINE_MS))

    documents = at_one_moment(read)
    head = next((one for one in documents if "version" in one), None)
    if head is None:
        return None
    has_written = any(correction.get("redactions") for correction in head.get("corrections", []))
    if has_written or (legacy.is_there() and not head.get("migrated")):
        found = calls().find_one(of_call, {"_id": False}, max_time_ms=DEADLINE_MS)
        return whole(found) if found is not None else None
    head["conversation"] = sorted((said for one in documents for said in one["conversation"]), key=by_time)
    return cast("Call", head)
