"""The connection: one client a process, deadlines on everything, and the driver's troubles as the app's own errors."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, cast

import pymongo
from bson.codec_options import CodecOptions
from django.conf import settings
from pymongo import MongoClient, ReadPreference
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DocumentTooLarge, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from calls.errors import CallTooLarge, MalformedCall, RetryableCallError
from calls.store.recorded import RecordedCommands
from calls.store.slow import SlowCommands
from metrics import mongo_clients
from metrics.mongo_clients import DATABASE, DEADLINE_MS, DURABLE

CALLS = "calls"
BUCKETS = "call_buckets"
COUNTERS = "call_counters"

# What the server says of a document that would be larger than 16 MB: BSONObjectTooLarge, and its older numbers.
_TOO_LARGE = {10334, 17419, 17420}
# DocumentValidationFailure.
_INVALID = 121

T = TypeVar("T")


@contextmanager
def reachable() -> Iterator[None]:
    """For every function of the door. Raises RetryableCallError, CallTooLarge."""
    try:
        yield
    except DocumentTooLarge as error:
        raise _too_large() from error
    except PyMongoError as error:
        if mongo_clients.is_away(error):
            raise RetryableCallError("The calls are out of reach for a moment. Try again.") from error
        if not isinstance(error, OperationFailure):
            raise
        if error.code in _TOO_LARGE:
            raise _too_large() from error
        if mongo_clients.is_passing(error):
            raise RetryableCallError("Others are changing the same call. Try again in a moment.") from error
        if error.code == _INVALID:
            # Without the cause: the server quotes the document.
            raise MalformedCall("The call has something that the collection does not take any more.") from None
        raise


def _too_large() -> CallTooLarge:
    return CallTooLarge("This is more than a call can take in at one place. Send it in smaller pieces.")


def collection(name: str) -> Collection[dict[str, Any]]:
    database = client(os.getpid()).get_default_database(DATABASE)
    return database.get_collection(name, codec_options=CodecOptions(tz_aware=True), write_concern=DURABLE)


def calls() -> Collection[dict[str, Any]]:
    return collection(CALLS)


def in_transaction(work: Callable[[ClientSession], T]) -> T:
    """All that the work does in the session, or nothing. It is done again when another transaction was in its way."""
    # By itself it would be tried for two minutes, in which PostgreSQL ends the transaction that waits for this one.
    with pymongo.timeout(DEADLINE_MS / 1000), client(os.getpid()).start_session() as session:
        return session.with_transaction(
            work,
            read_concern=ReadConcern("snapshot"),
            write_concern=DURABLE,
            read_preference=ReadPreference.PRIMARY,
            max_commit_time_ms=DEADLINE_MS,
        )


def at_one_moment(work: Callable[[ClientSession], T]) -> T:
    """What the work reads in the session, it reads as of one moment."""
    with client(os.getpid()).start_session(snapshot=True) as session:
        return work(session)


@contextmanager
def patient() -> Iterator[Database[dict[str, Any]]]:
    """The database by a connection of its own that waits for what takes minutes."""
    options: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
    with MongoClient[dict[str, Any]](
        settings.EARSHOT_MONGODB_URL, serverSelectionTimeoutMS=DEADLINE_MS, appname="earshot-command"
    ) as own:
        yield own.get_default_database(DATABASE, codec_options=options)


def version() -> str:
    return str(client(os.getpid()).server_info()["version"])


def clock() -> datetime:
    """What time it is there."""
    hello = client(os.getpid()).admin.command("hello")
    return cast("datetime", hello["localTime"]).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Size:
    """`bytes`: the database's collections and indexes as they lie on the disk; `share` of that disk is in use.

    `calls` is as many as the server thinks there are, deleted ones among them.
    """

    calls: int
    bytes: int
    share: float | None


@reachable()
def size() -> Size:
    database = client(os.getpid()).get_default_database("earshot")
    told = database.command("dbStats", maxTimeMS=DEADLINE_MS)
    # A server that may not look at its disk does not tell of it.
    disk, used = told.get("fsTotalSize"), told.get("fsUsedSize")
    return Size(
        calls=calls().estimated_document_count(maxTimeMS=DEADLINE_MS),
        bytes=int(told["storageSize"] + told["indexSize"]),
        share=used / disk if disk and used is not None else None,
    )


def ping() -> None:
    """Raises when no primary answers."""
    client(os.getpid()).admin.command("ping", maxTimeMS=1000)


def close() -> None:
    """Let this process's connections go; the next call makes new ones."""
    client(os.getpid()).close()
    client.cache_clear()


@cache
def client(process_id: int) -> MongoClient[dict[str, Any]]:
    """A client of this very process: PyMongo's may not cross a fork."""
    return mongo_clients.connected(listeners=[SlowCommands(), RecordedCommands()])
