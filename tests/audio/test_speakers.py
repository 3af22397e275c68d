"""One person has one label through a recording of one channel, whatever order its chunks come in."""

from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import orjson
import pytest

from audio import live_state, sessions
from audio.models import HearingPolicy, SuspicionRule
from audio.states import HEARING
from calls import conversations
from tests import speech
from tests.builders import bearer, do_all_jobs, make_session, put_chunk
from tests.sound import SAMPLE_RATE, encode, tone

CONVERSATION = Path(speech.__file__).parent / "two-in-turns.ogg"
# Seconds. Between two turns; the client begins the second chunk.
EDGES = (0.0, 12.8, 23.5)


@cache
def conversation():
    """Two people in turns: the first from 0.3 s, the second from 4.6 s on."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
    with av.open(BytesIO(CONVERSATION.read_bytes())) as source:
        frames = [piece for frame in source.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in [*frames, *resampler.resample(None)]])


@cache
def who_spoke():
    lines = CONVERSATION.with_suffix(".rttm").read_text().splitlines()
    return [(float(words[3]), float(words[3]) + float(words[4]), words[7]) for words in map(str.split, lines)]


def put(user, session, index):
    start, end = list(pairwise(EDGES))[index]
    body = encode(conversation()[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)])
    assert put_chunk(bearer(user), session, index, body, HTTP_X_START_TIME=str(start)).status_code == 201
    do_all_jobs(HEARING)


def persons_by_label(call):
    """Label → the persons to whose turns most of a segment's time belongs."""
    found = {}
    for segment in call["conversation"]:
        shared = {}
        for start, end, person in who_spoke():
            both = min(end, segment["end_time"]) - max(start, segment["start_time"])
            shared[person] = shared.get(person, 0.0) + max(both, 0.0)
        found.setdefault(segment["speaker"], set()).add(max(shared, key=shared.get))
    return found


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "reversed"])
def test_each_person_has_one_label_numbered_by_who_spoke_first(agent, session, order):
    for index in order:
        put(agent, session, index)
    before = conversations.read_call(agent, session.call_id)
    heard_before = live_state.latest_seq(str(session.pk))
    sessions.complete(session, total_chunks=len(order))
    call = conversations.read_call(agent, session.call_id)
    assert call["status"] == "completed"
    assert persons_by_label(call) == {"speaker_1": {"ann"}, "speaker_2": {"bob"}}

    spoken = {one["speaker"]: one["seconds"] for one in call["speakers"]}
    assert list(spoken) == ["speaker_1", "speaker_2"]
    assert spoken["speaker_1"] == pytest.approx(4.0 + 3.5 + 5.6, abs=2.0)
    assert spoken["speaker_2"] == pytest.approx(4.1 + 4.1, abs=2.0)

    was = {segment["segment_id"]: segment["speaker"] for segment in before["conversation"]}
    changed = {
        segment["segment_id"]: segment["speaker"]
        for segment in call["conversation"]
        if segment["speaker"] != was[segment["segment_id"]]
    }
    events = [orjson.loads(event) for _, event in live_state.events_after(str(session.pk), heard_before)]
    told = {
        identity: speaker
        for event in events
        if event["type"] == "speakers_corrected"
        for speaker, ids in event["corrections"].items()
        for identity in ids
    }
    assert told == changed
    # In order nothing has to be put right; else whoever is heard first was taken for the first.
    assert bool(changed) == (order != (0, 1))


def test_a_chunk_that_is_heard_again_after_the_end_keeps_the_labels(agent, supervisor, session):
    put(agent, session, 0)
    sessions.complete(session, total_chunks=1)
    before = conversations.read_call(agent, session.call_id)
    assert len(before["speakers"]) == 2
    bearer(supervisor).post(f"/api/audio/sessions/{session.pk}/chunks/0/retry")
    do_all_jobs(HEARING)
    after = conversations.read_call(agent, session.call_id)
    assert (after["conversation"], after["speakers"]) == (before["conversation"], before["speakers"])


def test_a_person_beyond_those_expected_is_told_of(agent, session):
    HearingPolicy.objects.create(tenant=agent.tenant, expected_speakers=1)
    SuspicionRule.objects.create(
        tenant=agent.tenant, name="Who is that?", kind="extra_speaker", threshold=2.0, weight=0.5
    )
    put(agent, session, 0)
    (found,) = conversations.read_call(agent, session.call_id)["suspicion"]["reasons"]
    assert found["rule"] == "Who is that?"
    assert found["start_time"] == pytest.approx(4.6, abs=0.5)
    assert found["evidence"].startswith("Speaker 2 is heard for 4")


def test_two_who_are_not_equally_loud_are_no_jump_in_loudness(agent, session):
    SuspicionRule.objects.create(tenant=agent.tenant, name="Jump", kind="level_jump", threshold=15.0, weight=0.5)
    samples = conversation()[: round(12.8 * SAMPLE_RATE)].copy()
    for start, end, person in who_spoke():
        if person == "bob":
            samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] *= np.float32(0.1)
    put_chunk(bearer(agent), session, 0, encode(samples))
    do_all_jobs(HEARING)
    call = conversations.read_call(agent, session.call_id)
    assert len({segment["speaker"] for segment in call["conversation"]}) == 2
    assert call["suspicion"]["reasons"] == []


def test_where_nobody_speaks_there_is_no_speaker(agent, session):
    put_chunk(bearer(agent), session, 0, encode(tone(2.0)))
    do_all_jobs(HEARING)
    sessions.complete(session, total_chunks=1)
    assert conversations.read_call(agent, session.call_id)["speakers"] == []


def test_two_channels_tell_who_speaks_and_nothing_is_compared(agent):
    session = make_session(agent, channels=2)
    samples = conversation()[: 5 * SAMPLE_RATE]
    put_chunk(bearer(agent), session, 0, encode(np.stack([samples, np.zeros_like(samples)])))
    do_all_jobs(HEARING)
    sessions.complete(session, total_chunks=1)
    call = conversations.read_call(agent, session.call_id)
    assert {segment["speaker"] for segment in call["conversation"]} == {"agent"}
    assert not session.voices.exists()
