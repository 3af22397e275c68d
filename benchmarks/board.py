"""What reading the board costs, and moving cards on it while it is read."""

import http.client
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Any

import orjson
from django.db import connections

from benchmarks import boards, empty_view, web
from benchmarks.boards import Company
from benchmarks.layouts import history_entry
from benchmarks.measuring import WARMING, Variant, WrongAnswer, alternate, check_answers, per_second
from benchmarks.rows import Row, Suite, at_least, at_most, faster, near
from benchmarks.scales import Run
from calls import board, store
from calls.errors import RetryableCallError
from crm import grouped, tokens

MOST_OVER_FLOOR = 3.0
MOST_OVER_SMALLER = 1.5
MOST_MS_OF_HTTP = 5.0
LEAST_OF_RATE = 0.3
SMALL, USUAL = (1_000, 10_000, 100_000), (1_000, 10_000, 100_000, 1_000_000)
WRITERS = 16
# Limit → how many times as fast as the usual way at a million calls.
LEAST: Mapping[int, float] = {100: 80.0, 20: 150.0, 0: 300.0}
# Limit → how many calls the smaller board has that the largest may cost hardly more than.
SMALLER: Mapping[int, int] = {100: USUAL[1], 20: USUAL[0], 0: USUAL[0]}
CARDS_MOVED = 200
ADDRESS = "/crm/calls/get-grouped-by-status"

# Gives a call, by its id, a status; whether it was there.
Move = Callable[[str, str | None], bool]
_OURS, _BASELINE, _FLOOR = "ours", "lookups", "bare reads"


def measure(run: Run) -> Iterator[Row]:
    """In databases of its own, in one of which companies of all sizes lie beside one another."""
    with boards.database_of_its_own():
        sizes = run.scale.pick(tiny=(40, 320), small=SMALL, usual=USUAL)
        companies = boards.make_companies(sizes, run.telling(f"{sum(sizes):,} calls"))
        for limit in LEAST:
            for company in companies:
                yield _reading(run, company, limit)
            smaller = next((one for one in companies if one.calls == SMALLER[limit]), companies[0])
            yield _by_size(run, smaller, companies[-1], limit)
            yield _by_size(run, smaller, companies[-1], limit, cold=True)
        yield _over_http(run, companies[-1])
    with boards.database_of_its_own():
        yield from _moving(run, *boards.make_companies([CARDS_MOVED], run.telling(f"{CARDS_MOVED} calls")))


SUITE = Suite(
    title=f"The board, {boards.STATUSES} statuses and calls without one",
    baseline="one pipeline that pushes the ids of all calls into a group for each status, then looks up what is shown",
    floor="one read by the driver for each status, in the order of the same index, without people",
    measure=measure,
)


def _reading(run: Run, company: Company, limit: int) -> Row:
    what = f"{_named(limit)}, {company.calls:,} calls"
    expected = boards.looked_up(boards.by_lookups(company, limit))
    numbers = boards.numbers_in(expected)
    variants = {
        _OURS: Variant(_ours(company, limit), answer=lambda _, got: boards.grouped_by_us(got) == expected),
        _BASELINE: Variant(
            run=lambda _: boards.by_lookups(company, limit), answer=lambda _, got: boards.looked_up(got) == expected
        ),
        _FLOOR: Variant(
            run=lambda _: boards.by_bare_reads(company, limit),
            answer=lambda _, got: {one: [call["id"] for call in got[one]] for one in got} == numbers,
        )
        if limit
        else Variant(run=lambda _: store.ping(), answer=lambda _, got: True),
    }
    repetitions = run.scale.pick(tiny=2, small=10, usual=max(6, min(50, 2_000_000 // company.calls)))
    taken = alternate(variants, repetitions=repetitions, step=run.telling(what), warming=1)
    ours, baseline, floor = (taken[name] for name in (_OURS, _BASELINE, _FLOOR))
    targets = [near(ours, floor, most=MOST_OVER_FLOOR)] if limit == max(LEAST) else []
    if company.calls == USUAL[-1]:
        targets = [faster(ours, baseline, least=LEAST[limit]), *targets]
    return Row(what, "ms", ours, baseline, floor, tuple(targets), floor_is="" if limit else "MongoDB PING")


def _by_size(run: Run, smaller: Company, larger: Company, limit: int, *, cold: bool = False) -> Row:
    """Both in turns, each as often after the other; where `cold`, both find what looking through all calls has left."""
    what = f"{_named(limit)}, {larger.calls:,} calls against {smaller.calls:,}"
    repetitions = run.scale.pick(tiny=2, small=30, usual=200)
    if cold:
        what += ", right after all were looked through"
        repetitions = run.scale.pick(tiny=1, small=6, usual=10)

    def prepare() -> None:
        if cold:
            boards.by_lookups(larger, 0)

    variants = {
        name: Variant(_ours(company, limit), prepare, answer=lambda _, got: got["summary"]["total_status_groups"])
        for name, company in (("larger", larger), ("smaller", smaller))
    }
    taken = alternate(variants, repetitions=repetitions, step=run.telling(what), warming=1 if cold else WARMING)
    ours, baseline = taken["larger"], taken["smaller"]
    return Row(
        what,
        "ms",
        ours,
        baseline,
        targets=(near(ours, baseline, most=MOST_OVER_SMALLER, of="the smaller"),),
        baseline_is=f"the same with {smaller.calls:,}",
        note="before each, the baseline's way of counting all calls of the larger one" if cold else "",
    )


def _over_http(run: Run, company: Company) -> Row:
    limit = max(LEAST)
    what = f"{_named(limit)}, {company.calls:,} calls, over HTTP"
    headers = {
        "Authorization": f"Bearer {tokens.issue(company.user, name='benchmark')}",
        "Content-Type": "application/json",
    }
    body = orjson.dumps({"limit": limit})
    with web.served(web.SERVED) as port:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def post(address: str, _given: Any) -> bytes:
            line.request("POST", address, body, headers)
            return line.getresponse().read()

        expected = boards.grouped_by_us(_ours(company, limit)(None))
        variants = {
            "served": Variant(
                partial(post, ADDRESS), answer=lambda _, got: boards.grouped_by_us(orjson.loads(got)) == expected
            ),
            "in process": Variant(_ours(company, limit), answer=lambda _, got: boards.grouped_by_us(got) == expected),
            "empty": Variant(partial(post, f"/{empty_view.ADDRESS}"), answer=lambda _, got: "id" in orjson.loads(got)),
        }
        repetitions = run.scale.pick(tiny=2, small=30, usual=200)
        taken = alternate(variants, repetitions=repetitions, step=run.telling(what))
        size = len(post(ADDRESS, None))
        line.close()
    ours, floor = taken["served"], taken["in process"]
    return Row(
        what,
        "ms",
        ours,
        floor=floor,
        targets=(at_most(ours.median - floor.median, MOST_MS_OF_HTTP, "ms more"),),
        floor_is="the same in process",
        note=(
            f"one connection; {size / 1000:.0f} KB of JSON, who asks, and an entry in the audit log. A view that does "
            f"nothing takes {taken['empty'].median:.1f} ms"
        ),
    )


def _moving(run: Run, company: Company) -> Iterator[Row]:
    """Many move cards of one board, which somebody reads all the while."""
    each = run.scale.pick(tiny=2, small=20, usual=50)
    at_once = run.scale.pick(tiny=4, small=WRITERS, usual=WRITERS)
    entry, numbers = history_entry(datetime.now(UTC), act="moved"), itertools.count(1)

    def by_store(call_id: str, status_id: str | None) -> bool:
        wanted = {"tenant_id": company.tenant_id, "call_id": call_id}
        return store.move(wanted, status_id=status_id, entry=entry, version=None)

    def by_board(call_id: str, status_id: str | None) -> bool:
        return board.move(company.user, call_id, status_id=status_id, version=None)["status_id"] == status_id

    def without(call_id: str, status_id: str | None) -> bool:
        return boards.move_without_counting(company.tenant_id, call_id, status_id, entry)

    read, has_counted = 0, False

    def all_move(move: Move, _given: Any) -> int:
        nonlocal read, has_counted
        has_counted = move is not without
        ended = Event()
        with ThreadPoolExecutor(at_once + 1) as pool:
            reader = pool.submit(_read_until, company, ended)
            writers = [pool.submit(_move_some, move, company, each, next(numbers)) for _ in range(at_once)]
            try:
                done = sum(writer.result() for writer in writers)
            finally:
                ended.set()
            read += reader.result()
        return done

    def prepare() -> None:
        # Before every round that is timed, of the one before it.
        drifts = store.reconcile_counters()
        if drifts and has_counted:
            raise WrongAnswer(f"Counters are wrong after moves that counted: {drifts}")

    def is_exact(_given: None, done: int) -> bool:
        return done == each * at_once and not store.reconcile_counters(mend=False)

    variants = {
        _OURS: Variant(partial(all_move, by_store), prepare, is_exact),
        "by the verb": Variant(partial(all_move, by_board), prepare, is_exact),
        _BASELINE: Variant(partial(all_move, without), prepare, lambda _, done: done == each * at_once),
    }
    what = f"cards moved in the store by {at_once} at once, while the board is read"
    repetitions = run.scale.pick(tiny=1, small=4, usual=12)
    taken = alternate(variants, repetitions=repetitions, step=run.telling(what), warming=1)
    check_answers({name: variants[name] for name in (_OURS, "by the verb")})
    ours, verb, baseline = (per_second(figures, each * at_once) for figures in taken.values())
    yield Row(
        what,
        "/s",
        ours,
        baseline,
        targets=(at_least(ours.median / baseline.median, LEAST_OF_RATE, "× without counters"),),
        baseline_is="the same update without counters, in no transaction",
        note=f"counters exact; {read} boards read meanwhile, in none of them a call twice or missing; in brackets the "
        "slowest round",
    )
    yield Row(
        "the same by board.move, with all that it asks and marks",
        "/s",
        verb,
        baseline,
        baseline_is="the same update without counters, in no transaction",
        note="whether they may, the status held in PostgreSQL, the mark for search, and the call read again",
    )


def _move_some(move: Move, company: Company, count: int, seed: int) -> int:
    """How many of so many moves were done; each goes on when others were in its way."""
    chance, done = random.Random(seed), 0  # noqa: S311
    try:
        while done < count:
            card = f"call-{company.tenant_id}-{chance.randrange(company.calls)}"
            with suppress(RetryableCallError):
                done += move(card, chance.choice(company.statuses))
        return done
    finally:
        connections.close_all()


def _read_until(company: Company, ended: Event) -> int:
    """How many boards were read. Raises WrongAnswer for one with a call twice, or without one."""
    read = 0
    try:
        while not ended.is_set():
            columns = board.columns(company.user, limit=company.calls)
            numbers = [call["id"] for column in columns for call in column.calls]
            if sorted(numbers) != list(range(company.calls)):
                raise WrongAnswer(f"A board of {company.calls} calls has {len(numbers)} cards, of {len(set(numbers))}.")
            read += 1
        return read
    finally:
        connections.close_all()


def _ours(company: Company, limit: int) -> Callable[[Any], Any]:
    return lambda _: grouped.by_status(company.user, limit=limit, with_calls=limit > 0)


def _named(limit: int) -> str:
    return f"the newest {limit} of each status" if limit else "counts only"
