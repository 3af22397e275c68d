"""The socket of all that a company records, in this process, on a real Redis."""

import json
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from audio import live, overview_consumer, protocol, sessions
from audio.models import AudioSession
from tests.builders import make_session, put_chunk
from tests.sockets import close_code, first_frame, ticket_of, visit
from tests.sound import encode, tone

SECOND = encode(tone(1.0))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(overview_consumer, "GATHER_SECONDS", 0.1)


@pytest.fixture
def quick_looks(monkeypatch):
    monkeypatch.setattr(overview_consumer, "LOOK_SECONDS", 0.2)


async def frame(socket):
    return json.loads(await first_frame(socket))


async def rows(socket):
    """The next frame of rows: {session id: row}, and those that ended."""
    told = await frame(socket)
    assert (told["type"], told["reset"]) == ("sessions", False)
    return {row["session_id"]: row for row in told["sessions"]}, told["ended"]


def watch(user, story):
    async def after_the_snapshot(socket):
        snapshot = await frame(socket)
        assert (snapshot["type"], snapshot["reset"], snapshot["ended"]) == ("sessions", True, [])
        return await story(socket, snapshot["sessions"])

    return visit(f"/ws/live?ticket={ticket_of(user)}", after_the_snapshot)


def test_a_recording_appears_changes_and_ends_before_a_supervisors_eyes(agent, api, supervisor):
    async def story(socket, snapshot):
        assert snapshot == []
        session = await sync_to_async(make_session)(agent)
        known = str(session.pk)
        shown, ended = await rows(socket)
        assert (shown[known]["state"], shown[known]["chunks"], ended) == ("recording", 0, [])
        await sync_to_async(put_chunk)(api, session, 0, SECOND)
        shown, _ = await rows(socket)
        assert shown[known]["chunks"] == 1
        await sync_to_async(sessions.complete)(session, total_chunks=1)
        assert await rows(socket) == ({}, [known])
        return True

    assert watch(supervisor, story)


def test_what_happens_within_a_moment_is_told_together(agent, supervisor, monkeypatch):
    monkeypatch.setattr(overview_consumer, "GATHER_SECONDS", 1.0)
    made = [make_session(agent) for _ in range(5)]

    def change_all():
        AudioSession.objects.update(start_time=timezone.now())
        for session in made:
            live.recording_changed(session.tenant_id, str(session.pk))

    async def story(socket, snapshot):
        await sync_to_async(change_all)()
        seen, frames = set(), 0
        while len(seen) < len(made):
            shown, _ = await rows(socket)
            seen |= shown.keys()
            frames += 1
        return frames

    assert watch(supervisor, story) <= 2


def test_who_comes_later_sees_what_goes_on(session, supervisor):
    async def story(socket, snapshot):
        return [row["session_id"] for row in snapshot]

    assert watch(supervisor, story) == [str(session.pk)]


def test_a_lost_announcement_is_made_good_by_the_next_look(agent, supervisor, quick_looks, monkeypatch):
    async def story(socket, snapshot):
        monkeypatch.setattr(live, "recording_changed", lambda tenant_id, session_id: None)
        session = await sync_to_async(make_session)(agent)
        shown, _ = await rows(socket)
        return shown.keys() == {str(session.pk)}

    assert watch(supervisor, story)


def test_silence_is_found_though_nobody_announces_it(session, supervisor, quick_looks):
    async def story(socket, snapshot):
        assert snapshot[0]["needs"] == []
        silent = AudioSession.objects.filter(pk=session.pk)
        await silent.aupdate(last_activity_at=timezone.now() - timedelta(minutes=5))
        shown, _ = await rows(socket)
        return [need["reason"] for need in shown[str(session.pk)]["needs"]]

    assert watch(supervisor, story) == ["silent"]


def test_nothing_of_another_company_is_told(session, stranger):
    async def story(socket, snapshot):
        assert snapshot == []
        await sync_to_async(live.recording_changed)(stranger.tenant_id, str(session.pk))
        await sync_to_async(live.recording_changed)(session.tenant_id, str(session.pk))
        own = await sync_to_async(make_session)(stranger)
        shown, ended = await rows(socket)
        return (shown.keys(), ended) == ({str(own.pk)}, [])

    assert watch(stranger, story)


def test_an_agent_is_refused(agent):
    assert visit(f"/ws/live?ticket={ticket_of(agent)}", first_frame) is None


def test_a_ping_is_answered_and_nonsense_refused(supervisor):
    async def story(socket, snapshot):
        answers = []
        for text in ('{"type": "ping"}', '{"type": "chunk_uploaded"}', "["):
            await socket.send_input({"type": "websocket.receive", "text": text})
            answers.append(await frame(socket))
        assert "the only type" in answers[1]["message"].lower()
        return [(answer["type"], answer.get("code")) for answer in answers]

    assert watch(supervisor, story) == [("pong", None), ("error", "unknown_type"), ("error", "bad_frame")]


def test_a_flood_ends_the_socket(supervisor):
    async def story(socket, snapshot):
        for _ in range(protocol.FRAMES_AT_ONCE + protocol.MOST_EXCESS + 200):
            await socket.send_input({"type": "websocket.receive", "text": '{"type": "ping"}'})
        return await close_code(socket)

    assert watch(supervisor, story) == protocol.CLOSE_FLOODED
