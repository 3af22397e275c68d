"""What Redis wrote to disk: its files hold what was deleted until they are written anew.

A step of its own after all others in Redis. It has the files written anew and waits for it. That this was done after
somebody was erased is noted in Redis itself, under a digest, for a while: as long as the note is there nothing is left
in the files; later nobody can tell, and they have to be written once more. The Redis that may forget keeps no files.

A server that does not take the command never comes to an end of it. Where whoever runs that one sees to its files,
EARSHOT_REDIS_NO_REWRITE=1 says so, and nothing is asked here.
"""

import time
from functools import cache
from typing import Any, Final, cast

import redis
import structlog
from django.conf import settings

from metrics import keyring
from metrics.erasing import Progress, Subject, untold
from metrics.errors import RetryableMetricsError
from metrics.redis_clients import connected, is_passing, reachable

log = structlog.get_logger("earshot.erasing")

_NOTE: Final = "erasures:rewritten:{digest}"
# An erasure that was begun and goes on later than this writes the files once more.
NOTE_SECONDS: Final = 24 * 3600
# A small Redis takes a tenth of a second, one of some gigabytes a minute.
MOST_SECONDS: Final = 120.0
_LOOKS_EVERY_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 5.0
_LOG, _SNAPSHOT = "log", "snapshot"
# What Redis says of a file while it is being written, or is about to be.
_BUSY: Final = {
    _LOG: ("aof_rewrite_in_progress", "aof_rewrite_scheduled"),
    _SNAPSHOT: ("rdb_bgsave_in_progress",),
}
_STATUS: Final = {_LOG: "aof_last_bgrewrite_status", _SNAPSHOT: "rdb_last_bgsave_status"}


def count(subject: Subject) -> int:
    """How many of Redis' files may still hold what was erased."""
    if settings.EARSHOT_REDIS_NO_REWRITE:
        return 0
    with reachable():
        return 0 if _client().exists(_note_of(subject)) else len(_files())


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    """Have every file written anew. How many were; less than there are where Redis is not to be told to.

    Raises RetryableMetricsError when one is not done in time.
    """
    if settings.EARSHOT_REDIS_NO_REWRITE:
        return 0
    until = time.monotonic() + MOST_SECONDS
    written = 0
    with reachable():
        # From now on nobody may say that it is done, until it is.
        _client().delete(_note_of(subject))
        files = _files()
        for file in files:
            if not _write_anew(file, until):
                log.warning("redis_files_not_rewritten", file=file)
                return written
            progress(1)
            written += 1
        _client().set(_note_of(subject), 1, ex=NOTE_SECONDS)
    return written


def search(subject: Subject) -> int:
    """The files are the server's own, and nothing but its word tells what is in them."""
    return count(subject)


def _write_anew(file: str, until: float) -> bool:
    """Whether the file was written by a writing that began after this; False where Redis does not take the command."""
    while True:
        # One that has begun already may have what was erased in it.
        _wait_until_idle(file, until)
        try:
            _ = _client().bgrewriteaof() if file == _LOG else _client().bgsave(schedule=True)
        except redis.ResponseError as error:
            if "in progress" in str(error):
                continue
            if is_passing(error):
                raise
            return False
        _wait_until_idle(file, until)
        if _facts()[_STATUS[file]] != "ok":
            raise RetryableMetricsError("Redis could not write its files anew. Its log says why.")
        return True


def _wait_until_idle(file: str, until: float) -> None:
    while _is_busy(file, _facts()):
        if time.monotonic() > until:
            raise RetryableMetricsError("Redis is still writing its files anew. Try again.")
        time.sleep(_LOOKS_EVERY_SECONDS)


def _is_busy(file: str, facts: dict[str, Any]) -> bool:
    return any(facts.get(name) for name in _BUSY[file])


def _files() -> list[str]:
    """The log of all writes, and a snapshot where Redis takes some by itself; nobody can tell where it does not say."""
    facts = _facts()
    files = [_LOG] if facts["aof_enabled"] else []
    try:
        takes_snapshots = bool(cast("dict[str, str]", _client().config_get("save")).get("save"))
    except redis.ResponseError:
        takes_snapshots = True
    return [*files, _SNAPSHOT] if takes_snapshots else files


def _facts() -> dict[str, Any]:
    return _client().info("persistence")


def _note_of(subject: Subject) -> str:
    # Of somebody who goes by nothing any more there still are things.
    named = [*subject.person_keys, *sorted(subject.sessions), *sorted(subject.calls)]
    return _NOTE.format(digest=keyring.thing_digest(subject.tenant_id, "erased", named[0]))


@cache
def _client() -> redis.Redis:
    return connected(settings.EARSHOT_REDIS_URL, patience_seconds=_PATIENCE_SECONDS)
