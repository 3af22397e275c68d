"""How calls can lie in MongoDB: as we keep them, by one driver call each, and in three collections.

All of them wait until a majority has what they write on its disk, and all use the same client.
"""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from heapq import merge
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.test.utils import override_settings
from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.database import Database

from calls import store
from calls.documents import VALIDATOR, Call, HistoryEntry, Segment
from calls.store.client import CALLS, client, collection
from calls.store.indexes import INDEXES

Document = dict[str, Any]
# Not named as in older installations, whose segments the store would read with each call.
CALLS_ALONE, OF_AGENT, OF_CLIENT = "calls_alone", "said_by_agent", "said_by_client"
_OF_SEGMENT = {"_id": False, "call_id": False, "tenant_id": False}


@contextmanager
def database_of_its_own() -> Iterator[Database[Document]]:
    """The store's collections in a new database, empty, which is gone afterwards."""
    parts = urlsplit(settings.EARSHOT_MONGODB_URL)
    url = urlunsplit(parts._replace(path=f"/benchmark_{secrets.token_hex(4)}"))
    store.close()
    with override_settings(EARSHOT_MONGODB_URL=url):
        store.create()
        database = client(os.getpid()).get_default_database()
        try:
            yield database
        finally:
            client(os.getpid()).drop_database(database.name)
            store.close()


def history_entry(moment: datetime, *, act: Any = "changed") -> HistoryEntry:
    return HistoryEntry(act=act, by=1, at=moment)


class OneDocument:
    """The least that each can cost: one call of the driver on the document as we keep it."""

    def __init__(self) -> None:
        self.calls = collection(CALLS)

    def insert(self, calls: Sequence[Call]) -> None:
        self.calls.insert_many([{**call} for call in calls])

    def read(self, tenant_id: int, call_id: str) -> Document | None:
        return self.calls.find_one(_of(tenant_id, call_id), {"_id": False})

    def segments(self, tenant_id: int, call_id: str) -> list[Segment]:
        found = self.calls.find_one(_of(tenant_id, call_id), {"conversation": True, "_id": False})
        said: list[Segment] = found["conversation"] if found else []
        return said

    def change(self, tenant_id: int, call_id: str, values: Mapping[str, Any], version: int) -> bool:
        wanted = {**_of(tenant_id, call_id), "version": version}
        return self.calls.update_one(wanted, _changed(values)).matched_count == 1

    def change_and_read(self, tenant_id: int, call_id: str, values: Mapping[str, Any], version: int) -> Document | None:
        wanted = {**_of(tenant_id, call_id), "version": version}
        return self.calls.find_one_and_update(wanted, _changed(values), projection={"_id": False}, return_document=True)

    def append(self, tenant_id: int, call_id: str, segments: Sequence[Segment], duration: float) -> bool:
        update = {
            "$push": {"conversation": {"$each": list(segments), "$sort": {"start_time": 1}}},
            "$max": {"duration": duration},
            "$set": {"updated_at": datetime.now(UTC)},
        }
        return self.calls.update_one(_of(tenant_id, call_id), update).matched_count == 1

    def replace(
        self, tenant_id: int, call_id: str, parts: Sequence[str], segments: Sequence[Segment], duration: float
    ) -> bool:
        others = {"$not": {"$in": [{"$arrayElemAt": [{"$split": ["$$this.segment_id", ":"]}, 1]}, list(parts)]}}
        staying = {"$filter": {"input": "$conversation", "cond": others}}
        together = {"$concatArrays": [staying, {"$literal": list(segments)}]}
        update = [
            {
                "$set": {
                    "conversation": {"$sortArray": {"input": together, "sortBy": {"start_time": 1}}},
                    "duration": {"$max": ["$duration", duration]},
                    "updated_at": "$$NOW",
                }
            }
        ]
        return self.calls.update_one(_of(tenant_id, call_id), update).matched_count == 1

    def remove(self, tenant_id: int, call_id: str) -> bool:
        return self.calls.update_one(_of(tenant_id, call_id), {"$set": {"deleted": 1}}).matched_count == 1


class ThreeCollections:
    """The usual way: a document a call and one a segment, either side apart, with an index in order of time."""

    def __init__(self) -> None:
        self.calls = collection(CALLS_ALONE)
        self.sides: Mapping[str, Collection[Document]] = {
            "agent": collection(OF_AGENT),
            "client": collection(OF_CLIENT),
        }

    def create(self) -> None:
        self.calls.database.create_collection(CALLS_ALONE, validator=_without_conversation())
        self.calls.create_indexes(INDEXES[CALLS])
        for side in self.sides.values():
            side.create_index([("call_id", ASCENDING), ("start_time", ASCENDING)], name="call_id")

    def insert(self, calls: Sequence[Call]) -> None:
        alone = [{name: value for name, value in call.items() if name != "conversation"} for call in calls]
        self.calls.insert_many(alone)
        for speaker, side in self.sides.items():
            rows = [row for call in calls for row in _rows(call["tenant_id"], call["call_id"], call["conversation"])]
            side.insert_many([row for row in rows if row["speaker"] == speaker])

    def read(self, tenant_id: int, call_id: str) -> Document | None:
        found = self.calls.find_one(_of(tenant_id, call_id), {"_id": False})
        return None if found is None else {**found, "conversation": self.segments(tenant_id, call_id)}

    def segments(self, tenant_id: int, call_id: str) -> list[Segment]:
        wanted = {"tenant_id": tenant_id, "call_id": call_id}
        in_order = (side.find(wanted, _OF_SEGMENT).sort("start_time") for side in self.sides.values())
        said: Iterator[Any] = merge(*in_order, key=lambda segment: segment["start_time"])
        return list(said)

    def change(self, tenant_id: int, call_id: str, values: Mapping[str, Any], version: int) -> bool:
        wanted = {**_of(tenant_id, call_id), "version": version}
        return self.calls.update_one(wanted, _changed(values)).matched_count == 1

    def change_and_read(self, tenant_id: int, call_id: str, values: Mapping[str, Any], version: int) -> Document | None:
        wanted = {**_of(tenant_id, call_id), "version": version}
        found = self.calls.find_one_and_update(
            wanted, _changed(values), projection={"_id": False}, return_document=True
        )
        return None if found is None else {**found, "conversation": self.segments(tenant_id, call_id)}

    def append(self, tenant_id: int, call_id: str, segments: Sequence[Segment], duration: float) -> bool:
        rows = _rows(tenant_id, call_id, segments)
        for speaker, side in self.sides.items():
            side.insert_many([row for row in rows if row["speaker"] == speaker])
        update = {"$max": {"duration": duration}, "$set": {"updated_at": datetime.now(UTC)}}
        return self.calls.update_one(_of(tenant_id, call_id), update).matched_count == 1

    def replace(
        self, tenant_id: int, call_id: str, indexes: Sequence[int], segments: Sequence[Segment], duration: float
    ) -> bool:
        """Not all at once: who reads meanwhile finds some of it gone."""
        of_parts = {"tenant_id": tenant_id, "call_id": call_id, "chunk_index": {"$in": list(indexes)}}
        for side in self.sides.values():
            side.delete_many(of_parts)
        return self.append(tenant_id, call_id, segments, duration)

    def remove(self, tenant_id: int, call_id: str) -> bool:
        wanted = {"tenant_id": tenant_id, "call_id": call_id}
        for side in self.sides.values():
            side.delete_many(wanted)
        return self.calls.delete_one(wanted).deleted_count == 1


Layout = OneDocument | ThreeCollections


def sizes(database: Database[Document], names: Sequence[str]) -> dict[str, int]:
    """Bytes of collections together: `data` as it is in memory, `storage` and `indexes` as files have it.

    As of a checkpoint, before which what was written lies in the journal alone.
    """
    database.client.admin.command("fsync")
    total = {"data": 0, "storage": 0, "indexes": 0}
    for name in names:
        told = next(iter(database[name].aggregate([{"$collStats": {"storageStats": {}}}])))["storageStats"]
        total["data"] += told["size"]
        total["storage"] += told["storageSize"]
        total["indexes"] += told["totalIndexSize"]
    return total


def _of(tenant_id: int, call_id: str) -> Document:
    return {"tenant_id": tenant_id, "call_id": call_id, "deleted": 0}


def _changed(values: Mapping[str, Any]) -> Document:
    now = datetime.now(UTC)
    return {
        "$set": {**values, "updated_at": now},
        "$inc": {"version": 1},
        "$push": {"history": {**history_entry(now)}},
    }


def _rows(tenant_id: int, call_id: str, segments: Sequence[Segment]) -> list[Document]:
    return [{"tenant_id": tenant_id, "call_id": call_id, **segment} for segment in segments]


def _without_conversation() -> Document:
    """What `calls` is checked against, less what is elsewhere here."""
    schema = VALIDATOR["$jsonSchema"]
    return {"$jsonSchema": {**schema, "required": [name for name in schema["required"] if name != "conversation"]}}
