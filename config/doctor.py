"""Whether all is as it should be, one check after the other; `manage.py doctor` shows what they find.

1. A check is a function that gives findings. It may take its time and may fail: `examine` runs each in a thread of
   its own, waits for all until one deadline, and makes a finding of whatever goes wrong.
2. The checks follow in the order in which they are shown: settings, servers, what is in the servers, clocks, this
   machine, and who works.
3. A server that is away is told once, with the setting that names it. What asks it something is then not looked at:
   it would only say the same again.
"""

import ipaddress
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from audio import blobs, live_state
from calls import store
from config import figure_checks, hearing_checks, heartbeat, privacy_checks, queues
from config.backup import restoring
from config.celery import app
from config.findings import Check, Finding, State, cause_of, error, ok, seconds_of, skipped, warning
from config.settings import environment
from config.stack import mongodb, objects, postgresql, redis
from config.stack.binaries import Kind
from config.stack.place import COMFORTABLE_FREE_BYTES, GIBIBYTE, LEAST_FREE_BYTES
from config.stores import CHECKS as STORES
from crm.audit import sealing
from metrics import archive, notify

# MongoDB's driver looks for a server for five seconds before it gives up.
DEADLINE_SECONDS = 8.0
# What is ordered by time across machines (leases, tickets, frames) is told apart by whole seconds.
FARTHEST_CLOCK_SECONDS = 2.0
# As many as a worker gets through in some half an hour.
MANY_WAITING = 500
SHORTEST_SECRET_KEY = 32
# The first question also opens the connection.
_ASKED = 3
# A worker on a busy machine takes its time to say that it is there.
_WORKERS_SECONDS = 2.0
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_SCHEMES = {"mongodb", "mongodb+srv", "redis", "rediss"}
_SEALS = "See that 'Seal the audit log' is enabled among the periodic tasks, then what manage.py verify_audit says."
_START = "Start everything with `make run`, or name a server of your own in {} (docs/settings.md)."


# Tasks name their queues. Loaded here, because two checks at once would each find only some of them.
app.loader.import_default_modules()


def examine(checks: dict[str, Check], *, deadline_seconds: float = DEADLINE_SECONDS) -> Iterator[tuple[str, Finding]]:
    """Run the checks side by side and yield their names and findings in the order of `checks`."""
    needs = needed_servers()
    away: set[str] = set()
    under_way = {name: _begin(check) for name, check in checks.items()}
    ends = time.monotonic() + deadline_seconds
    for name, answer in under_way.items():
        if (server := needs.get(name)) in away:
            yield name, skipped(f"not looked at: {server} is away")
            continue
        try:
            findings = answer.result(timeout=max(ends - time.monotonic(), 0))
        except Late:
            said, cure = f"no answer in {deadline_seconds:.0f} s", "See whether the server hangs, and its log."
            findings = [error(said, cure, is_away=True)]
        if any(finding.is_away for finding in findings):
            away.add(name)
        for finding in findings:
            yield name, finding


def _begin(check: Check) -> "Future[list[Finding]]":
    answer: Future[list[Finding]] = Future()

    def ask() -> None:
        try:
            answer.set_result(list(check()))
        except Exception as failed:
            # Whatever a driver raises, it is this check alone that failed.
            answer.set_result([error(cause_of(failed), "See the server's own line above, and its log.")])
        finally:
            connection.close()

    # One that hangs must not keep the command from its end.
    threading.Thread(target=ask, daemon=True).start()
    return answer


def check_settings() -> Iterator[Finding]:
    """That they all parse is certain by now: no command starts otherwise."""
    for name in environment.misspelt():
        yield warning(f"{name} is set, and there is no such setting", "Correct its name (docs/settings.md).")
    yield from insecure_settings()
    yield ok(f"{len(environment.given())} variables are set, and all can be read")


def insecure_settings() -> Iterator[Finding]:
    """What is fit for one machine and not for a network."""
    url = urlsplit(settings.EARSHOT_URL)
    is_address = url.scheme in {"http", "https"} and url.hostname
    if not is_address:
        yield error(
            "EARSHOT_URL cannot be read as an address", "Set it to how people reach Earshot: https://calls.example"
        )
    reached_from_elsewhere = not (_is_loopback(url.hostname) and _is_loopback(settings.EARSHOT_HOST))
    if len(settings.SECRET_KEY) < SHORTEST_SECRET_KEY:
        yield warning(
            f"EARSHOT_SECRET_KEY has fewer than {SHORTEST_SECRET_KEY} characters",
            "Set a random one: openssl rand -hex 32",
        )
    recordings: Any = settings.STORAGES["recordings"]
    if recordings["OPTIONS"]["secret_key"] == "earshot":  # noqa: S105 - the default
        yield warning("EARSHOT_S3_SECRET_KEY is the default", "Set the object store's own key.")
    if is_address and url.scheme != "https" and reached_from_elsewhere:
        yield warning(
            "passwords and recordings travel unencrypted: EARSHOT_URL does not begin with https://",
            "Put a proxy with a certificate in front, and set EARSHOT_URL to its address.",
        )
    if url.scheme == "https" and not settings.EARSHOT_PROXIES:
        yield warning(
            "EARSHOT_URL begins with https://, but no proxy is believed about it, and forms are refused",
            "Name the proxy's address in EARSHOT_PROXIES.",
        )
    if not _is_loopback(settings.EARSHOT_HOST) and all(map(_is_loopback, settings.ALLOWED_HOSTS)):
        yield warning(
            f"it listens on {settings.EARSHOT_HOST} and answers to no name but this machine's own",
            "Set EARSHOT_URL, or EARSHOT_ALLOWED_HOSTS, to the name that people use.",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield warning("EARSHOT_ALLOWED_HOSTS answers to any name", "Name the hosts that people use.")
    if settings.EARSHOT_DEMO and reached_from_elsewhere:
        yield warning(
            "EARSHOT_DEMO makes people with a shared password", "Set EARSHOT_DEMO=0 where others can reach it."
        )
    for name in ("EARSHOT_MONGODB_URL", "EARSHOT_REDIS_URL", "EARSHOT_CACHE_URL"):
        server = urlsplit(getattr(settings, name))
        # What is no address of such a server is told where the server is looked for.
        if server.scheme in _SCHEMES and not server.password and not _is_loopback(server.hostname):
            yield warning(f"{name} names a server elsewhere without a password", "Give the server a password.")


def check_server(kind: Kind, ping: Callable[[], object], version: Callable[[], str] | None = None) -> Iterator[Finding]:
    """Whether it answers, how quickly, and whether it is new enough."""
    try:
        took = min(seconds_of(ping) for _ in range(_ASKED))
    except Exception as failed:
        # Each driver has its own kinds of failure, and they mean the same here.
        yield error(cause_of(failed), _START.format(kind.variable), is_away=True)
        return
    answers = f"answers in {took * 1000:.1f} ms"
    if version is None:
        yield ok(answers)
        return
    found = version()
    if tuple(int(part) for part in found.split(".")[:2]) < kind.oldest:
        oldest = ".".join(map(str, kind.oldest))
        yield error(f"{answers}, and is version {found}", f"Earshot needs {oldest} or newer.")
    else:
        yield ok(f"{answers}, version {found}")


def check_cache() -> Iterator[Finding]:
    """Without it everything goes on, only slower."""
    for finding in check_server(redis.CACHE, lambda: cache.get("ping")):
        yield replace(finding, state=min(finding.state, State.WARNING, key=list(State).index))


def check_objects() -> Iterator[Finding]:
    """The server and its keys; whether the bucket is there is asked of its own."""
    return _check_keys(check_server(objects.KIND, _ping_objects), _ping_objects, "EARSHOT_S3")


def check_archive() -> Iterator[Finding]:
    """Its bucket, and its server and keys where they are others than the recordings'."""
    return _check_keys(check_store(archive.check), archive.ping, "EARSHOT_ARCHIVE")


def _check_keys(findings: Iterable[Finding], ping: Callable[[], object], prefix: str) -> Iterator[Finding]:
    """The findings, or that the store refuses the keys: that does not pass by itself, and starting it is no cure."""
    try:
        ping()
    except Exception as failed:
        if _http_status_of(failed) in _REFUSED:
            cure = f"Set {prefix}_ACCESS_KEY and {prefix}_SECRET_KEY to the store's own."
            yield error("the store refuses the key", cure, is_away=True)
            return
        if _http_status_of(failed) is None:
            yield error(cause_of(failed), _START.format(f"{prefix}_ENDPOINT"), is_away=True)
            return
    yield from findings


def check_mail() -> Iterator[Finding]:
    """Whether the mail server that alerts go through answers. Without one they go by webhook alone."""
    if not notify.mail_is_on():
        yield ok("none is set up (EARSHOT_EMAIL_URL): alerts go by webhook alone")
        return
    try:
        yield ok(f"answers in {seconds_of(notify.ping) * 1000:.0f} ms")
    except Exception as failed:
        # Whatever it is that keeps mail from being sent: the name, the port, the certificate, the password.
        yield warning(cause_of(failed), "See EARSHOT_EMAIL_URL (docs/settings.md): its host, port, user and password.")


def check_migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    missing = [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    if missing:
        yield error(f"{len(missing)} not applied, the first is {missing[0]}", "manage.py migrate")
    else:
        yield ok(f"all {len(executor.loader.applied_migrations)} are applied")


def check_restore() -> Iterator[Finding]:
    """Whether what is here is all of a backup."""
    if name := restoring.unfinished():
        yield error(f"that of {name} was cut off, or goes on", "manage.py restore of it, once more")
    else:
        yield ok("none is half done")


def check_store(missing: Callable[[], list[str]]) -> Iterator[Finding]:
    if absent := missing():
        yield error(f"missing: {', '.join(absent)}", "manage.py create_stores")
    else:
        yield ok("all there")


def check_keeping() -> Iterator[Finding]:
    if lacks := live_state.check():
        yield warning(f"it would forget at a restart or when full: not set to {' and '.join(lacks)}", "Set that there.")
    else:
        yield ok("keeps what it is given")


def check_audit_log() -> Iterator[Finding]:
    """Whether what was done is guarded in time against being altered; `manage.py verify_audit` looks at all of it."""
    if entries := sealing.late_entries().count():
        yield warning(f"{entries} entries have waited too long to be sealed", _SEALS)
    if blocks := sealing.late_blocks().count():
        yield warning(f"{blocks} blocks have waited too long for their anchor in the archive", _SEALS)
    if not entries and not blocks:
        yield ok("sealed in time")


def check_clock(clock: Callable[[], datetime]) -> Iterator[Finding]:
    """This machine's against the server's, as of the middle of the quickest answer, with half of it for doubt."""
    doubt, apart = min(_apart(clock) for _ in range(_ASKED))
    said = f"{max(apart - doubt, 0):.1f} s from this machine's"
    yield warning(said, "Set both by NTP.") if apart - doubt > FARTHEST_CLOCK_SECONDS else ok(said)


def check_disk() -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(settings.EARSHOT_DATA).free
    except OSError as refused:
        yield warning(f"{settings.EARSHOT_DATA}: {refused.strerror}", "`make run` makes it, or set EARSHOT_DATA.")
        return
    said = f"{free / GIBIBYTE:.1f} GiB free in {settings.EARSHOT_DATA}"
    if free < LEAST_FREE_BYTES:
        yield error(said, f"Make room: a start needs {LEAST_FREE_BYTES / GIBIBYTE:.0f} GiB.")
    elif free < COMFORTABLE_FREE_BYTES:
        yield warning(said, "Make room soon.")
    else:
        yield ok(said)


def check_workers() -> Iterator[Finding]:
    """Whether each queue that a task of ours goes to has somebody who takes from it."""
    served = app.control.inspect(timeout=_WORKERS_SECONDS).active_queues() or {}
    taken = {queue["name"] for theirs in served.values() for queue in theirs}
    if idle := sorted(queues.names() - taken):
        yield warning(
            f"nobody works on {', '.join(idle)}",
            f"`make run` starts workers, or: celery -A config worker -Q {','.join(idle)}",
        )
    if served:
        yield ok(f"{len(served)} alive: {', '.join(sorted(served))}")


def check_beat() -> Iterator[Finding]:
    last = heartbeat.last()
    if last is None:
        yield warning("has sent nothing for two minutes", "`make run` starts one, or: celery -A config beat")
    else:
        yield ok(f"last seen {(timezone.now() - last).total_seconds():.0f} s ago")


def check_queues() -> Iterator[Finding]:
    depths = queues.depths()
    said = ", ".join(f"{queue} {depth}" for queue, depth in depths.items())
    if max(depths.values()) > MANY_WAITING:
        yield warning(f"waiting: {said}", "Start more workers on the longest one.")
    else:
        yield ok(f"waiting: {said}")


def _ping_objects() -> None:
    try:
        blobs.ping()
    except Exception as failed:
        # A server without the bucket is there all the same. The door knows the driver's errors, not we.
        if _http_status_of(failed) != HTTPStatus.NOT_FOUND:
            raise


def _ping_postgresql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _version_of_postgresql() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0]).split()[0]


def _clock_of_postgresql() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def _apart(clock: Callable[[], datetime]) -> tuple[float, float]:
    """Half of what the question took, and how far the clocks are apart; both in seconds."""
    began, there, ended = timezone.now(), clock(), timezone.now()
    half = (ended - began) / 2
    return half.total_seconds(), abs((there - began - half).total_seconds())


def _http_status_of(failed: BaseException | None) -> int | None:
    """With what an object store has refused, also where its door has made an error of its own of it."""
    while failed is not None:
        answer = getattr(failed, "response", None)
        if isinstance(answer, dict):
            return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) or None
        failed = failed.__cause__
    return None


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address((host or "localhost").strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


CHECKS: dict[str, Check] = {
    "Settings": check_settings,
    "PostgreSQL": partial(check_server, postgresql.KIND, _ping_postgresql, _version_of_postgresql),
    "MongoDB": partial(check_server, mongodb.KIND, store.ping, store.version),
    "Redis": partial(check_server, redis.DURABLE, live_state.ping, live_state.version),
    "Cache": check_cache,
    "Object store": check_objects,
    "Migrations": check_migrations,
    **{name: partial(check_store, missing) for name, missing in STORES.items()},
    "Archive": check_archive,
    "Redis as a store": check_keeping,
    "Restore": check_restore,
    "Audit log": check_audit_log,
    **privacy_checks.CHECKS,
    **figure_checks.CHECKS,
    "Mail": check_mail,
    "Clock of PostgreSQL": partial(check_clock, _clock_of_postgresql),
    "Clock of MongoDB": partial(check_clock, store.clock),
    "Clock of Redis": partial(check_clock, live_state.clock),
    "Clock of the objects": partial(check_clock, blobs.clock),
    **hearing_checks.CHECKS,
    "Disk": check_disk,
    "Workers": check_workers,
    "Beat": check_beat,
    "Queues": check_queues,
}


def needed_servers() -> dict[str, str]:
    """Check → the server without which it has nothing to say."""
    needs = {
        "Migrations": "PostgreSQL",
        "Calls": "MongoDB",
        "Hours of figures": "MongoDB",
        "Queue of conversations": "Redis",
        "Bucket": "Object store",
        "Schedules": "PostgreSQL",
        "Redis as a store": "Redis",
        "Restore": "Redis",
        "Audit log": "PostgreSQL",
        "Erasures": "PostgreSQL",
        "Ledger of erasures": "PostgreSQL",
        "Figures": "MongoDB",
        "Clock of PostgreSQL": "PostgreSQL",
        "Clock of MongoDB": "MongoDB",
        "Clock of Redis": "Redis",
        "Clock of the objects": "Object store",
        "Workers": "Redis",
        "Beat": "Cache",
        "Queues": "Redis",
    }
    of_archive, of_recordings = (_server_of(settings.STORAGES[alias]) for alias in ("archive", "recordings"))
    return {**needs, "Archive": "Object store"} if of_archive == of_recordings else needs


def _server_of(storage: Any) -> tuple[str, ...]:
    return tuple(storage["OPTIONS"][name] for name in ("endpoint_url", "access_key", "secret_key"))
