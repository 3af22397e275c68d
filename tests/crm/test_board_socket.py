"""The socket of the board, and of one call, in this process, on a real Redis."""

import asyncio
import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.utils.module_loading import import_string

from audio import protocol
from calls import board, conversations, editing, live, opening, statuses, store
from calls.opening import NewCall
from crm import board_news, board_readings, consumers, contacts, people
from crm import live as rights
from crm.models import AuditEntry
from tests.builders import make_contact, make_flag, make_segment, make_session, make_user
from tests.sockets import OWN_HOST, PATIENCE_SECONDS, close_code, first_frame, ticket_of, visit

PING, PONG = '{"type": "ping"}', {"type": "pong"}
NOW = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_rounds(settings, monkeypatch):
    """So that nothing is made good by a look that was not asked for."""
    settings.EARSHOT_RIGHTS_SECONDS = 3600
    monkeypatch.setattr(consumers, "LOOK_SECONDS", 3600.0)


@pytest.fixture
def looking(monkeypatch):
    monkeypatch.setattr(consumers, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(consumers, "RELOAD_SECONDS", 0.0)


@pytest.fixture
def heard(monkeypatch):
    """Waits until so many more announcements have reached the socket."""
    numbers = asyncio.Queue()
    hear = live.Heard.hear

    def hear_too(self, number):
        numbers.put_nowait(number)
        hear(self, number)

    async def wait_for(count):
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(count):
                await numbers.get()

    monkeypatch.setattr(live.Heard, "hear", hear_too)
    return wait_for


@pytest.fixture
def columns(tenant):
    return [statuses.create(tenant.pk, {"name": name}) for name in ("Open", "Done")]


def watch(user, story, query="", **how):
    """Tell a story with a socket that is ready, as this user."""

    async def once_ready(socket):
        assert (await frame(socket))["type"] == "ready"
        return await story(socket)

    return visit(f"/ws/board?{query}&ticket={ticket_of(user)}", once_ready, **how)


async def knock(address):
    """One more socket, beside that of the story, which is ready."""
    path, _, query = address.partition("?")
    scope = {"type": "websocket", "path": path, "query_string": query.encode(), "headers": OWN_HOST[:1]}
    socket = ApplicationCommunicator(import_string("config.asgi.application"), scope)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(timeout=20))["type"] == "websocket.accept"
    assert await frame(socket) == {"type": "ready"}
    return socket


async def leave(socket):
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(timeout=20)


async def say(socket, text):
    await socket.send_input({"type": "websocket.receive", "text": text})


async def frame(socket):
    return json.loads(await first_frame(socket))


async def do(act, *args, **values):
    return await sync_to_async(act)(*args, **values)


def called(told):
    return {card["call_id"] for card in told["cards"]}


def make_call(user, **details):
    return opening.create_call(user, details)[0]["call_id"]


def conversation(user, number):
    return NewCall(
        tenant_id=user.tenant_id,
        call_id=f"chat-{number}",
        user_id=user.pk,
        platform="chat",
        external_user_id=f"person-{number}",
        start_time=NOW,
        type="conversation",
        summary="",
        metadata={},
        segments=[],
        duration=0.0,
    )


# --- What is told ---


def test_what_one_moves_another_sees_as_a_card_in_its_column(supervisor, agent, columns):
    call_id = make_call(agent, subject="A refund", status_id=columns[0].pk)

    async def story(socket):
        await do(board.move, agent, call_id, status_id=columns[1].pk, version=1)
        return await frame(socket)

    told = watch(supervisor, story)
    (card,) = told["cards"]
    assert (told["type"], told["gone"]) == ("cards", [])
    assert (card["call_id"], card["subject"], card["status_id"], card["version"]) == (
        call_id,
        "A refund",
        str(columns[1].pk),
        2,
    )
    assert card["user_details"]["id"] == agent.pk
    assert {one["id"]: one["total"] for one in told["totals"]} == {columns[0].pk: 0, columns[1].pk: 1, None: 0}


def test_what_a_filter_does_not_show_any_more_is_gone(supervisor, agent):
    call_id, other = make_call(agent, direction="inbound"), make_call(agent, direction="outbound")

    async def story(socket):
        await do(editing.change, agent, call_id, {"direction": "internal"}, version=1)
        first = await frame(socket)
        await do(editing.change, agent, other, {"direction": "inbound"}, version=1)
        return first, await frame(socket)

    first, second = watch(supervisor, story, "direction=inbound")
    assert (first["cards"], first["gone"]) == ([], [call_id])
    assert ([card["call_id"] for card in second["cards"]], second["gone"]) == ([other], [])


def test_another_company_hears_nothing(stranger, supervisor):
    async def story(socket):
        await do(make_call, supervisor)
        await do(statuses.create, supervisor.tenant_id, {"name": "New"})
        ours = await do(make_call, stranger)
        told = await frame(socket)
        assert [card["call_id"] for card in told["cards"]] == [ours]
        return told["gone"]

    assert watch(stranger, story) == []


def test_an_agent_hears_of_their_own_calls_and_not_even_the_ids_of_others(tenant, agent, supervisor):
    colleague = make_user(tenant, "agent")
    mine, theirs = make_call(agent), make_call(colleague)

    async def story(socket):
        await do(editing.change, colleague, theirs, {"subject": "Not for all"}, version=1)
        await do(editing.delete, supervisor, theirs)
        await do(opening.insert_calls, [conversation(colleague, number) for number in range(300)])
        await do(editing.change, agent, mine, {"subject": "Mine"}, version=1)
        frames = [await frame(socket)]
        await do(editing.delete, supervisor, mine)
        return [*frames, await frame(socket)]

    changed, removed = watch(agent, story)
    assert [card["call_id"] for card in changed["cards"]] == [mine]
    assert changed["totals"] == [{"id": None, "total": 1, "total_is_exact": True}]
    assert (changed["gone"], removed["cards"], removed["gone"]) == ([], [], [mine])


def test_hundreds_at_once_are_one_frame(supervisor):
    async def story(socket):
        await do(opening.insert_calls, [conversation(supervisor, number) for number in range(150)])
        first = await frame(socket)
        await do(opening.insert_calls, [conversation(supervisor, number) for number in range(150, 450)])
        return first, await frame(socket)

    first, second = watch(supervisor, story)
    assert (first["type"], len(first["cards"]), second) == ("cards", 150, {"type": "reload"})


def test_what_changes_in_quick_succession_is_told_together(supervisor, heard, monkeypatch):
    monkeypatch.setattr(consumers, "TOGETHER_SECONDS", 600.0)
    ahead = 0.0
    monkeypatch.setattr(consumers, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + ahead))

    async def story(socket):
        nonlocal ahead
        first = await do(make_call, supervisor)
        assert called(await frame(socket)) == {first}
        others = {await do(make_call, supervisor) for _ in range(3)}
        await heard(4)
        await say(socket, PING)
        assert await frame(socket) == PONG
        ahead = 601.0
        await say(socket, PING)
        assert await frame(socket) == PONG
        return called(await frame(socket)) == others

    assert watch(supervisor, story)


def test_those_who_see_the_same_share_one_reading_and_nobody_gets_another_s(tenant, supervisor, agent):
    mine = make_call(agent, subject="A refund")
    every = [supervisor, *(make_user(tenant, "supervisor") for _ in range(4))]
    addresses = [f"ticket={ticket_of(user)}" for user in every] + [f"direction=inbound&ticket={ticket_of(every[0])}"]
    addresses.append(f"ticket={ticket_of(agent)}")

    async def story(socket):
        board_readings._begun.clear()
        others = [await knock(f"/ws/board?{query}") for query in addresses]
        await do(make_call, supervisor)
        seen = [await frame(other) for other in others[:-1]]
        shared = len(board_readings._begun)
        await do(editing.change, agent, mine, {"subject": "A return"}, version=1)
        own = await frame(others[-1])
        for other in others:
            await leave(other)
        return seen, shared, own

    seen, shared, own = watch(supervisor, story)
    assert all(one == seen[0] for one in seen[:-1])
    assert (len(seen[0]["cards"]), seen[-1]["cards"]) == (1, [])
    assert shared <= 3  # All of the company; those coming in; what the agent may see of it.
    assert ([card["call_id"] for card in own["cards"]], own["gone"]) == ([mine], [])


def test_a_change_of_the_statuses_has_the_columns_fetched_again(supervisor, columns):
    make_call(supervisor, status_id=columns[0].pk)

    async def story(socket):
        await do(statuses.remove, supervisor, columns[0].pk, move_calls_to=columns[1].pk)
        return await frame(socket)

    assert watch(supervisor, story)["type"] in {"columns", "reload"}


@pytest.mark.parametrize(
    ("announce", "kind"), [(live.much_changed, "reload"), (live.statuses_changed, "columns")], ids=["calls", "statuses"]
)
def test_a_page_is_not_told_to_fetch_everything_again_and_again(supervisor, heard, monkeypatch, announce, kind):
    monkeypatch.setattr(consumers, "TOGETHER_SECONDS", 0.0)
    monkeypatch.setattr(consumers, "RELOAD_SECONDS", 3600.0)

    async def story(socket):
        await do(announce, supervisor.tenant_id)
        assert await frame(socket) == {"type": kind}
        for _ in range(20):
            await do(announce, supervisor.tenant_id)
        await heard(21)
        await say(socket, PING)
        assert await frame(socket) == PONG
        await say(socket, PING)
        return await frame(socket)

    assert watch(supervisor, story) == PONG


def test_whoever_is_called_something_else_is_so_on_every_card(supervisor, agent):
    async def story(socket):
        await do(people.change, agent, name=agent.name, email=agent.email)
        await do(make_call, agent)
        assert (await frame(socket))["type"] == "cards"
        await do(people.change, agent, name="Ada Lovelace")
        return await frame(socket)

    assert watch(supervisor, story) == {"type": "reload"}


def test_a_customer_is_called_something_else_on_every_card_and_nothing_once_removed(tenant, supervisor, monkeypatch):
    monkeypatch.setattr(consumers, "RELOAD_SECONDS", 0.0)
    ada = make_contact(tenant, "Ada King")

    async def story(socket):
        await do(contacts.change, tenant.pk, ada.pk, {"emails": ["ada@example.org"]})
        await do(make_call, supervisor)
        assert (await frame(socket))["type"] == "cards"
        await do(contacts.change, tenant.pk, ada.pk, {"names": ["Ada Lovelace"]})
        assert await frame(socket) == {"type": "reload"}
        await do(contacts.remove, tenant.pk, ada.pk)
        return await frame(socket)

    assert watch(supervisor, story) == {"type": "reload"}


def test_who_takes_nothing_is_told_once_what_they_missed(supervisor, settings):
    application = import_string("config.asgi.application")
    gate = {}

    async def slow(scope, receive, send):
        async def send_slowly(message):
            if message["type"] == "websocket.send" and "opened" in gate:
                await gate["opened"].wait()
            await send(message)

        await application(scope, receive, send_slowly)

    async def story(socket):
        gate["opened"] = asyncio.Event()
        await do(make_call, supervisor)
        for start in range(0, 3 * board_news.MOST_WAITING, 100):
            await do(live.changed, supervisor.tenant_id, [f"made-up-{number}" for number in range(start, start + 100)])
        for _ in range(100):
            await say(socket, "no JSON")
        gate["opened"].set()
        frames = []
        while not frames or frames[-1]["type"] != "reload":
            frames.append(await frame(socket))
        return [one["type"] for one in frames if one["type"] != "error"]

    told = watch(supervisor, story, application=slow)
    assert told[-1] == "reload"
    assert set(told[:-1]) <= {"cards"}
    assert len(told) <= 2


# --- What is missed ---


def test_an_announcement_that_got_lost_has_the_page_fetch_again(supervisor, looking):
    async def story(socket):
        await do(live._number_by, "incr", supervisor.tenant_id)
        return await frame(socket)

    assert watch(supervisor, story) == {"type": "reload"}


def test_what_was_never_announced_is_found_by_counting(supervisor, columns, looking):
    call_id = make_call(supervisor, status_id=columns[0].pk)

    def move_and_die():
        entry = editing.entry_of(supervisor, "moved")
        named = conversations.readable_by(supervisor, call_id)
        assert store.move(named, status_id=str(columns[1].pk), entry=entry, version=None)

    async def story(socket):
        await do(move_and_die)
        return await frame(socket)

    assert watch(supervisor, story) == {"type": "reload"}


def test_while_redis_is_away_what_is_counted_tells_and_afterwards_all_is_fetched(
    supervisor, columns, looking, settings
):
    call_id = make_call(supervisor, status_id=columns[0].pk)

    async def story(socket):
        there = settings.EARSHOT_REDIS_URL
        settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
        live._client.cache_clear()
        try:
            await do(board.move, supervisor, call_id, status_id=columns[1].pk, version=None)
            away = await frame(socket)
        finally:
            settings.EARSHOT_REDIS_URL = there
            live._client.cache_clear()
        back = await frame(socket)
        while (await do(live._untold.waiting)) or not socket.output_queue.empty():
            await frame(socket)
        return away, back

    assert watch(supervisor, story) == ({"type": "reload"}, {"type": "reload"})


# --- One call ---


def test_whoever_looks_at_a_call_is_told_whatever_changes_of_it(supervisor, agent):
    session = make_session(agent)
    segment, flag = make_segment(session), make_flag(session)
    acts = [
        lambda: editing.note(supervisor, session.call_id, "Call back."),
        lambda: editing.correct(supervisor, session.call_id, segment["segment_id"], text="Good evening."),
        lambda: conversations.review_flag(supervisor, session.call_id, flag["flag_id"], "wrong"),
    ]

    async def story(socket):
        await do(make_call, agent)
        frames = []
        for act in acts:
            await do(act)
            frames.append(await frame(socket))
        await do(editing.delete, supervisor, session.call_id)
        return [*frames, await frame(socket)]

    *changed, removed = watch(agent, story, f"call={session.call_id}")
    assert [[card["call_id"] for card in one["cards"]] for one in changed] == [[session.call_id]] * 3
    assert [one["cards"][0]["version"] for one in changed] == [2, 3, 3]
    assert [one["cards"][0]["flags"] for one in changed] == [["long_silence"], ["long_silence"], []]
    assert (removed["cards"], removed["gone"], removed["totals"]) == ([], [session.call_id], [])


def test_a_change_of_a_call_that_was_never_announced_is_found_by_looking(supervisor, looking):
    call_id = make_call(supervisor)

    async def story(socket):
        entry = editing.entry_of(supervisor, "changed")
        await do(store.edit, conversations.readable_by(supervisor, call_id), values={"subject": "New"}, entry=entry)
        return await frame(socket)

    assert watch(supervisor, story, f"call={call_id}")["cards"][0]["subject"] == "New"


@pytest.mark.parametrize("whose", ["a colleague's", "another company's", "nobody's"])
def test_a_call_that_one_may_not_see_opens_no_socket(tenant, agent, stranger, whose):
    owner = {"a colleague's": make_user(tenant, "agent"), "another company's": stranger}.get(whose)
    call_id = make_call(owner) if owner else "made-up"
    assert watch(agent, first_frame, f"call={call_id}") is None


# --- Who may, and what may be said ---


def test_whoever_has_lost_the_right_to_see_calls_is_shown_out(supervisor, agent):
    async def story(socket):
        while socket.output_queue.empty():
            await do(agent.__class__.objects.filter(pk=agent.pk).update, role="nobody")
            await do(rights.rights_changed, agent.pk)
        return await close_code(socket)

    assert watch(agent, story) == 4403


def test_who_may_see_less_than_before_fetches_again_and_is_told_less(tenant, supervisor, agent):
    theirs = make_call(agent)

    async def story(socket):
        await do(people.change, supervisor, role="agent")
        while socket.output_queue.empty():
            await do(rights.rights_changed, supervisor.pk)
        assert await frame(socket) == {"type": "reload"}
        await do(editing.change, agent, theirs, {"subject": "Not for you"}, version=1)
        mine = await do(make_call, supervisor)
        told = await frame(socket)
        return [card["call_id"] for card in told["cards"]] == [mine] and told["gone"]

    assert watch(supervisor, story) == []


def test_who_may_not_see_a_call_any_more_is_shown_out(supervisor, agent):
    call_id = make_call(agent)

    async def story(socket):
        await do(people.change, supervisor, role="agent")
        while socket.output_queue.empty():
            await do(rights.rights_changed, supervisor.pk)
        return await close_code(socket)

    assert watch(supervisor, story, f"call={call_id}") == 4403


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"type": "resume"}', "{" * 5000])
def test_what_is_not_understood_is_answered_and_the_socket_stays(supervisor, text):
    async def story(socket):
        await say(socket, text)
        await say(socket, '{"type": "ping"}')
        return await frame(socket), await frame(socket)

    error, pong = watch(supervisor, story)
    assert (error["type"], pong) == ("error", {"type": "pong"})
    assert error["code"] in {"bad_frame", "unknown_type"}
    assert error["message"]


def test_a_flood_ends_the_socket(supervisor):
    async def story(socket):
        for _ in range(protocol.FRAMES_AT_ONCE + protocol.MOST_EXCESS + 200):
            await say(socket, '{"type": "ping"}')
        return await close_code(socket)

    assert watch(supervisor, story) == protocol.CLOSE_FLOODED


@pytest.mark.parametrize("query", ["owner=everybody", "min_suspicion=2", "&".join(f"a{n}=1" for n in range(60))])
def test_filters_that_there_are_not_are_told_and_end_the_socket(supervisor, query):
    async def story(socket):
        return json.loads(await first_frame(socket)), await close_code(socket)

    error, code = visit(f"/ws/board?{query}&ticket={ticket_of(supervisor)}", story)
    assert (error["type"], error["code"], code) == ("error", "bad_address", consumers.CLOSE_BAD_ADDRESS)


def test_who_watches_is_written_down(supervisor):
    watch(supervisor, lambda socket: asyncio.sleep(0))
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.actor, entry.via) == ("board.watched", f"user:{supervisor.pk}", "socket")
