"""How every door to MongoDB is connected: one client a process, a deadline on everything, its passing troubles told."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from bson.codec_options import CodecOptions
from django.conf import settings
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)
from pymongo.monitoring import CommandListener

from metrics.errors import RetryableMetricsError

DEADLINE_MS: Final = 5000
DATABASE: Final = "earshot"
DURABLE: Final = WriteConcern(w="majority", j=True, wtimeout=DEADLINE_MS)

# What the server says of a moment that is not kept any more: SnapshotUnavailable, SnapshotTooOld.
_PASSING = {246, 239}
_PASSING_LABELS = ("TransientTransactionError", "RetryableWriteError")


def connected(*, listeners: Sequence[CommandListener] = (), retry_writes: bool = True) -> MongoClient[dict[str, Any]]:
    """A client whose calls fail after a few seconds. It may not cross a fork: whoever keeps it keeps one a process.

    `retry_writes` of False is for writes that would be there twice when the driver sent them again.
    """
    return MongoClient(
        settings.EARSHOT_MONGODB_URL,
        serverSelectionTimeoutMS=DEADLINE_MS,
        socketTimeoutMS=2 * DEADLINE_MS,
        connectTimeoutMS=2000,
        appname="earshot",
        event_listeners=list(listeners),
        retryWrites=retry_writes,
    )


def is_away(error: PyMongoError) -> bool:
    """Whether it is the server or the way to it that failed, and not what was asked."""
    return isinstance(error, ConnectionFailure | ExecutionTimeout | WTimeoutError)


def is_passing(error: OperationFailure) -> bool:
    """Whether others were in the way, so that the same may work a moment later."""
    return error.code in _PASSING or any(error.has_error_label(label) for label in _PASSING_LABELS)


@contextmanager
def reachable() -> Iterator[None]:
    """For every function of the doors of this app. Raises RetryableMetricsError."""
    try:
        yield
    except PyMongoError as error:
        if is_away(error) or _is_unconfirmed(error) or (isinstance(error, OperationFailure) and is_passing(error)):
            raise RetryableMetricsError("The figures are out of reach for a moment. Try again.") from error
        raise


def _is_unconfirmed(error: PyMongoError) -> bool:
    """Whether a bulk was written, and the majority has not said in time that it is safe."""
    return isinstance(error, BulkWriteError) and bool((error.details or {}).get("writeConcernErrors"))


def collection(name: str, *, retry_writes: bool = True) -> Collection[dict[str, Any]]:
    """Times come back as UTC, and a write is on disk with the majority when it is answered."""
    database = client(retry_writes=retry_writes).get_default_database(DATABASE)
    return database.get_collection(name, codec_options=CodecOptions(tz_aware=True), write_concern=DURABLE)


def client(*, retry_writes: bool = True) -> MongoClient[dict[str, Any]]:
    """The client of this very process."""
    return _client(os.getpid(), retry_writes=retry_writes)


def close() -> None:
    """Let this process's connections go; the next call makes new ones."""
    for retry_writes in (True, False):
        client(retry_writes=retry_writes).close()
    _client.cache_clear()


@cache
def _client(process_id: int, *, retry_writes: bool) -> MongoClient[dict[str, Any]]:
    return connected(retry_writes=retry_writes)
