"""What a company's rules find in its recordings, and what becomes of it when the rules change."""

import numpy as np
import pytest

from audio.models import AudioChunk, SuspicionRule
from audio.states import HEARING
from calls import conversations
from tests.builders import bearer, do_all_jobs, make_session, put_chunk
from tests.sound import SAMPLE_RATE, encode, silence, speech


def seconds(length, *, start=0.0):
    """So much of the reader."""
    return speech()[round(start * SAMPLE_RATE) : round((start + length) * SAMPLE_RATE)]


def rule(user, kind, threshold, *, name="Ours", weight=0.5, **values):
    return SuspicionRule.objects.create(
        tenant=user.tenant, name=name, kind=kind, threshold=threshold, weight=weight, **values
    )


def hear(user, session, *chunks):
    """Chunks that follow one another, heard in order."""
    start = 0.0
    for index, samples in enumerate(chunks):
        answer = put_chunk(bearer(user), session, index, encode(samples), HTTP_X_START_TIME=str(start))
        assert answer.status_code == 201, answer.content
        start += samples.shape[-1] / SAMPLE_RATE
    do_all_jobs(HEARING)


def flags(user, session):
    return conversations.read_call(user, session.call_id)["suspicion"]["reasons"]


def look_again(supervisor, session, index=0):
    answer = bearer(supervisor).post(
        f"/api/audio/sessions/{session.pk}/chunks/{index}/retry", {"stage": "suspicion"}, format="json"
    )
    assert answer.status_code == 200, answer.content
    do_all_jobs(HEARING)


def test_a_silence_over_two_chunks_is_one_silence(agent, session):
    rule(agent, "long_silence", 5.0, name="Nobody there", weight=0.3)
    spoken = seconds(2.5)
    hear(agent, session, np.concatenate([spoken, silence(4)]), np.concatenate([silence(4), spoken]))
    (found,) = flags(agent, session)
    assert (found["rule"], found["kind"], found["weight"]) == ("Nobody there", "long_silence", 0.3)
    assert (found["start_time"], found["end_time"]) == (pytest.approx(2.5, abs=0.5), pytest.approx(10.5, abs=0.5))
    assert found["evidence"] == "Nobody speaks for 8 s."


def test_a_silence_is_told_of_while_it_goes_on_and_once_when_it_has_ended(agent, session):
    rule(agent, "long_silence", 3.0)
    hear(agent, session, np.concatenate([seconds(2.5), silence(4)]))
    (found,) = flags(agent, session)
    assert found["evidence"].startswith("Nobody speaks for the last")
    put_chunk(bearer(agent), session, 1, encode(seconds(2.5)), HTTP_X_START_TIME="6.5")
    do_all_jobs(HEARING)
    (ended,) = flags(agent, session)
    assert ended["flag_id"] == found["flag_id"]
    assert "the last" not in ended["evidence"]


def test_both_at_once_are_told_of_with_their_time(agent):
    session = make_session(agent, channels=2)
    rule(agent, "crosstalk", 1.0)
    hear(agent, session, np.stack([seconds(4), np.concatenate([silence(1.5), seconds(2.5)])]))
    found = flags(agent, session)
    assert found
    for one in found:
        assert 1.4 < one["start_time"] < one["end_time"] <= 4.0
        assert one["evidence"] == f"Both sides talk at once for {one['end_time'] - one['start_time']:.1f} s."


def test_sound_that_was_heard_before_is_told_of_with_where(agent, session):
    rule(agent, "playback", 2.0)
    hear(agent, session, seconds(4), seconds(4, start=9), seconds(4))
    (found,) = flags(agent, session)
    assert found["start_time"] == pytest.approx(8.0, abs=0.5)
    assert found["end_time"] == pytest.approx(12.0, abs=0.7)
    assert "sound as at 0 s" in found["evidence"]


def test_one_voice_that_becomes_suddenly_louder_is_told_of(agent):
    session = make_session(agent, channels=2)
    rule(agent, "level_jump", 15.0)
    samples = seconds(12) * np.float32(0.1)
    samples[6 * SAMPLE_RATE :] *= np.float32(10)
    hear(agent, session, np.stack([samples, np.zeros_like(samples)]))
    (found,) = flags(agent, session)
    assert found["start_time"] == pytest.approx(6.0, abs=1.5)
    assert found["evidence"].endswith("dB louder from here on.")


def test_a_rule_that_is_made_afterwards_finds_its_phrase_and_changes_no_word(agent, supervisor, session):
    rule(agent, "long_silence", 3600.0, name="Never")
    hear(agent, session, seconds(5))
    before = conversations.read_call(agent, session.call_id)
    assert before["suspicion"]["reasons"] == []
    words = [word for segment in before["conversation"] for word in segment["words"]]
    first, second = words[2:4]
    listed = rule(agent, "listed_phrase", 0.0, phrases=f"no such words\n  {first['text'].upper()} {second['text']}!\n")
    look_again(supervisor, session)
    (found,) = flags(agent, session)
    assert (found["start_time"], found["end_time"]) == (first["start_time"], second["end_time"])
    assert f"“{first['text']} {second['text']}”" in found["evidence"]
    after = conversations.read_call(agent, session.call_id)
    assert after["conversation"] == before["conversation"]
    chunk = AudioChunk.objects.get()
    assert (chunk.suspicious_activity_score, after["suspicion"]["score"]) == (0.5, 0.5)
    assert chunk.transcribed_at < chunk.processed_at

    SuspicionRule.objects.filter(pk=listed.pk).update(is_on=False)
    look_again(supervisor, session)
    assert flags(agent, session) == []
    assert AudioChunk.objects.get().suspicious_activity_score == 0


def test_the_rules_of_a_company_take_the_place_of_the_built_in_ones_and_are_its_own(agent, stranger):
    """By the built-in ones both at once are told of from three seconds on."""
    sound = np.stack([seconds(8), seconds(8, start=9)])
    rule(stranger, "long_silence", 3600.0)
    found = {}
    for user in (agent, stranger):
        session = make_session(user, channels=2)
        hear(user, session, sound)
        found[user] = {one["rule"] for one in flags(user, session)}
    assert "Both talk at once" in found[agent]
    assert found[stranger] == set()


def test_a_company_that_has_turned_all_rules_off_has_none(agent):
    rule(agent, "crosstalk", 0.5, is_on=False)
    session = make_session(agent, channels=2)
    hear(agent, session, np.stack([seconds(4), seconds(4, start=9)]))
    assert flags(agent, session) == []
    assert AudioChunk.objects.get().analysis_results["suspicion"]["reasons"] == 0


def test_a_rule_that_is_tried_again_keeps_the_verdict_on_what_it_finds_again(agent, supervisor):
    rule(agent, "crosstalk", 1.0)
    session = make_session(agent, channels=2)
    hear(agent, session, np.stack([seconds(4), seconds(4, start=9)]))
    found = flags(agent, session)[0]
    address = f"/api/calls/{session.call_id}/flags/{found['flag_id']}/verdict"
    assert bearer(supervisor).post(address, {"verdict": "wrong"}, format="json").status_code == 200
    look_again(supervisor, session)
    call = conversations.read_call(agent, session.call_id)
    assert found in call["suspicion"]["reasons"]
    assert [review["verdict"] for review in call["suspicion"]["reviews"]] == ["wrong"]
