"""The socket of a recording, in this process, on a real Redis."""

import json
import re

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio import live, live_state, protocol, sockets, tasks
from audio.models import AudioChunk
from tests.builders import make_session, make_user, put_chunk
from tests.scale import scaled
from tests.sockets import close_code, first_frame, ticket_of, visit
from tests.sound import encode, tone

SECOND = encode(tone(1.0))
PING = '{"type": "ping"}'


@pytest.fixture(autouse=True)
def no_rounds(settings):
    """So that nothing is made good by a round that was not asked for."""
    settings.EARSHOT_RIGHTS_SECONDS = 3600


@pytest.fixture
def watched(agent, session):
    """Tell a story with a socket that has had its snapshot: `watched(story)`."""

    def tell(story):
        async def after_the_snapshot(socket):
            snapshot = json.loads(await first_frame(socket))
            assert (snapshot["type"], snapshot["reset"]) == ("session", False)
            return await story(socket)

        return visit(f"/ws/audio/{session.pk}?ticket={ticket_of(agent)}", after_the_snapshot)

    return tell


async def say(socket, text):
    message = {"text": text} if isinstance(text, str) else {"bytes": text}
    await socket.send_input({"type": "websocket.receive", **message})


async def frame(socket):
    return json.loads(await first_frame(socket))


async def answers(socket, text):
    """What comes until the pong of a ping that is sent behind it, which is not counted."""
    await say(socket, text)
    await say(socket, PING)
    found = []
    while (one := await frame(socket))["type"] != "pong":
        found.append(one)
    return found


async def announce(session, count=1, first=0):
    for number in range(first, first + count):
        await sync_to_async(live.announce)("chunk_hint", str(session.pk), number=number)


def numbers(frames):
    return [one["number"] for one in frames]


def forget_client():
    for kept in (live_state._appending_client, live_state._append):
        kept.cache_clear()


def append_alone(session, number):
    """An event that is in the stream, but of which the group never hears."""
    return live_state.append_event(str(session.pk), json.dumps({"type": "chunk_hint", "number": number}).encode())


# --- Too many, too large, not understood ---


def test_who_sends_too_much_is_told_so_once_and_may_go_on(watched):
    async def story(socket):
        for _ in range(protocol.FRAMES_AT_ONCE + 100):
            await say(socket, PING)
        kinds = [await frame(socket) for _ in range(protocol.FRAMES_AT_ONCE + 1)]
        refused = [one for one in kinds if one["type"] == "error"]
        assert [one["code"] for one in refused] == ["too_many_frames"]
        assert refused[0]["message"]
        return True

    assert watched(story)


def test_a_flood_ends_the_socket(watched):
    async def story(socket):
        for _ in range(protocol.FRAMES_AT_ONCE + protocol.MOST_EXCESS + 200):
            await say(socket, '{"type": "chunk_uploaded"}')
        return await close_code(socket)

    assert watched(story) == protocol.CLOSE_FLOODED


FRAMES = (
    st.text(alphabet=st.characters(), max_size=300)
    | st.binary(max_size=300)
    | st.sampled_from(["", "[" * 4096, "{" * 5000, '"\\ud800"', "1e999", "9" * 4096, '{"type": "ping", "type": []}'])
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["resume", "ping", "chunk_uploaded", "session", ""]) | st.integers()},
        optional={"seq": st.text(max_size=30) | st.integers() | st.none() | st.from_regex(r"[0-9a-f]{8}-[0-9]{1,12}")},
    ).map(json.dumps)
)


@settings(max_examples=scaled(15, 100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=st.lists(FRAMES, min_size=1, max_size=scaled(12, 18)))
def test_whatever_is_sent_is_answered_and_the_socket_stays(watched, caplog, frames):
    async def story(socket):
        for text in frames:
            for one in await answers(socket, text):
                assert one["type"] in {"error", "pong", "session"}
                assert one["type"] != "error" or (one["code"] and one["message"])
        return True

    assert watched(story)
    assert not [record for record in caplog.records if record.exc_info]


# --- Resuming ---


def test_a_resume_brings_what_was_missed_and_nothing_that_cannot_be_told(session, watched):
    async def story(socket):
        await announce(session, 5)
        seqs = [(await frame(socket))["seq"] for _ in range(5)]
        epoch = live_state.epoch_of(seqs[0])
        assert numbers(await answers(socket, json.dumps({"type": "resume", "seq": seqs[1]}))) == [2, 3, 4]
        assert numbers(await answers(socket, json.dumps({"type": "resume", "seq": f"{epoch}-0"}))) == [0, 1, 2, 3, 4]
        assert await answers(socket, json.dumps({"type": "resume", "seq": seqs[4]})) == []
        for unknown in (f"{epoch}-6", f"{epoch}-999999999999", "00000000-1"):
            (reset,) = await answers(socket, json.dumps({"type": "resume", "seq": unknown}))
            assert (reset["type"], reset["reset"], reset["seq"]) == ("session", True, seqs[4])
        return True

    assert watched(story)


def test_a_resume_from_before_a_trimmed_stream_is_a_reset(session, watched):
    async def story(socket):
        await announce(session, 5)
        seqs = [(await frame(socket))["seq"] for _ in range(5)]
        await sync_to_async(live_state._client().xtrim)(
            live_state.STREAM_KEY.format(session_id=session.pk), maxlen=2, approximate=False
        )
        assert numbers(await answers(socket, json.dumps({"type": "resume", "seq": seqs[2]}))) == [3, 4]
        (reset,) = await answers(socket, json.dumps({"type": "resume", "seq": seqs[1]}))
        assert reset["reset"] is True
        return True

    assert watched(story)


# --- Nothing is lost silently ---


def test_what_the_group_never_heard_of_comes_with_the_next_ping(session, watched):
    async def story(socket):
        await sync_to_async(append_alone)(session, 0)
        await sync_to_async(append_alone)(session, 1)
        assert numbers(await pinged(socket)) == [0, 1]
        return True

    assert watched(story)


async def pinged(socket):
    """What comes behind a pong, up to the next."""
    await say(socket, PING)
    assert (await frame(socket))["type"] == "pong"
    await say(socket, PING)
    found = []
    while (one := await frame(socket))["type"] != "pong":
        found.append(one)
    return found


def test_a_redis_that_forgot_everything_is_a_reset(session, watched):
    async def story(socket):
        await announce(session)
        await frame(socket)
        await sync_to_async(live_state._client().flushdb)()
        (reset,) = await pinged(socket)
        assert (reset["type"], reset["reset"], reset["seq"]) == ("session", True, None)
        await announce(session, first=7)
        assert (await frame(socket))["number"] == 7
        return True

    assert watched(story)


def test_a_redis_that_came_back_without_its_last_event_is_a_reset(session, watched):
    async def story(socket):
        await announce(session, 2)
        await frame(socket), await frame(socket)
        line = live_state.LINE_KEY.format(session_id=session.pk)
        await sync_to_async(live_state._client().hset)(line, mapping={"events": 1, "server": "another"})
        await announce(session)
        reset = await frame(socket)
        assert (reset["type"], reset["reset"]) == ("session", True)
        return True

    assert watched(story)


def test_an_event_that_could_not_be_appended_is_a_reset_once_redis_is_back(session, watched, settings):
    async def story(socket):
        await announce(session)
        old = (await frame(socket))["seq"]
        there = settings.EARSHOT_REDIS_URL
        settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
        forget_client()
        try:
            await announce(session)
        finally:
            settings.EARSHOT_REDIS_URL = there
            forget_client()
        reset = await frame(socket)
        assert (reset["type"], reset["reset"]) == ("session", True)
        assert live_state.epoch_of(reset["seq"]) != live_state.epoch_of(old)
        (again,) = await answers(socket, json.dumps({"type": "resume", "seq": old}))
        assert again["reset"] is True
        await announce(session, first=3)
        assert (await frame(socket))["number"] == 3
        return True

    assert watched(story)


def test_what_a_process_that_died_did_not_announce_is_found_by_looking(api, session, watched, settings):
    put_chunk(api, session, 0, SECOND)
    settings.EARSHOT_RIGHTS_SECONDS = 0.2

    async def story(socket):
        now = timezone.now()
        await sync_to_async(AudioChunk.objects.update)(
            processing_status="completed", analysed_at=now, transcribed_at=now
        )
        reset = await frame(socket)
        assert (reset["type"], reset["reset"]) == ("session", True)
        assert reset["chunks"][0]["processing_status"] == "completed"
        return True

    assert watched(story)


# --- Who watches ---


def test_a_socket_is_written_down_while_it_is_open(session, watched):
    async def story(socket):
        await say(socket, PING)
        await frame(socket)
        return await sync_to_async(sockets.watchers)(session)

    assert sockets.watchers(session) == 0
    assert watched(story) == 1
    assert sockets.watchers(session) == 0


def test_the_admin_sees_how_many_watch(client, tenant, session, watched):
    client.force_login(make_user(tenant, "admin"))

    def page():
        return client.get(f"/admin/audio/audiosession/{session.pk}/change/").content.decode()

    async def story(socket):
        await say(socket, PING)
        await frame(socket)
        return await sync_to_async(page)()

    assert re.search(r"Watched by:?</label>\s*<div class=\"readonly\">1</div>", watched(story))


def test_sockets_whose_server_died_are_forgotten_and_others_are_not(agent, settings):
    settings.EARSHOT_RIGHTS_SECONDS = 30
    dead, alive = make_session(agent), make_session(agent)
    live_state.see_socket("dead", str(dead.pk))
    live_state.see_socket("alive", str(alive.pk))
    client = live_state._client()
    client.zincrby(live_state.SEEN_KEY, -sockets.UNSEEN_SECONDS - 1, "dead")
    tasks.forget_dead_sockets()
    assert (sockets.watchers(dead), sockets.watchers(alive)) == (0, 1)
    assert client.zrange(live_state.SEEN_KEY, 0, -1).count(b"dead") == 0
    live_state.drop_socket("alive")


def test_without_redis_nobody_is_held_up(settings):
    settings.EARSHOT_REDIS_URL = "redis://127.0.0.1:9/0"
    kept = (live_state._quick_client, live_state._see, live_state._forget)
    for one in kept:
        one.cache_clear()
    try:
        live_state.see_socket("one", "another")
        live_state.drop_socket("one")
        assert live_state.watchers("another") is None
        assert live_state.forget_sockets(unseen_seconds=1) == 0
    finally:
        for one in kept:
            one.cache_clear()
