"""What taking in a conversation costs, and how many a second are taken in and stored."""

import http.client
import itertools
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Thread
from typing import Any

import orjson
import redis
from django.conf import settings
from django.test.utils import override_settings

from benchmarks import empty_view, layouts, searching, standing, web
from benchmarks.layouts import OneDocument
from benchmarks.measuring import Variant, WrongAnswer, alternate, divided, one, per_second
from benchmarks.people import make_supervisor
from benchmarks.processes import running
from benchmarks.rows import Row, Suite, at_least, at_most, near_p99
from benchmarks.samples import LINES, make_call, make_conversation, make_segments
from benchmarks.scales import Run
from benchmarks.shipped import no_jobs_left, worker
from benchmarks.waiting import until
from calls import intake, queue
from calls.models import IndexedCall, IndexedSegment
from crm import tokens
from metrics import timings

MOST_MS, MOST_OVER_PING = 1.0, 2.0
AT_ONCE, ACCEPTED_A_SECOND = 100, 1000
CONNECTIONS, SHARE_OF_EMPTY = 8, 0.5
# What is sent a second while it is measured how much is stored, and what of it must be.
SENT_A_SECOND, STORED_A_SECOND = 150, 100
BATCHES = (1, 10, 100)
# More than any row has waiting, where the queue's bound is not what is measured.
BOUNDLESS = 2**31
# Beyond the numbers that calls get from PostgreSQL.
FIRST_BARE = 10_000_000
_LOOK_SECONDS = 1.0
_QUEUE, _INSERT, _PING = "queue_conversation", "insert_one", "PING"
_numbers = itertools.count(1)


def measure(run: Run) -> Iterator[Row]:
    """With a queue, and a database of calls, that nothing else is in."""
    user, tenant_id = make_supervisor()
    token = tokens.issue(user, name="benchmark")
    bounds = {"EARSHOT_INTAKE_MOST_QUEUED": BOUNDLESS, "EARSHOT_INTAKE_MOST_BYTES": BOUNDLESS}
    with no_jobs_left(), layouts.database_of_its_own(), _index_left_empty(tenant_id), override_settings(**bounds):
        for rows in (
            partial(_queueing, run, tenant_id),
            partial(_many_at_once, run, tenant_id),
            partial(_storing, run, tenant_id),
            partial(_over_http, run, tenant_id, token),
            partial(searching.measure, run, user, tenant_id),
            partial(_by_batch_size, run, tenant_id),
        ):
            with _empty_queue():
                yield from rows()


@contextmanager
def _index_left_empty(tenant_id: int) -> Iterator[None]:
    """Whose workers come next is not to be kept with the vectors of what was stored here."""
    try:
        yield
    finally:
        IndexedSegment.objects.filter(tenant_id=tenant_id).delete()
        IndexedCall.objects.of(tenant_id).delete()


SUITE = Suite(
    title="Conversations of eight lines, taken in",
    baseline="insert_one of the same into MongoDB, which waits for a majority's journal",
    floor="Redis PING",
    measure=measure,
)


def _queueing(run: Run, tenant_id: int) -> Iterator[Row]:
    what = "queue a conversation, in process"
    taken = alternate(
        _ways(tenant_id),
        repetitions=run.scale.pick(tiny=20, small=500, usual=3000),
        step=run.telling(what),
    )
    ours, baseline, floor = (taken[name] for name in (_QUEUE, _INSERT, _PING))
    targets = (at_most(ours.p99, MOST_MS, "ms", of="p99"), near_p99(ours, floor, most=MOST_OVER_PING, of="PING's"))
    yield Row(what, "ms", ours, baseline, floor, targets)


def _many_at_once(run: Run, tenant_id: int) -> Iterator[Row]:
    what, each = f"queued from {AT_ONCE} threads at once", run.scale.pick(tiny=1, small=10, usual=20)
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def all_do(way: Variant, _given: Any) -> int:
            return sum(pool.map(lambda times: sum(_is_done(way) for _ in range(times)), [each] * AT_ONCE))

        variants = {name: Variant(run=partial(all_do, way)) for name, way in _ways(tenant_id).items()}
        taken = alternate(
            variants, repetitions=run.scale.pick(tiny=2, small=5, usual=20), step=run.telling(what), warming=1
        )
    ours, baseline, floor = (per_second(taken[name], each * AT_ONCE) for name in (_QUEUE, _INSERT, _PING))
    targets = (at_least(ours.median, ACCEPTED_A_SECOND, "a second"),)
    yield Row(
        what,
        "/s",
        ours,
        baseline,
        floor,
        targets,
        note="in brackets the slowest round; one process, whose interpreter is busy",
    )


def _storing(run: Run, tenant_id: int) -> Iterator[Row]:
    """The process that stores, and where it is not tried only whether it works, the one that makes vectors."""
    seconds = run.scale.pick(tiny=1, small=10, usual=60)
    what = f"stored while {SENT_A_SECOND} a second come, for {seconds} s"
    step = run.telling(what)
    consumer = ("manage.py", "consume_conversations")
    with ExitStack() as stack:
        stack.enter_context(running(consumer, is_ready=lambda: queue.depths().consumers > 0))
        if run.scale.name != "tiny":
            stack.enter_context(worker("general"))
        told_before, _, _ = _wait_told()
        total = seconds * SENT_A_SECOND // settings.EARSHOT_INTAKE_BATCH * settings.EARSHOT_INTAKE_BATCH
        began = time.monotonic()
        sender = Thread(target=_send, args=(tenant_id, total, seconds / total), daemon=True)
        sender.start()
        while (past := time.monotonic() - began) < seconds:
            step(past / seconds)
            time.sleep(0.05)
        stored = queue.counts(tenant_id)[0]
        sender.join()
        _until_stored(tenant_id, total)
        lag = _lag_of_vectors(run, tenant_id, total)
        # The process that stores them sends its figures once a second.
        until(lambda: _wait_told()[0] >= told_before + total, "how long they had waited")
        _, half, most = _wait_told()
        yield Row(
            what,
            "/s",
            one(stored / seconds),
            targets=(at_least(stored / seconds, STORED_A_SECOND, "a second"),),
            note=f"all {total} stored; from queued to stored {half:.0f} ms, p99 {most:.0f} ms",
        )
        yield lag
        what = "stored when as many wait as can be"
        burst = run.scale.pick(tiny=50, small=500, usual=2000)
        run.telling(what)
        # From an empty queue, into which all go far faster than they leave it.
        began = time.monotonic()
        _send(tenant_id, burst, 0.0)
        _until_stored(tenant_id, total + burst)
        yield Row(
            what,
            "/s",
            one(burst / (time.monotonic() - began)),
            note=(
                f"{burst} at once, in batches of {settings.EARSHOT_INTAKE_BATCH}, "
                f"{settings.EARSHOT_INTAKE_CONCURRENCY} of them at a time; the vectors' process works beside"
            ),
        )


def _lag_of_vectors(run: Run, tenant_id: int, stored: int) -> Row:
    """From the last one's being stored to the last vector, which is waited for no longer than is bearable."""
    what = f"the last vector of {stored} conversations, once all are stored"
    wanted, most = stored * LINES, run.scale.pick(tiny=0.0, small=60.0, usual=60.0)
    step = run.telling(what)
    began, seconds = time.monotonic(), 0.0
    done, known = _vectors(tenant_id)
    seen = [(seconds, done)]
    while done < wanted and seconds < most:
        step(seconds / most)
        time.sleep(_LOOK_SECONDS)
        (done, known), seconds = _vectors(tenant_id), time.monotonic() - began
        seen.append((seconds, done))
    at_first, left = seen[0][1], wanted - done
    if left <= 0:
        return Row(what, "s", one(seconds), note=f"{at_first} of {wanted} segments had theirs at first")
    # By then there is less to be indexed, which comes first and is quick.
    since, before = next(each for each in seen if each[0] >= seconds / 2)
    rate = (done - before) / (seconds - since) if seconds > since else 0.0
    told = f"{at_first} of {wanted} segments had theirs at first, {done} after {seconds:.0f} s, and words of {known}"
    if not rate:
        return Row(what, "s", one(seconds), note=f"{told} are found; it is more, since {left} are left and none comes")
    return Row(
        what,
        "s",
        one(seconds + left / rate),
        note=f"{told} are found; the rest reckoned: {left} are left, of which {rate:.0f} come a second",
    )


def _over_http(run: Run, tenant_id: int, token: str) -> Iterator[Row]:
    what, each = f"over HTTP, {CONNECTIONS} connections", run.scale.pick(tiny=2, small=20, usual=40)
    body = orjson.dumps({"user_id": "5", "platform": "web", "transcript": make_conversation(1)})
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    bounds = {"EARSHOT_INTAKE_MOST_QUEUED": str(BOUNDLESS), "EARSHOT_INTAKE_MOST_BYTES": str(BOUNDLESS)}
    with ExitStack() as stack:
        port = stack.enter_context(web.served(web.SERVED, **bounds))
        pool = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))
        lines = [http.client.HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(CONNECTIONS)]

        def post(line: http.client.HTTPConnection, address: str) -> int:
            accepted = 0
            for _ in range(each):
                line.request("POST", address, body, headers)
                answer = line.getresponse()
                answer.read()
                accepted += answer.status == http.client.ACCEPTED
            return accepted

        def all_post(address: str, _given: Any) -> int:
            accepted = sum(pool.map(post, lines, [address] * CONNECTIONS))
            if accepted != each * CONNECTIONS:
                raise WrongAnswer(f"{address} has accepted {accepted} of {each * CONNECTIONS}.")
            return accepted

        taken = alternate(
            {
                "conversations": Variant(run=partial(all_post, "/api/conversations")),
                "empty": Variant(run=partial(all_post, f"/{empty_view.ADDRESS}")),
            },
            repetitions=run.scale.pick(tiny=2, small=6, usual=20),
            step=run.telling(what),
            warming=1,
        )
        told = standing.over_http(run, tenant_id, headers, lines[0])
        for line in lines:
            line.close()
    ours, empty = (per_second(figures, each * CONNECTIONS) for figures in taken.values())
    share = ours.median / empty.median
    yield Row(
        what,
        "/s",
        ours,
        floor=empty,
        targets=(at_least(share, SHARE_OF_EMPTY, "× an empty view"),),
        floor_is="a view that knows who asks and whether they may, and does nothing",
        note="one server process, its own; in brackets the slowest round",
    )
    yield told
    yield standing.in_process(run, tenant_id)


def _by_batch_size(run: Run, tenant_id: int) -> Iterator[Row]:
    bare = OneDocument()

    def taken_out(size: int) -> Sequence[queue.Entry]:
        for _ in range(size):
            _queue(tenant_id, make_conversation(next(_numbers)))
        return queue.take("benchmark", most=size, age_seconds=0)

    def made(size: int) -> list[Any]:
        return [_call(tenant_id) for _ in range(size)]

    def inserted(calls: list[Any]) -> int:
        bare.insert(calls)
        return len(calls)

    def is_whole(size: int, given: Sequence[Any], stored: Any) -> bool:
        return len(given) == size == (stored if isinstance(stored, int) else len(stored.new))

    variants = {}
    for size in BATCHES:
        whole = partial(is_whole, size)
        variants[f"ours {size}"] = Variant(intake.store_batch, prepare=partial(taken_out, size), answer=whole)
        variants[f"floor {size}"] = Variant(inserted, prepare=partial(made, size), answer=whole)
    what = "store a batch"
    taken = alternate(
        variants,
        repetitions=run.scale.pick(tiny=2, small=20, usual=100),
        step=run.telling(what),
        warming=1,
    )
    alone = taken[f"ours {BATCHES[0]}"]
    for size in BATCHES:
        yield Row(
            f"store one of a batch of {size}",
            "ms",
            divided(taken[f"ours {size}"], size),
            baseline=alone,
            floor=divided(taken[f"floor {size}"], size),
            baseline_is="alone",
            floor_is="one insert_many of as many such calls",
        )


@contextmanager
def _empty_queue() -> Iterator[None]:
    """Before and after; what waits for a consumer would be stored by the next one."""
    _drop_queue()
    queue.create()
    try:
        yield
    finally:
        _drop_queue()
        queue.create()


def _drop_queue() -> None:
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL)
    for key in client.scan_iter("intake:*"):
        client.delete(key)


def _ways(tenant_id: int) -> dict[str, Variant]:
    """Queueing a conversation, and what it is compared with."""
    client = redis.Redis.from_url(settings.EARSHOT_REDIS_URL, socket_timeout=queue.PATIENCE_SECONDS)
    documents = OneDocument().calls.database.get_collection(
        "conversations_alone", write_concern=OneDocument().calls.write_concern
    )
    return {
        _QUEUE: Variant(
            run=partial(_queue, tenant_id),
            prepare=lambda: make_conversation(next(_numbers)),
            answer=lambda _given, identity: intake.standing(tenant_id, identity)["status"] == "queued",
        ),
        _INSERT: Variant(
            run=lambda document: documents.insert_one(document).acknowledged,
            prepare=lambda: {
                "conversation_id": uuid.uuid4().hex,
                "tenant_id": tenant_id,
                "user_id": "5",
                "platform": "web",
                "transcript": make_conversation(next(_numbers)),
            },
        ),
        _PING: Variant(run=lambda _given: bool(client.ping())),
    }


def _is_done(way: Variant) -> bool:
    return bool(way.run(way.prepare()))


def _queue(tenant_id: int, conversation: str) -> str:
    return intake.queue_conversation("5", "web", conversation, tenant_id=tenant_id)


def _send(tenant_id: int, count: int, pause: float) -> None:
    """One after another, each at its own time, so that none that is late delays those after it."""
    began = time.monotonic()
    for number in range(count):
        wait = began + number * pause - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        _queue(tenant_id, make_conversation(next(_numbers)))


def _until_stored(tenant_id: int, count: int) -> None:
    until(lambda: queue.counts(tenant_id)[0] >= count, f"all {count} conversations to be stored")
    stored = OneDocument().calls.count_documents({"tenant_id": tenant_id})
    if stored != count:
        raise WrongAnswer(f"{count} conversations were sent, and {stored} calls are there.")


def _wait_told() -> tuple[int, float, float]:
    """Of how many it is known how long they waited to be stored, and the time of half and of 99 in 100, in ms."""
    for told in timings.summary():
        if told.operation == "intake.wait":
            return told.count, told.p50_ms, told.p99_ms
    return 0, 0.0, 0.0


def _vectors(tenant_id: int) -> tuple[int, int]:
    """How many segments of the company are done with, almost all by a vector, and how many are known to search."""
    known = IndexedSegment.objects.filter(tenant_id=tenant_id)
    return known.filter(model__isnull=False).count(), known.count()


def _call(tenant_id: int) -> Any:
    number = next(_numbers)
    return make_call(tenant_id, FIRST_BARE + number, make_segments(LINES, seed=number))
