"""What there has to be: collections with their validators and indexes, made by `create`, looked for by `check`."""

import os
from collections.abc import Mapping
from typing import Any

from pymongo.errors import CollectionInvalid

from calls.documents import BUCKET_VALIDATOR, COUNTER_VALIDATOR, VALIDATOR
from calls.errors import DuplicateCalls
from calls.store import legacy
from calls.store.client import BUCKETS, CALLS, COUNTERS, client, collection, reachable
from calls.store.indexes import INDEXES, create_index, drop_superseded, indexes, is_right

VALIDATORS: Mapping[str, Mapping[str, Any]] = {
    CALLS: VALIDATOR,
    BUCKETS: BUCKET_VALIDATOR,
    COUNTERS: COUNTER_VALIDATOR,
}
# What people say is most of what there is, and is read more often than written to disk: zstd takes two fifths less for
# it than what the server uses by itself. A collection that is there keeps what it was made with.
_COMPRESSED = {"wiredTiger": {"configString": "block_compressor=zstd"}}


@reachable()
def create() -> None:
    """Make what is missing, and drop the indexes in whose place there are others; again is the same as once.

    As long as it takes: where there are many calls, an index takes minutes. Raises DuplicateCalls when calls stand in a
    unique one's way; all else is there then.
    """
    create_collections()
    missing = [index for index in indexes() if index.standing != "there"]
    refused = None
    # Those that can always be made come first.
    for index in sorted(missing, key=lambda index: index.is_unique):
        try:
            create_index(index)
        except DuplicateCalls as duplicates:
            refused = duplicates
    drop_superseded()
    legacy.create_indexes()
    if refused is not None:
        raise refused


@reachable()
def create_collections() -> None:
    """Make the collections that are missing, and give each its validator."""
    for name, validator in VALIDATORS.items():
        there = collection(name)
        try:
            there.database.create_collection(name, validator=validator, storageEngine=_COMPRESSED)
        except CollectionInvalid:
            there.database.command("collMod", name, validator=validator)


def check() -> list[str]:
    """What is missing of what `create` makes, and of the server for it; empty when it is all there."""
    missing = [] if "setName" in client(os.getpid()).admin.command("hello") else ["replica set, for transactions"]
    database = collection(CALLS).database
    found = {one["name"]: one for one in database.list_collections()}
    for name, validator in VALIDATORS.items():
        if name not in found:
            missing.append(f"collection {name}")
            continue
        if found[name]["options"].get("validator") != validator:
            missing.append(f"validator of {name}")
        there = collection(name).index_information()
        missing += [
            f"index {index.document['name']} of {name}"
            for index in INDEXES[name]
            if not is_right(index.document, there.get(index.document["name"], {}))
        ]
    return [*missing, *(f"index on call_id of {name}" for name in legacy.missing_indexes())]
