"""What is masked in a transcript is not heard, and not seen in the waveform, but by who may hear originals."""

import numpy as np
import pytest

from audio import masked, sessions
from audio.masked import PADDING_SECONDS, Masked
from audio.playback import Recording
from audio.silencing import FADE_FRAMES
from calls import conversations, store
from calls.documents import Segment, segment_id_of
from calls.store.client import calls
from crm.models import AuditEntry
from tests.audio.test_playback import RATE, at, body_of, level, play, put, samples_of
from tests.builders import bearer, do_all_jobs, make_session, make_user
from tests.sound import encode, tone

CARD = "4111 1111 1111 1111"
SENTENCE = f"It is {CARD} thanks"
# The card's words in a sentence that begins at 0.
SAID = (1.0, 3.0)


def hear(session, text=SENTENCE, *, start=0.0, speaker="client", part=0):
    """Have half a second a word said, as an engine hears it; the sentence's id."""
    words = [
        {"text": word, "start_time": start + at / 2, "end_time": start + at / 2 + 0.5, "confidence": 0.9}
        for at, word in enumerate(text.split())
    ]
    name = f"{part:04d}"
    segment = Segment(
        segment_id=segment_id_of(str(session.pk), name, 0),
        speaker=speaker,
        text=text,
        start_time=start,
        end_time=start + len(words) / 2,
        confidence=0.9,
        words=words,
        chunk_index=part,
    )
    conversations.store_segments(
        tenant_id=session.tenant_id,
        call_id=session.call_id,
        parts=[name],
        segments=[segment],
        end_time=segment["end_time"],
    )
    return segment["segment_id"]


def frames(start, end):
    """The frames that are silent when something from `start` to `end` is masked."""
    return slice(round((start - PADDING_SECONDS) * RATE), round((end + PADDING_SECONDS) * RATE))


def beside(silent):
    """All before, and all behind, that is untouched."""
    return slice(None, silent.start - FADE_FRAMES), slice(silent.stop + FADE_FRAMES, None)


def originals(session):
    """The sound as the privacy officer may have it."""
    response = bearer(make_user(session.tenant, "privacy")).get(at(session), {"originals": "true"})
    assert response.status_code == 200
    return samples_of(body_of(response))


def made_of(seconds, **kind):
    return encode(tone(seconds, **kind), container="wav")


# --- Where it is silent ---


def test_what_is_masked_is_silent_to_the_frame_and_the_rest_is_as_it_was(api, session):
    put(api, session, 0, made_of(8.0))
    hear(session, start=2.0)
    [heard], [whole] = samples_of(play(api, session)), originals(session)
    silent = frames(3.0, 5.0)
    assert not heard[silent].any()
    assert heard[silent.start - 10 : silent.start].any()
    assert heard[silent.stop : silent.stop + 10].any()
    for part in beside(silent):
        assert np.array_equal(heard[part], whole[part])
    assert level(whole[silent]) == pytest.approx(0.212, abs=0.01)
    assert np.abs(np.diff(heard.astype(int))).max() <= np.abs(np.diff(whole.astype(int))).max(), "nothing clicks"


@pytest.mark.parametrize(("speaker", "silent_in"), [("agent", [0]), ("client", [1]), ("speaker_2", [0, 1])])
def test_of_two_channels_that_of_who_says_it_is_silent_and_both_of_a_stranger(api, agent, speaker, silent_in):
    session = make_session(agent, channels=2)
    put(api, session, 0, encode(np.stack([tone(5.0), tone(5.0, frequency=700)]), container="wav"))
    hear(session, speaker=speaker)
    heard, whole = samples_of(play(api, session)), originals(session)
    for channel in range(2):
        if channel in silent_in:
            assert not heard[channel][frames(*SAID)].any()
            assert level(whole[channel][frames(*SAID)]) > 0.2
        else:
            assert np.array_equal(heard[channel], whole[channel])


def test_a_speaker_whom_people_call_otherwise_is_silent_where_he_was_heard(api, agent, supervisor):
    session = make_session(agent, channels=2)
    put(api, session, 0, encode(np.stack([tone(5.0), tone(5.0)]), container="wav"))
    said = hear(session, speaker="client")
    address = f"/api/calls/{session.call_id}"
    version = bearer(supervisor).get(address).json()["version"]
    change = {"speaker": "agent", "version": version}
    assert bearer(supervisor).patch(f"{address}/segments/{said}", change, format="json").status_code == 200
    left, right = samples_of(play(api, session))
    assert level(left[frames(*SAID)]) > 0.2
    assert not right[frames(*SAID)].any()


def test_it_is_silent_across_the_joint_of_two_chunks(api, session):
    for index in range(2):
        put(api, session, index, made_of(2.0), start=2.0 * index)
    hear(session)
    [heard], [whole] = samples_of(play(api, session)), originals(session)
    assert not heard[frames(*SAID)].any()
    for part in beside(frames(*SAID)):
        assert np.array_equal(heard[part], whole[part])


def test_a_word_is_silent_where_its_chunk_lies_not_where_it_said_that_it_begins(api, session):
    put(api, session, 0, made_of(3.0), start=0)
    # Its start is half a second too early; on the line it begins where the first one ends.
    put(api, session, 1, made_of(4.0), start=2.5)
    hear(session, start=2.5, part=1)
    [heard] = samples_of(play(api, session))
    silent = frames(4.0, 6.0)
    assert not heard[silent].any()
    assert heard[silent.start - 10 : silent.start].any()
    assert heard[silent.stop : silent.stop + 10].any()


def test_what_overlaps_in_a_channel_is_one_silence():
    one, other = Masked(1.0, 2.0, 0, ("card",)), Masked(1.5, 3.0, 0, ("spoken_digits",))
    apart = Masked(1.2, 1.4, 1, ("card",))
    together = Masked(1.0, 3.0, 0, ("card", "spoken_digits"))
    assert masked.joined([other, apart, one]) == (together, apart)


def test_what_a_person_masks_more_is_silent_too(api, session, supervisor):
    put(api, session, 0, made_of(8.0))
    said = hear(session, "It is something that nobody took for one thanks")
    whole = samples_of(play(api, session))[0]
    assert whole[RATE : 4 * RATE].any()
    address = f"/api/calls/{session.call_id}"
    version = bearer(supervisor).get(address).json()["version"]
    change = {"text": SENTENCE, "version": version}
    assert bearer(supervisor).patch(f"{address}/segments/{said}", change, format="json").status_code == 200
    [heard] = samples_of(play(api, session))
    # Everything between the words that were heard: nobody knows which of them was the number.
    assert not heard[frames(1.0, 4.0)].any()
    assert level(heard[5 * RATE :]) > 0.2


def test_a_call_that_was_deleted_does_not_give_away_what_was_masked_in_it(api, session, supervisor):
    put(api, session, 0, made_of(5.0))
    hear(session)
    assert bearer(supervisor).delete(f"/api/calls/{session.call_id}").status_code == 204
    [heard] = samples_of(play(api, session))
    assert not heard[frames(*SAID)].any()


def test_what_is_not_transcribed_yet_is_heard(api, session):
    put(api, session, 0, made_of(5.0))
    assert level(samples_of(play(api, session))[0]) > 0.2


def test_while_nobody_can_say_what_is_masked_nothing_is_played(api, session, settings):
    put(api, session, 0, made_of(5.0))
    hear(session)
    store.close()
    settings.EARSHOT_MONGODB_URL, before = "mongodb://127.0.0.1:9/earshot", settings.EARSHOT_MONGODB_URL
    try:
        refused = [api.get(at(session, what)).status_code for what in ("/audio", "/peaks")]
    finally:
        store.close()
        settings.EARSHOT_MONGODB_URL = before
    assert refused == [503, 503]
    assert not samples_of(play(api, session))[0][frames(*SAID)].any()


# --- The file ---


def test_a_range_across_an_edge_has_the_very_bytes_of_the_whole(api, agent):
    session = make_session(agent, channels=2)
    for index in range(3):
        put(api, session, index, encode(np.stack([tone(2.0), tone(2.0, frequency=333)])), start=2.0 * index)
    hear(session, speaker="client")
    hear(session, start=2.5, part=1, speaker="speaker_2")
    whole = play(api, session)
    head = len(Recording.of(session).head)
    for second in (SAID[0] - PADDING_SECONDS, SAID[1] + PADDING_SECONDS, 3.5 - PADDING_SECONDS, 2.0, 4.0):
        edge = head + round(second * RATE) * 4
        for first, stop in [(edge - 1, edge + 1), (edge - 401, edge + 3), (edge + 2, edge + 50_001), (edge - 7, edge)]:
            assert play(api, session, HTTP_RANGE=f"bytes={first}-{stop - 1}") == whole[first:stop], (second, first)


def test_what_becomes_masked_makes_another_file_that_an_old_range_is_not_of(api, session):
    put(api, session, 0, made_of(5.0))
    before = api.head(at(session))["ETag"]
    assert play(api, session, HTTP_RANGE="bytes=1000-1999", HTTP_IF_RANGE=before)
    hear(session)
    after = api.head(at(session))
    assert after["ETag"] != before
    assert api.get(at(session), HTTP_IF_NONE_MATCH=before).status_code == 200
    response = api.get(at(session), HTTP_RANGE="bytes=1000-1999", HTTP_IF_RANGE=before)
    body = body_of(response)
    assert (response.status_code, response["ETag"], str(len(body))) == (200, after["ETag"], after["Content-Length"])
    assert not samples_of(body)[0][frames(*SAID)].any()


def test_a_masked_part_is_marked_in_words(api, session):
    put(api, session, 0, made_of(5.0))
    hear(session)
    assert b"masked: card number\0" in play(api, session)[:1000]
    assert b"masked" not in Recording.of(session, originals=True).head


def test_a_recording_stays_what_it_was_while_it_is_read(api, session):
    put(api, session, 0, made_of(5.0))
    recording = Recording.of(session)
    pieces = recording.bytes_between(0, recording.size)
    begun = next(pieces)
    hear(session)
    assert level(samples_of(begun + b"".join(pieces))[0][frames(*SAID)]) > 0.2


# --- Who may ---


@pytest.mark.parametrize("role", ["agent", "supervisor", "integration"])
def test_who_may_not_hear_originals_is_refused_them(session, api, agent, role):
    put(api, session, 0, made_of(5.0))
    user = agent if role == "agent" else make_user(session.tenant, role)
    refused = bearer(user).get(at(session), {"originals": "true"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert bearer(user).head(at(session), {"originals": "true"}).status_code == 403
    assert not AuditEntry.objects.filter(act="recording.originals_played").exists()


@pytest.mark.parametrize("role", ["admin", "privacy"])
def test_who_may_hear_them_asks_for_them_and_it_is_written_down(session, api, role):
    put(api, session, 0, made_of(5.0))
    hear(session)
    theirs = bearer(make_user(session.tenant, role))
    assert not samples_of(play(theirs, session))[0][frames(*SAID)].any(), "by default it is silent for them, too"
    assert list(AuditEntry.objects.values_list("act", flat=True)) == ["recording.played"]
    for _ in range(2):
        response = theirs.get(at(session), {"originals": "true"})
        assert response["Cache-Control"] == "private, no-store"
        assert level(samples_of(body_of(response))[0][frames(*SAID)]) > 0.2
    written = AuditEntry.objects.filter(act="recording.originals_played")
    assert [entry.subject for entry in written] == [f"recording:{session.pk}"], "one entry for all of one act"


def test_what_is_no_yes_and_no_no_is_refused(api, session):
    put(api, session, 0)
    assert api.get(at(session), {"originals": "perhaps"}).status_code == 422


# --- The waveform ---


@pytest.mark.parametrize("role", ["agent", "privacy"])
def test_the_waveform_is_flat_there_for_everybody_and_says_where(api, agent, role):
    session = make_session(agent, channels=2)
    put(api, session, 0, encode(np.stack([tone(5.0), tone(5.0)]), container="wav"))
    do_all_jobs(("analysis",))
    hear(session)
    user = agent if role == "agent" else make_user(session.tenant, role)
    told = bearer(user).get(at(session, "/peaks")).json()
    assert told["masked"] == [{"start": 0.85, "end": 3.15, "channel": 1, "kinds": ["card"]}]
    left, right = told["peaks"]
    assert [point == 0 for point in right] == [17 <= place < 63 for place in range(100)]
    assert min(left) > 100
    near = bearer(user).get(at(session, "/peaks"), {"start": 2.0, "end": 5.0}).json()
    assert [point == 0 for point in near["peaks"][1]] == [place < 23 for place in range(60)]
    assert bearer(user).get(at(session, "/peaks"), {"start": 4.0}).json()["masked"] == []


def test_without_its_call_a_recording_is_heard_by_those_alone_who_may_hear_all_of_it(api, session):
    put(api, session, 0, made_of(4.0))
    hear(session)
    calls().delete_one({"tenant_id": session.tenant_id, "call_id": session.call_id})
    assert api.get(at(session)).status_code == 404
    assert api.get(at(session, "/peaks")).status_code == 404
    originals(session)


def test_what_another_company_masks_in_a_call_of_the_same_id_is_no_matter(session, stranger):
    other = make_session(stranger, call={"call_id": session.call_id})
    hear(other)
    assert masked.of(other, sessions.manifest_of(other))
    assert masked.of(session, sessions.manifest_of(session)) == ()
