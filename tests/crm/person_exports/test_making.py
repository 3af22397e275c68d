"""What an archive has, read back from the store with other programs than wrote it."""

import hashlib
import io
import json

import av
import numpy as np
import pytest

from audio import blobs, consents
from audio.models import AudioChunk
from calls import conversations, editing, opening
from crm import forgotten
from crm.audit import acts, sealing
from crm.models import PersonExport
from crm.person_exports import erasing, files, making, requests
from metrics import person_keys
from metrics.erasing import Share, Subject
from tests.builders import make_dubbing_session, make_measured, make_user
from tests.person_exports import (
    AGENTS_TONE,
    BY_AGENT,
    BY_CLIENT,
    CLIENTS_TONE,
    ask,
    made,
    objects,
    opened,
    record,
)


def samples_of(body):
    """What a player plays: samples of shape (channels, n), and how many make a second."""
    with av.open(io.BytesIO(body)) as file:
        frames = [frame.to_ndarray() for frame in file.decode(audio=0)]
        rate, channels = file.streams.audio[0].rate, file.streams.audio[0].channels
    return np.concatenate(frames, axis=1).reshape(channels, -1), rate


def sound_of(body):
    """What a player hears: channels, seconds, and the loudest frequency of each channel."""
    samples, rate = samples_of(body)
    channels = len(samples)
    loudest = [float(np.argmax(np.abs(np.fft.rfft(one)))) * rate / len(one) for one in samples]
    return channels, samples.shape[1] / rate, loudest


def everything(archive):
    return b"\n".join(archive.files.values()).decode(errors="replace")


def test_a_customer_gets_their_own_words_and_their_own_channel_and_nobody_elses(officer, ada, call):
    archive = made(officer, contact_id=ada.pk)
    assert BY_CLIENT in archive.files["calls/0001/transcript.txt"].decode()
    assert "walrus" not in everything(archive)
    channels, seconds, (loudest,) = sound_of(archive.files["calls/0001/audio.mp3"])
    assert channels == 1
    assert seconds == pytest.approx(1.0, abs=0.2)
    assert loudest == pytest.approx(CLIENTS_TONE, abs=10)
    assert archive.manifest["calls"] == [{"number": 1, "call_id": call.call_id, "part": "own side", "without": []}]
    assert any("What others say" in one["what"] for one in archive.manifest["left_out"])


def test_a_colleague_gets_their_own_words_and_nothing_of_the_customer(officer, agent, ada, call):
    archive = made(officer, user_id=agent.pk)
    told = everything(archive)
    assert BY_AGENT in told
    for word in ("Quetzalcoatlus", "Ada", "ada@example.com", "A refund"):
        assert word not in told
    _, _, (loudest,) = sound_of(archive.files["calls/0001/audio.mp3"])
    assert loudest == pytest.approx(AGENTS_TONE, abs=10)
    document = json.loads(archive.files["calls/0001/call.json"])
    assert (document["user_id"], document["external_user_id"], document["contact_id"]) == (agent.pk, None, None)


def test_the_others_are_in_it_where_it_was_asked_for(officer, ada, call):
    archive = made(officer, contact_id=ada.pk, includes_others=True)
    said = archive.files["calls/0001/transcript.txt"].decode()
    assert BY_AGENT in said
    assert BY_CLIENT in said
    channels, _, loudest = sound_of(archive.files["calls/0001/audio.mp3"])
    assert channels == 2
    assert loudest == pytest.approx([AGENTS_TONE, CLIENTS_TONE], abs=10)
    assert archive.manifest["includes_others"] is True
    assert archive.manifest["calls"][0]["part"] == "whole"


def test_a_call_of_which_nobody_knows_who_speaks_is_there_as_a_whole_and_that_is_said(officer, agent, ada):
    record(agent, channels=1)
    archive = made(officer, contact_id=ada.pk)
    said = archive.files["calls/0001/transcript.txt"].decode()
    assert BY_AGENT in said
    assert BY_CLIENT in said
    assert archive.manifest["calls"][0]["part"] == "whole"


def test_each_file_is_as_the_manifest_says(officer, ada, call):
    archive = made(officer, contact_id=ada.pk)
    told = {one["name"]: one for one in archive.manifest["files"]}
    assert set(told) == set(archive.files) - {"manifest.json"}
    for name, body in archive.files.items():
        if name != "manifest.json":
            assert told[name]["sha256"] == hashlib.sha256(body).hexdigest(), name
            assert told[name]["bytes"] == len(body)
            assert told[name]["about"]
    assert archive.row.sha256 == hashlib.sha256(archive.body).hexdigest()
    assert archive.row.size_bytes == len(archive.body)
    assert (archive.row.calls_done, archive.row.calls_total) == (1, 1)
    assert archive.manifest["export_id"] == str(archive.row.pk)


def test_the_person_is_in_it_as_they_are_kept(officer, agent, ada, call):
    person = json.loads(made(officer, contact_id=ada.pk).files["person.json"])
    assert person["customer"]["emails"] == ["ada@example.com"]
    assert person["identities"] == [{"platform": "chat", "external_user_id": "42"}]
    assert person["colleague"] is None
    colleague = json.loads(made(officer, user_id=agent.pk).files["person.json"])["colleague"]
    assert colleague["username"] == agent.username
    assert colleague["tokens"]
    assert "digest" not in json.dumps(colleague)


def test_what_is_masked_stays_masked_and_is_silent(officer, agent, ada):
    record(agent, channels=2, words=(("Go on.", "agent"), ("My card is 4111 1111 1111 1111, please.", "client")))
    archive = made(officer, contact_id=ada.pk)
    assert "My card is" in everything(archive)
    assert "4111" not in everything(archive)
    (samples,), rate = samples_of(archive.files["calls/0001/audio.mp3"])
    # What she says begins at half a second, and its words have no times of their own.
    before, within = samples[: int(0.3 * rate)], samples[int(0.6 * rate) : int(0.9 * rate)]
    assert np.sqrt(np.mean(before**2)) > 0.1
    assert np.sqrt(np.mean(within**2)) < 0.001


def test_what_a_person_corrected_is_whose_they_say_it_is(officer, agent, ada, call):
    segment = conversations.read_call(agent, call.call_id)["conversation"][0]
    editing.correct(agent, call.call_id, segment["segment_id"], speaker="client")
    archive = made(officer, contact_id=ada.pk)
    assert BY_AGENT in archive.files["calls/0001/transcript.txt"].decode()


def test_a_call_without_sound_and_one_that_was_deleted_are_there_too(officer, agent, ada):
    details = {"platform": "chat", "external_user_id": "42", "summary": "Wrote to us."}
    call, _ = opening.create_call(agent, details)
    editing.delete(make_user(agent.tenant, "supervisor"), call["call_id"])
    archive = made(officer, contact_id=ada.pk)
    document = json.loads(archive.files["calls/0001/call.json"])
    assert (document["deleted"], document["summary"]) == (True, "Wrote to us.")
    assert archive.manifest["calls"][0]["without"] == ["Sound: none was recorded."]


def test_sound_that_nobody_has_transcribed_yet_is_left_out_and_that_is_said(officer, ada, call):
    AudioChunk.objects.filter(session=call).update(processing_status="pending")
    archive = made(officer, contact_id=ada.pk)
    assert "calls/0001/audio.mp3" not in archive.files
    assert BY_CLIENT in archive.files["calls/0001/transcript.txt"].decode()
    (without,) = archive.manifest["calls"][0]["without"]
    assert "still being transcribed" in without


def test_consents_figures_and_own_acts_are_in_it(officer, agent, ada, call):
    consents.record(call, given=True, by="Ada", wording="May we record?")
    make_dubbing_session(agent.tenant_id, "d-1", user_id="42", platform="chat")
    make_dubbing_session(agent.tenant_id, "d-2", user_id="42", platform="web")
    archive = made(officer, contact_id=ada.pk)
    (consent,) = json.loads(archive.files["consents.json"])
    assert (consent["given"], consent["by"], consent["wording"]) == (True, "Ada", "May we record?")
    assert [one["session_id"] for one in json.loads(archive.files["metrics/dubbing_sessions.json"])] == ["d-1"]
    # Of a colleague, whom figures call by another name.
    segment = make_measured(agent.tenant_id, person_keys.of_user(agent.pk))
    archive = made(officer, user_id=agent.pk)
    (measured,) = json.loads(archive.files["metrics/segments.json"])
    assert (measured["segment_id"], measured["total_ms"]) == (segment.segment_id, 500.0)
    assert json.loads(archive.files["metrics/hours.json"])[0]["segments"] == 1
    assert "Ada" not in archive.files["consents.json"].decode()


def test_own_acts_are_found_also_once_the_log_is_sealed(officer, agent, ada):
    acts.write("call.read", actor=agent, subject="call:c-1", via="page")
    sealing.seal()
    acts.write("call.listed", actor=agent, via="page")
    acts.write("contact.read", actor=officer, subject=f"contact:{ada.pk}", via="page")
    told = json.loads(made(officer, user_id=agent.pk).files["audit.json"])
    assert [(one["act"], one["about"]) for one in told] == [("call.listed", ""), ("call.read", "call")]


def test_whoever_has_no_calls_gets_an_archive_all_the_same(officer, agent):
    archive = made(officer, user_id=agent.pk)
    assert archive.manifest["calls"] == []
    assert archive.files["README.txt"].startswith(b"What is kept of you")


# --- What happens while it is made ---


class Killed(BaseException):
    """What a killed worker is from the inside: nothing of ours goes on."""


def kill(*_):
    raise Killed


def test_a_worker_that_dies_is_followed_by_another_once_its_lease_is_over(officer, ada, call):
    export = ask(officer, contact_id=ada.pk)
    with pytest.raises(Killed):
        making.make(export.pk, progress=kill)
    export.refresh_from_db()
    assert (export.state, objects()) == ("running", [])
    assert not making.make(export.pk), "its lease is not over"
    left = export.claimed_at - requests.LEASE
    PersonExport.objects.filter(pk=export.pk).update(claimed_at=left)
    assert making.make(export.pk)
    archive = opened(export)
    assert (archive.row.state, archive.row.attempts, objects()) == ("ready", 2, [files.key_of(archive.row)])


def test_one_that_never_comes_to_its_end_is_given_up(officer, agent):
    export = ask(officer, user_id=agent.pk)
    long_ago = export.requested_at - 2 * requests.LEASE
    PersonExport.objects.filter(pk=export.pk).update(
        state="running", claimed_at=long_ago, attempts=requests.MOST_ATTEMPTS
    )
    requests.sweep()
    export.refresh_from_db()
    assert (export.state, export.error) == ("failed", requests.GAVE_UP)
    assert not making.make(export.pk)


def test_one_that_is_removed_while_it_is_made_ends_quietly_and_leaves_nothing(officer, ada, call):
    export = ask(officer, contact_id=ada.pk)
    making.make(export.pk, progress=lambda *_: requests.remove(officer.tenant_id, export.pk))
    export.refresh_from_db()
    assert (export.state, export.subject, export.subject_name) == ("expired", {}, "")
    assert objects() == []


def test_one_whose_person_is_forgotten_while_it_is_made_is_never_ready(officer, ada, call):
    export = ask(officer, contact_id=ada.pk)
    key = person_keys.of_contact(ada.pk)
    making.make(export.pk, progress=lambda *_: forgotten.forget(officer.tenant_id, key))
    assert objects() == []
    # What waits still is removed by the erasure, and if it is not, by whoever takes it up.
    assert making.make(export.pk)
    export.refresh_from_db()
    assert (export.state, export.subject, export.subject_name) == ("expired", {}, "")
    assert objects() == []


def test_one_that_has_words_of_somebody_who_is_forgotten_meanwhile_is_made_anew(officer, agent, ada):
    record(agent, channels=1)
    export = ask(officer, contact_id=ada.pk)
    key = person_keys.of_user(agent.pk)
    making.make(export.pk, progress=lambda *_: forgotten.forget(officer.tenant_id, key))
    export.refresh_from_db()
    assert (export.state, objects()) == ("waiting", [])


# --- Erasure ---


def subject_of(ada, *calls):
    return Subject(ada.tenant_id, contact_id=ada.pk, calls=dict.fromkeys(calls, Share.CLIENT))


def test_erasing_somebody_removes_their_exports_and_no_others(officer, agent, ada, call):
    theirs, others = made(officer, contact_id=ada.pk), made(officer, user_id=agent.pk)
    subject = subject_of(ada, call.call_id)
    assert (erasing.count(subject), erasing.search(subject)) == (1, 1)
    assert erasing.erase(subject) == 1
    assert (erasing.count(subject), erasing.search(subject), erasing.erase(subject)) == (0, 0, 0)
    theirs.row.refresh_from_db()
    assert (theirs.row.state, theirs.row.subject, theirs.row.subject_name) == ("expired", {}, "")
    assert opened(others.row).body == others.body
    assert objects() == [files.key_of(others.row)]


def test_erasing_somebody_removes_what_has_words_of_theirs_in_the_export_of_another(officer, agent, ada):
    call = record(agent, channels=1)
    made(officer, user_id=agent.pk)
    subject = subject_of(ada, call.call_id)
    assert (erasing.count(subject), erasing.search(subject)) == (1, 1)
    assert erasing.erase(subject) == 1
    assert (erasing.search(subject), objects()) == (0, [])


def test_an_object_that_was_left_behind_is_found_again_and_removed(officer, ada, call):
    archive = made(officer, contact_id=ada.pk)
    requests.expire(archive.row)
    blobs.put(files.key_of(archive.row), archive.body, content_type=files.CONTENT_TYPE)
    subject = subject_of(ada, call.call_id)
    assert (erasing.count(subject), erasing.search(subject)) == (0, 1)
    erasing.erase(subject)
    assert (erasing.search(subject), objects()) == (0, [])
