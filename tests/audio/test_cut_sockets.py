"""The socket of a recording over real TCP: cut anywhere, flooded, left unanswered, and with a very long recording."""

import json
import threading
from contextlib import suppress
from resource import RUSAGE_SELF, getrusage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio import live, live_state, sockets
from tests.builders import make_session
from tests.scale import scaled
from tests.served import Follower, Line, served
from tests.sockets import ticket_of
from tests.waiting import wait_until

THREADS = 3
EACH = scaled(8, 20)
FLOOD_MEGABYTES = 200


@pytest.fixture
def door(agent):
    """Makes an address for a session."""
    with served() as host:
        yield lambda session: f"ws://{host}/ws/audio/{session.pk}?ticket={ticket_of(agent)}"


def announce_some(session, thread):
    for number in range(EACH):
        live.announce("chunk_hint", str(session.pk), mark=f"{thread}-{number}", filler="x" * (37 * number))


def stream_of(session):
    """Every event that is in the stream, by its number."""
    entries = live_state._client().xrange(live_state.STREAM_KEY.format(session_id=session.pk))
    return {int(entry_id.split(b"-")[0]): json.loads(fields[b"event"]) for entry_id, fields in entries}


@settings(max_examples=scaled(4, 80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 12_000), min_size=1, max_size=scaled(5, 10)))
def test_a_line_cut_anywhere_and_resumed_shows_each_event_once_and_in_order(agent, door, cuts):
    session = make_session(agent)
    writers = [threading.Thread(target=announce_some, args=(session, thread)) for thread in range(THREADS)]
    follower = Follower()
    for number, most_bytes in enumerate([*cuts, None]):
        if number == len(cuts) // 2:
            for writer in writers:
                writer.start()
        line = Line(door(session))
        follower.begin(line)
        # A line on which no more comes is cut behind its pong.
        line.say({"type": "ping"})
        for frame in (
            line.frames(most_bytes) if most_bytes is not None else to_the_end(line, follower, session, writers)
        ):
            follower.take(line, frame)
            if most_bytes is not None and frame["type"] == "pong":
                break
        line.cut()
    told = stream_of(session)
    latest = live_state.latest_seq(str(session.pk))
    assert follower.seq == latest
    for start, taken in follower.stretches:
        first = live_state.number_of(start) if start else 0
        assert [live_state.number_of(seq) for seq, _ in taken] == list(range(first + 1, first + 1 + len(taken)))
        assert (
            len({live_state.epoch_of(seq) for seq, _ in taken} | ({live_state.epoch_of(start)} if start else set()))
            <= 1
        )
    for seq, frame in follower.stretches[-1][1]:
        assert frame["mark"] == told[live_state.number_of(seq)]["mark"]
    if len(follower.stretches) == 1 and follower.stretches[0][0] is None:
        assert sorted(frame["mark"] for _, frame in follower.stretches[0][1]) == sorted(
            f"{thread}-{number}" for thread in range(THREADS) for number in range(EACH)
        )


def to_the_end(line, follower, session, writers):
    """Frames until the follower has all that there is."""
    for writer in writers:
        writer.join()
    wait_until(lambda: not live._untold.waiting(), what="everything to have been told")
    while True:
        line.say({"type": "ping"})
        for frame in line.frames():
            yield frame
            if frame["type"] == "pong":
                break
        if follower.seq == live_state.latest_seq(str(session.pk)):
            return


def test_who_answers_no_ping_is_dropped_and_forgotten(agent, session):
    with served(ping_seconds=1.0) as host:
        line = Line(f"ws://{host}/ws/audio/{session.pk}?ticket={ticket_of(agent)}", mute=True)
        frames = line.frames()
        assert next(frames)["type"] == "session"
        wait_until(lambda: sockets.watchers(session) == 1, what="the socket to be written down")
        assert list(frames) == []
        assert line.close_code == 1011
        wait_until(lambda: sockets.watchers(session) == 0, what="it to be forgotten")


def test_a_cut_line_leaves_no_traceback_and_no_entry(agent, session, door, caplog):
    line = Line(door(session))
    next(line.frames())
    line.cut()
    for number in range(20):
        live.announce("chunk_hint", str(session.pk), mark=str(number), filler="x" * 10_000)
    wait_until(lambda: sockets.watchers(session) == 0, what="it to be forgotten")
    assert not [record for record in caplog.records if record.exc_info]


def test_who_floods_is_shown_out_and_costs_no_memory(session, door):
    """The server takes in no more than its queue at a time, whatever waits behind it."""
    line = Line(door(session))
    next(line.frames())
    before = getrusage(RUSAGE_SELF).ru_maxrss
    with suppress(OSError):
        flood(line)
    wait_until(lambda: sockets.watchers(session) == 0, what="it to be shown out")
    grown = (getrusage(RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < FLOOD_MEGABYTES / 2, f"{grown:.0f} MB"
    line.cut()


def flood(line):
    for _ in range(FLOOD_MEGABYTES * 2**20 // 3500):
        line.say({"type": "chunk_uploaded", "filler": "x" * 3500})
