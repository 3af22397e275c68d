"""What is estimated and flagged in a call, and what a reviewer says of it."""

import itertools
from datetime import UTC, datetime

import pytest

from calls import conversations, opening
from calls.documents import Emotion, Flag, Segment, flag_id_of, segment_id_of
from calls.errors import UnknownCall
from tests.builders import bearer, make_user

_calls = itertools.count(1)


@pytest.fixture
def call_id(agent):
    """A call of which two chunks have been heard; the client says something in each."""
    made = f"estimated-{next(_calls)}"
    opening.open_call(user=agent, call_id=made, start_time=datetime.now(UTC), session_id="s")
    for part in ("0000", "0001"):
        say(agent, made, part, "Good morning.")
    return made


@pytest.fixture
def reviewer(supervisor):
    return bearer(supervisor)


def say(agent, call_id, part, *texts):
    start = int(part) * 10.0
    segments = [
        Segment(
            segment_id=segment_id_of("s", part, position),
            speaker="client",
            text=text,
            start_time=start + position,
            end_time=start + position + 1,
            confidence=0.9,
        )
        for position, text in enumerate(texts)
    ]
    conversations.store_segments(
        tenant_id=agent.tenant_id, call_id=call_id, parts=[part], segments=segments, end_time=start + 10
    )


def emotion(part, name, *, seconds=1.0, position=0):
    start = int(part) * 10.0 + position
    return Emotion(
        segment_id=segment_id_of("s", part, position),
        start_time=start,
        end_time=start + seconds,
        emotion=name,
        score=0.7,
        method="words",
        engine="earshot",
        model="rules",
        version="1",
    )


def flag(part, *, rule="Nobody speaks", weight=0.5, at=1.0, evidence="Nobody speaks for 20 s."):
    return Flag(
        flag_id=flag_id_of("s", part, "0badcafe", at),
        rule=rule,
        kind="long_silence",
        start_time=at,
        end_time=at + 20,
        weight=weight,
        evidence=evidence,
    )


def estimate(agent, call_id, parts, *, emotions=None, flags=None):
    conversations.store_estimates(
        tenant_id=agent.tenant_id, call_id=call_id, parts=parts, emotions=emotions, flags=flags
    )


def read(agent, call_id):
    return bearer(agent).get(f"/api/calls/{call_id}").json()


def say_of(client, call_id, one, verdict):
    return client.post(f"/api/calls/{call_id}/flags/{one['flag_id']}/verdict", {"verdict": verdict}, format="json")


def test_what_is_estimated_of_a_part_takes_the_place_of_what_was_before(agent, call_id):
    estimate(agent, call_id, ["0000"], emotions=[emotion("0000", "tense")], flags=[flag("0000", at=1.0)])
    estimate(agent, call_id, ["0001"], emotions=[emotion("0001", "negative")], flags=[flag("0001", at=11.0)])
    estimate(agent, call_id, ["0000"], emotions=[emotion("0000", "positive")], flags=[flag("0000", at=2.0)])
    call = read(agent, call_id)
    assert [one["emotion"] for one in call["emotions"]] == ["positive", "negative"]
    assert [one["start_time"] for one in call["suspicion"]["reasons"]] == [2.0, 11.0]
    assert call["suspicion"]["score"] == 0.75


def test_what_could_not_be_estimated_leaves_what_there_is(agent, call_id):
    estimate(agent, call_id, ["0000"], emotions=[emotion("0000", "tense")], flags=[flag("0000")])
    before = read(agent, call_id)
    estimate(agent, call_id, ["0000"], emotions=None, flags=None)
    after = read(agent, call_id)
    assert after["emotions"] == before["emotions"] != []
    assert after["suspicion"] == before["suspicion"]
    estimate(agent, call_id, ["0000"], emotions=[], flags=[])
    emptied = read(agent, call_id)
    assert (emptied["emotions"], emptied["final_emotions"], emptied["suspicion"]["reasons"]) == ([], {}, [])
    assert emptied["suspicion"]["score"] == 0


def test_what_was_estimated_goes_with_the_words_it_was_estimated_of(agent, call_id):
    for part in ("0000", "0001"):
        estimate(agent, call_id, [part], emotions=[emotion(part, "tense")], flags=[flag(part)])
    say(agent, call_id, "0000", "Good evening.")
    call = read(agent, call_id)
    assert [one["segment_id"] for one in call["emotions"]] == ["s:0001:000"]
    assert [one["flag_id"].split(":")[1] for one in call["suspicion"]["reasons"]] == ["0001"]
    assert call["suspicion"]["score"] == 0.5


def test_what_belongs_to_the_whole_recording_outlives_the_words_of_any_part(agent, call_id):
    estimate(agent, call_id, ["whole"], flags=[flag("whole")])
    say(agent, call_id, "0000", "Good evening.")
    assert len(read(agent, call_id)["suspicion"]["reasons"]) == 1


def test_an_emotion_of_words_that_are_gone_is_left_out(agent, call_id):
    estimate(agent, call_id, ["0000"], emotions=[emotion("0000", "tense"), emotion("0000", "negative", position=7)])
    assert [one["emotion"] for one in read(agent, call_id)["emotions"]] == ["tense"]


def test_the_final_emotions_share_the_time_whose_emotion_is_known(agent, call_id):
    say(agent, call_id, "0000", "One.", "Two.", "Three.")
    told = [
        emotion("0000", "tense", seconds=3.0),
        emotion("0000", "unknown", seconds=50.0, position=1),
        emotion("0000", "neutral", seconds=1.0, position=2),
    ]
    estimate(agent, call_id, ["0000"], emotions=told)
    assert read(agent, call_id)["final_emotions"] == {"tense": 0.75, "neutral": 0.25}


def test_where_no_emotion_is_known_there_is_none_on_the_whole(agent, call_id):
    estimate(agent, call_id, ["0000"], emotions=[emotion("0000", "unknown")])
    call = read(agent, call_id)
    assert (len(call["emotions"]), call["final_emotions"]) == (1, {})


@pytest.mark.parametrize("text", ["$now", "$$ROOT", "$$$", "{$ne: 1}", "a.b"])
def test_what_begins_with_a_dollar_sign_is_kept_as_it_is(agent, call_id, text):
    odd = {**emotion("0000", "tense"), "method": text, "engine": text}
    estimate(agent, call_id, ["0000"], emotions=[odd], flags=[flag("0000", rule=text, evidence=text)])
    call = read(agent, call_id)
    assert call["emotions"][0]["method"] == text
    assert [(one["rule"], one["evidence"]) for one in call["suspicion"]["reasons"]] == [(text, text)]


def test_a_flag_that_is_called_wrong_does_not_count(agent, reviewer, supervisor, call_id):
    first, second = flag("0000", weight=0.5), flag("0001", weight=0.2, at=11.0)
    estimate(agent, call_id, ["0000", "0001"], flags=[first, second])
    assert read(agent, call_id)["suspicion"]["score"] == 0.6
    answer = say_of(reviewer, call_id, first, "wrong")
    assert (answer.status_code, answer.json()["score"]) == (200, 0.2)
    assert len(answer.json()["reasons"]) == 2
    review = answer.json()["reviews"][0]
    assert (review["flag_id"], review["verdict"], review["by"]) == (first["flag_id"], "wrong", supervisor.pk)
    assert say_of(reviewer, call_id, second, "right").json()["score"] == 0.2


def test_the_last_word_on_a_flag_counts(agent, reviewer, call_id):
    one = flag("0000", weight=0.5)
    estimate(agent, call_id, ["0000"], flags=[one])
    say_of(reviewer, call_id, one, "wrong")
    answer = say_of(reviewer, call_id, one, "right").json()
    assert (answer["score"], [review["verdict"] for review in answer["reviews"]]) == (0.5, ["right"])


def test_a_verdict_is_kept_when_the_same_is_found_again(agent, reviewer, call_id):
    one = flag("0000", weight=0.5)
    estimate(agent, call_id, ["0000"], flags=[one])
    say_of(reviewer, call_id, one, "wrong")
    say(agent, call_id, "0000", "Good evening.")
    assert read(agent, call_id)["suspicion"]["reasons"] == []
    estimate(agent, call_id, ["0000"], flags=[one])
    suspicion = read(agent, call_id)["suspicion"]
    assert (suspicion["score"], len(suspicion["reasons"])) == (0, 1)
    assert suspicion["reviews"][0]["verdict"] == "wrong"


def test_who_may_not_review_does_not(agent, call_id):
    one = flag("0000")
    estimate(agent, call_id, ["0000"], flags=[one])
    assert say_of(bearer(agent), call_id, one, "wrong").status_code == 403
    assert read(agent, call_id)["suspicion"]["reviews"] == []


def test_a_flag_that_there_is_not_cannot_be_reviewed(agent, reviewer, call_id):
    estimate(agent, call_id, ["0000"], flags=[flag("0000")])
    answer = say_of(reviewer, call_id, flag("0000", at=9.0), "wrong")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_flag")
    assert say_of(reviewer, "no-such-call", flag("0000"), "wrong").status_code == 404


def test_a_verdict_is_right_or_wrong(agent, reviewer, call_id):
    one = flag("0000")
    estimate(agent, call_id, ["0000"], flags=[one])
    assert say_of(reviewer, call_id, one, "perhaps").status_code == 422


def test_another_company_sees_and_says_nothing(agent, stranger, call_id):
    one = flag("0000")
    estimate(agent, call_id, ["0000"], flags=[one], emotions=[emotion("0000", "tense")])
    theirs = bearer(stranger)
    assert theirs.get(f"/api/calls/{call_id}/emotions").status_code == 404
    assert say_of(theirs, call_id, one, "wrong").status_code == 404
    with pytest.raises(UnknownCall):
        estimate(stranger, call_id, ["0000"], flags=[])
    suspicion = read(agent, call_id)["suspicion"]
    assert (len(suspicion["reasons"]), suspicion["reviews"]) == (1, [])


def test_another_companys_call_of_the_same_id_is_left_as_it_is(agent, stranger, call_id):
    opening.open_call(user=stranger, call_id=call_id, start_time=datetime.now(UTC), session_id="s")
    one = flag("0000")
    for whose in (agent, stranger):
        estimate(whose, call_id, ["0000"], flags=[one])
    assert say_of(bearer(stranger), call_id, one, "wrong").json()["score"] == 0
    assert read(agent, call_id)["suspicion"]["score"] == 0.5


def test_emotions_are_read_by_themselves_and_told_to_be_estimates(agent, call_id):
    estimate(agent, call_id, ["0000"], emotions=[emotion("0000", "tense")])
    told = bearer(agent).get(f"/api/calls/{call_id}/emotions").json()
    assert (told["estimate"], told["final_emotions"]) == (True, {"tense": 1.0})
    assert [(one["segment_id"], one["emotion"], one["engine"]) for one in told["emotions"]] == [
        ("s:0000:000", "tense", "earshot")
    ]


def test_of_a_call_of_which_nothing_was_estimated_there_are_no_emotions(agent, call_id):
    told = bearer(agent).get(f"/api/calls/{call_id}/emotions").json()
    assert told == {"estimate": True, "emotions": [], "final_emotions": {}}


def test_a_colleagues_call_is_not_an_agents_to_read(agent, call_id):
    colleague = make_user(agent.tenant, "agent")
    assert bearer(colleague).get(f"/api/calls/{call_id}/emotions").status_code == 404


def test_speakers_are_corrected_and_nothing_else(agent, call_id):
    before = read(agent, call_id)
    conversations.correct_speakers(
        tenant_id=agent.tenant_id,
        call_id=call_id,
        corrections={"$speaker": ["s:0000:000"], "speaker_2": ["s:0001:000", "not there"]},
        speakers=[{"speaker": "speaker_2", "seconds": 1.5}],
    )
    after = read(agent, call_id)
    assert [one["speaker"] for one in after["conversation"]] == ["$speaker", "speaker_2"]
    assert after["speakers"] == [{"speaker": "speaker_2", "seconds": 1.5}]
    assert [{**one, "speaker": ""} for one in after["conversation"]] == [
        {**one, "speaker": ""} for one in before["conversation"]
    ]
