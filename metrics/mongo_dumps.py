"""MongoDB's database as a whole, for who backs it up: every collection, and its documents as bytes, out and back.

What is read is as of one moment. The server keeps moments for a while only, five minutes unless it is told otherwise;
a database that takes longer to read needs a server that keeps them longer, and is refused rather than taken in pieces
that do not fit together.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from django.conf import settings
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from metrics import mongo_clients
from metrics.errors import MetricsError, RetryableMetricsError
from metrics.mongo_clients import DATABASE, DURABLE

# SnapshotTooOld and SnapshotUnavailable.
_NOT_KEPT: Final = {239, 246}
# Restoring writes so much at once; a server takes 48 MB.
_WRITTEN_AT_ONCE_BYTES: Final = 8 * 2**20
_WRITTEN_AT_ONCE: Final = 5000
_PATIENCE_MS: Final = 120_000
_LENGTH_BYTES: Final = 4

Described = dict[str, Any]


class MomentNotKept(MetricsError):
    """The server does not keep its past for as long as reading all of it takes."""

    code = "moment_not_kept"


@dataclass(frozen=True, slots=True)
class Moment:
    """The database as it was once; `collections` say what each is made with."""

    collections: list[Described]
    _database: Database[dict[str, Any]]
    _session: ClientSession

    def batches(self, name: str) -> Iterator[bytes]:
        """The documents of a collection, one after the other as BSON, some megabytes at a time."""
        with _reachable():
            yield from self._database[name].find_raw_batches(session=self._session)


@contextmanager
def at_one_moment() -> Iterator[Moment]:
    """Raises RetryableMetricsError, MomentNotKept."""
    with _database() as database, database.client.start_session(snapshot=True) as session:
        with _reachable():
            moment = Moment(_described(database), database, session)
            if moment.collections:
                # The first that is read settles which moment it is.
                database[moment.collections[0]["name"]].find_one({}, {"_id": True}, session=session)
        yield moment


def as_text(collections: list[Described]) -> str:
    """JSON, from which `described_in` makes the same again."""
    return json_util.dumps(collections, json_options=json_util.CANONICAL_JSON_OPTIONS, indent=1)


def described_in(text: str) -> list[Described]:
    found: list[Described] = json_util.loads(text)
    return found


def version() -> str:
    with _reachable(), _database() as database:
        return str(database.client.server_info()["version"])


def is_empty() -> bool:
    """Whether no collection has anything in it."""
    with _reachable(), _database() as database:
        return all(database[one["name"]].find_one({}, {"_id": True}) is None for one in _described(database))


def sizes() -> dict[str, int]:
    """Collection → about how many documents it has."""
    with _reachable(), _database() as database:
        return {
            one["name"]: 0 if "timeseries" in one["options"] else database[one["name"]].estimated_document_count()
            for one in _described(database)
        }


def empty() -> None:
    """Drop every collection."""
    with _reachable(), _database() as database:
        for one in _described(database):
            database.drop_collection(one["name"])


def put_back(described: Described, documents: Iterable[RawBSONDocument]) -> int:
    """Make a collection anew, with its documents and then its indexes. How many documents there were."""
    name, written = described["name"], 0
    with _reachable(), _database() as database:
        database.drop_collection(name)
        database.create_collection(name, **described["options"])
        collection = database.get_collection(name, write_concern=DURABLE)
        for some in _batches(documents):
            # They were valid once, by the rules of their time.
            collection.insert_many(some, ordered=False, bypass_document_validation=True)
            written += len(some)
        if described["indexes"]:
            database.command("createIndexes", name, indexes=described["indexes"])
    return written


def documents_in(pieces: Iterable[bytes]) -> Iterator[RawBSONDocument]:
    """The documents that these pieces hold end to end. Raises ValueError where the last one is cut off."""
    held = bytearray()
    for piece in pieces:
        held += piece
        start = 0
        while len(held) - start >= _LENGTH_BYTES:
            length = int.from_bytes(held[start : start + _LENGTH_BYTES], "little")
            if length <= _LENGTH_BYTES:
                raise ValueError("This is no BSON.")
            if len(held) - start < length:
                break
            yield RawBSONDocument(bytes(held[start : start + length]))
            start += length
        del held[:start]
    if held:
        raise ValueError("The last document is cut off.")


def count_in(batch: bytes) -> int:
    """How many documents a batch holds."""
    start = found = 0
    while start < len(batch):
        start += int.from_bytes(batch[start : start + _LENGTH_BYTES], "little")
        found += 1
    return found


def _described(database: Database[dict[str, Any]]) -> list[Described]:
    there = database.list_collections(filter={"type": {"$in": ["collection", "timeseries"]}})
    names = sorted((one for one in there if not one["name"].startswith("system.")), key=lambda one: str(one["name"]))
    return [
        {
            "name": one["name"],
            "options": dict(one["options"]),
            "indexes": [_index(index) for index in database[one["name"]].list_indexes() if index["name"] != "_id_"],
        }
        for one in names
    ]


def _index(found: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(found).items() if name not in {"ns", "v"}}


def _batches(documents: Iterable[RawBSONDocument]) -> Iterator[list[RawBSONDocument]]:
    some: list[RawBSONDocument] = []
    size = 0
    for document in documents:
        some.append(document)
        size += len(document.raw)
        if size >= _WRITTEN_AT_ONCE_BYTES or len(some) >= _WRITTEN_AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        with mongo_clients.reachable():
            yield
    except RetryableMetricsError as error:
        cause = error.__cause__
        if isinstance(cause, OperationFailure) and cause.code in _NOT_KEPT:
            raise MomentNotKept(
                "MongoDB does not keep a moment for as long as reading it takes. Let it keep an hour, as by "
                "db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 3600})."
            ) from error
        raise
    except PyMongoError as error:
        # Without the cause: the server quotes documents.
        raise MetricsError(f"MongoDB refuses it: {type(error).__name__}.") from None


@contextmanager
def _database() -> Iterator[Database[dict[str, Any]]]:
    """By a connection of its own that waits for what takes long."""
    options: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
    with MongoClient[dict[str, Any]](
        settings.EARSHOT_MONGODB_URL,
        serverSelectionTimeoutMS=mongo_clients.DEADLINE_MS,
        socketTimeoutMS=_PATIENCE_MS,
        appname="earshot-backup",
    ) as client:
        yield client.get_default_database(DATABASE, codec_options=options)
