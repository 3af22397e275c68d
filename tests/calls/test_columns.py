"""The columns of the board: what is read costs the same however much there is, and is all of one moment."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from calls import board, opening, statuses, store
from calls.errors import NotAStatus, RetryableCallError, StatusInUse
from calls.store.client import COUNTERS, calls, collection
from calls.store.slow import SlowCommands
from tests.builders import bearer, make_user
from tests.scale import scaled

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WRITERS, READERS = 16, 3


@pytest.fixture
def columns(tenant):
    return [str(statuses.create(tenant.pk, {"name": name}).pk) for name in ("New", "Open", "Done")]


@pytest.fixture
def asked_of_mongodb(monkeypatch):
    """The names of the commands that MongoDB has been given."""
    names = []
    started = SlowCommands.started

    def listening(self, event):
        names.append(event.command_name)
        started(self, event)

    monkeypatch.setattr(SlowCommands, "started", listening)
    return names


def make_calls(user, count, named, **values):
    """Calls that have statuses in turns, one a minute; what a status may be is not looked at."""
    first, _ = opening.create_call(user, {"start_time": BEGAN, **values})
    model = calls().find_one({"tenant_id": user.tenant_id, "id": first["id"]}, {"_id": False})
    copies = [
        {
            **model,
            "id": first["id"] * 100_000 + number,
            "call_id": f"copy-{first['id']}-{number}",
            "status_id": named[number % len(named)],
            "start_time": BEGAN + timedelta(minutes=number),
        }
        for number in range(1, count)
    ]
    if copies:
        calls().insert_many(copies)
    board.reconcile()
    return [first["call_id"], *(call["call_id"] for call in copies)]


def test_a_board_of_a_thousand_calls_takes_as_many_questions_as_one_of_ten(
    supervisor, tenant, columns, asked_of_mongodb
):
    api = bearer(supervisor)
    ada = make_user(tenant, "agent")
    asked = [
        lambda: api.post("/crm/calls/get-grouped-by-status", {"limit": 1000}, format="json"),
        lambda: api.get("/crm/board", {"limit": 200}),
        lambda: api.get("/crm/board", {"limit": 200, "assignee": "none", "text": "refund"}),
    ]

    def questions():
        # The first time, that the token is used is written down.
        asked[0]()
        counted = []
        for ask in asked:
            asked_of_mongodb.clear()
            with CaptureQueriesContext(connection) as queries:
                assert ask().status_code == 200
            counted.append((list(asked_of_mongodb), len(queries)))
        return counted

    make_calls(ada, 10, columns, subject="A refund")
    of_ten = questions()
    make_calls(supervisor, 990, columns, subject="A refund")
    assert questions() == of_ten
    assert [commands for commands, _ in of_ten] == [["aggregate"]] * 3
    assert max(queries for _, queries in of_ten) <= 10
    told = asked[0]().json()
    assert told["summary"]["total_calls"] == sum(len(group["calls"]) for group in told["data"]) == 1000


def test_no_board_has_a_card_twice_or_misses_one_while_many_move_them(supervisor, tenant, columns):
    cards = make_calls(supervisor, 60, columns)
    numbers = sorted(call["id"] for column in board.columns(supervisor, limit=1000) for call in column.calls)
    ended, seconds = Event(), scaled(3.0, 60.0)
    ends = time.monotonic() + seconds

    def write(writer):
        moved = 0
        try:
            for step in itertools.count():
                if time.monotonic() > ends:
                    return moved
                card, status_id = cards[(step * 7 + writer) % len(cards)], [*columns, None][(step + writer) % 4]
                with suppress(RetryableCallError):
                    board.move(supervisor, card, status_id=status_id, version=None)
                    moved += 1
        finally:
            connections.close_all()

    def read(_):
        read, wrong = 0, 0
        try:
            while not ended.is_set():
                found = board.columns(supervisor, limit=1000)
                wrong += sorted(call["id"] for column in found for call in column.calls) != numbers
                # The counters are of the same moment as the cards.
                wrong += any(column.total != len(column.calls) for column in found)
                read += 1
            return read, wrong
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WRITERS + READERS) as pool:
        readers = [pool.submit(read, number) for number in range(READERS)]
        moved = sum(pool.map(write, range(WRITERS)))
        ended.set()
        boards = [reader.result() for reader in readers]
    assert moved > 0
    assert sum(read for read, _ in boards) > 0
    assert [wrong for _, wrong in boards] == [0] * READERS
    assert board.drifts() == []
    assert sum(board.counts(tenant.pk).values()) == len(cards)


def test_a_card_never_gets_a_status_that_is_being_taken_away(supervisor, tenant, columns):
    (card,) = make_calls(supervisor, 1, columns)
    outcomes = set()

    def move(status_id):
        try:
            board.move(supervisor, card, status_id=status_id, version=None)
        except NotAStatus:
            return "refused"
        finally:
            connections.close_all()
        return "moved"

    def remove(status_id):
        try:
            statuses.remove(supervisor, status_id)
        except StatusInUse:
            return "in use"
        finally:
            connections.close_all()
        return "removed"

    with ThreadPoolExecutor(2) as pool:
        for number in range(scaled(8, 90)):
            board.move(supervisor, card, status_id=None, version=None)
            gone = statuses.create(tenant.pk, {"name": f"Short {number}"}).pk
            both = [pool.submit(move, gone), pool.submit(remove, gone)]
            outcomes.add(tuple(one.result() for one in both))
    assert outcomes <= {("moved", "in use"), ("refused", "removed")}


def test_where_no_index_knows_the_answer_a_page_ends_where_it_stopped_looking(supervisor, tenant, columns):
    make_calls(supervisor, 40, columns[:1], direction="inbound")
    (wanted,) = make_calls(supervisor, 1, columns, direction="outbound")
    calls().update_one({"tenant_id": tenant.pk, "call_id": wanted}, {"$set": {"status_id": columns[0]}})
    asked = store.Asked(
        tenant_id=tenant.pk, statuses=columns, rest=[{"direction": "outbound"}], limit=5, look_at=15, count_up_to=10
    )
    pages = [store.column_of(asked, columns[0])]
    while pages[-1].end:
        pages.append(store.column_of(asked, columns[0], before=pages[-1].end))
    assert [call["call_id"] for page in pages for call in page.calls] == [wanted]
    assert len(pages) == 3
    # Of what was looked at to count there was none; how many there are is not known.
    assert [(page.total, page.total_is_exact) for page in pages] == [(0, False), (0, False), (1, False)]
    everything = store.Asked(tenant_id=tenant.pk, statuses=columns, rest=[{"deleted": 0}], limit=5, count_up_to=10)
    found = store.columns_of(everything)[columns[0]]
    assert (found.total, found.total_is_exact) == (10, False)


def test_counters_are_reconciled_by_hand_too(supervisor, tenant, columns, capsys):
    make_calls(supervisor, 1, columns)
    collection(COUNTERS).update_one({"tenant_id": tenant.pk, "status_id": None}, {"$inc": {"count": 5}})
    call_command("reconcile_counters", "--dry-run")
    assert "1 counters differ" in (told := capsys.readouterr().out)
    assert "Nothing was changed" in told
    assert board.counts(tenant.pk) == {None: 6}
    call_command("reconcile_counters")
    assert "mended" in capsys.readouterr().out
    assert board.counts(tenant.pk) == {None: 1}
    call_command("reconcile_counters")
    assert "0 counters" in capsys.readouterr().out
