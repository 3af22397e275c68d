"""Whose emotion is estimated, and what becomes of it."""

import numpy as np
import pytest

from audio.models import AudioChunk, HearingPolicy
from audio.states import HEARING
from calls import conversations
from tests.builders import bearer, do_all_jobs, make_session, put_chunk
from tests.sound import SAMPLE_RATE, encode, speech

SECONDS = 8


@pytest.fixture(scope="module")
def both_sides():
    """Eight seconds in which agent and client say the same, one after the other."""
    spoken = speech()[: SECONDS // 2 * SAMPLE_RATE]
    quiet = np.zeros_like(spoken)
    return encode(np.stack([np.concatenate([spoken, quiet]), np.concatenate([quiet, spoken])]))


@pytest.fixture
def two_channels(agent):
    return make_session(agent, channels=2)


def hear(user, session, body):
    """The call once it has been heard, and what the chunk's row says of emotion."""
    assert put_chunk(bearer(user), session, 0, body).status_code == 201
    do_all_jobs(HEARING)
    return conversations.read_call(user, session.call_id), AudioChunk.objects.get().analysis_results["emotion"]


def whose(call):
    speakers = {segment["segment_id"]: segment["speaker"] for segment in call["conversation"]}
    return {speakers[one["segment_id"]] for one in call["emotions"]}


def test_the_clients_emotion_is_estimated_and_the_agents_is_not(agent, two_channels, both_sides):
    call, stage = hear(agent, two_channels, both_sides)
    assert {segment["speaker"] for segment in call["conversation"]} == {"agent", "client"}
    assert whose(call) == {"client"}
    clients = [segment for segment in call["conversation"] if segment["speaker"] == "client"]
    assert [one["segment_id"] for one in call["emotions"]] == [segment["segment_id"] for segment in clients]
    assert [one["start_time"] for one in call["emotions"]] == [segment["start_time"] for segment in clients]
    assert (stage["state"], stage["segments"]) == ("completed", len(clients))
    for one in call["emotions"]:
        assert all(one[name] for name in ("emotion", "method", "engine", "model", "version"))
        assert 0 <= one["score"] <= 1


@pytest.mark.parametrize(
    ("sides", "estimated"), [("nobody", set()), ("agent", {"agent"}), ("both", {"agent", "client"})]
)
def test_a_company_says_whose_emotion_is_estimated(agent, two_channels, both_sides, sides, estimated):
    HearingPolicy.objects.create(tenant=agent.tenant, emotion_sides=sides)
    call, stage = hear(agent, two_channels, both_sides)
    assert call["conversation"]
    assert whose(call) == estimated
    assert stage["state"] == ("completed" if estimated else "skipped")
    if not estimated:
        assert "nobody's emotion" in stage["reason"]


def test_what_was_estimated_goes_once_the_company_asks_for_nobodys_emotion(agent, supervisor, two_channels, both_sides):
    call, _ = hear(agent, two_channels, both_sides)
    assert call["emotions"]
    HearingPolicy.objects.create(tenant=agent.tenant, emotion_sides="nobody")
    answer = bearer(supervisor).post(
        f"/api/audio/sessions/{two_channels.pk}/chunks/0/retry", {"stage": "emotion"}, format="json"
    )
    assert answer.status_code == 200
    do_all_jobs(HEARING)
    after = conversations.read_call(agent, two_channels.call_id)
    assert (after["emotions"], after["final_emotions"]) == ([], {})
    assert after["conversation"] == call["conversation"]


def test_one_channel_does_not_tell_whose_emotion_it_is(agent, session):
    call, stage = hear(agent, session, encode(speech()[: 4 * SAMPLE_RATE]))
    assert call["conversation"]
    assert call["emotions"] == []
    assert (stage["state"], "does not tell" in stage["reason"]) == ("skipped", True)
