"""Sound that is too old goes, and what was said stays; whole recordings go with their calls."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audio import blobs, chunk_bytes, figures, hearing, objects, peaks, progress, retention, sessions
from audio.models import AnalysisJob, AudioChunk, AudioSession, ChunkPeaks
from calls import conversations, editing
from calls.store import erasing
from metrics import gauges
from metrics.retention import Held
from tests.builders import bearer, do_all_jobs, make_session, make_user, purge_queues, put_chunk
from tests.sound import encode, speech

NOBODY = Held()


@pytest.fixture(scope="module")
def spoken():
    return encode(speech()[: 16_000 * 3])


def record(user, body, *, ended=True, days_ago=10, **values):
    session = make_session(user, **values)
    put_chunk(bearer(user), session, 0, body)
    do_all_jobs()
    if ended:
        session = sessions.complete(session, total_chunks=1)
        AudioSession.objects.filter(pk=session.pk).update(end_time=timezone.now() - timedelta(days=days_ago))
    session.refresh_from_db()
    return session


def remove_sound(tenant, *, held=NOBODY, kept=()):
    moment = timezone.now() - timedelta(days=5)
    counted, _ = retention.count(tenant.pk, before=moment, held=held, kept_call_ids=kept)
    removed = sum(retention.remove(tenant.pk, before=moment, held=held, kept_call_ids=kept))
    assert counted == removed
    return removed


def key_of(session):
    return session.chunks.get().s3_key


def test_only_sound_that_is_old_enough_goes(tenant, agent, stranger, spoken):
    old, young = record(agent, spoken), record(agent, spoken, days_ago=1)
    going_on, elsewhere = record(agent, spoken, ended=False), record(stranger, spoken)
    chunk_bytes.keep(old.chunks.get(), spoken)
    assert retention.oldest(tenant.pk) == old.end_time
    assert remove_sound(tenant) == 1
    assert retention.oldest(tenant.pk) == young.end_time
    assert blobs.get(key_of(old)) is None
    assert chunk_bytes.cached(old.chunks.get()) is None
    for session in (young, going_on, elsewhere):
        assert blobs.get(key_of(session)) == spoken
        session.refresh_from_db()
        assert session.sound_removed_at is None
    assert remove_sound(tenant) == 0


def test_what_was_said_and_the_verdict_stay(tenant, agent, spoken):
    session = record(agent, spoken)
    before = conversations.read_call(agent, session.call_id), sessions.manifest_of(session)
    assert before[0]["conversation"]
    remove_sound(tenant)
    session.refresh_from_db()
    assert (conversations.read_call(agent, session.call_id), sessions.manifest_of(session)) == before
    assert before[1].state == "complete"
    assert session.chunks.get().transcription
    assert ChunkPeaks.objects.get().bins


def test_it_takes_up_no_room_any_more(tenant, agent, spoken):
    record(agent, spoken)
    remove_sound(tenant)
    assert AudioChunk.objects.get().compressed_size_bytes is None
    figures.tell_sizes()
    told = {(one.name, *one.labels.values()): one.value for one in gauges.all_told()}
    assert told["store.bytes", "recordings"] == 0


@pytest.mark.parametrize("by", ["user", "call", "contact"])
def test_what_is_held_stays(tenant, agent, spoken, by):
    session = record(agent, spoken)
    held = {
        "user": Held(user_ids=frozenset({agent.pk})),
        "call": Held(call_ids=frozenset({session.call_id})),
        "contact": NOBODY,
    }[by]
    kept = [session.call_id] if by == "contact" else []
    moment = timezone.now() - timedelta(days=5)
    assert retention.count(tenant.pk, before=moment, held=held, kept_call_ids=kept) == (0, 1)
    assert remove_sound(tenant, held=held, kept=kept) == 0
    assert blobs.get(key_of(session)) == spoken
    if by != "contact":
        assert retention.remove_recordings(tenant.pk, [session.call_id], held=held) == 0


def test_a_recording_that_is_being_worked_on_waits_for_the_next_time(tenant, agent, spoken):
    session = record(agent, spoken)
    progress.try_again(session.chunks.get(), stage="suspicion")
    AudioSession.objects.update(status="completed")
    assert remove_sound(tenant) == 0
    do_all_jobs()
    assert remove_sound(tenant) == 1


def test_whoever_goes_on_after_a_crash_removes_the_rest(tenant, agent, spoken):
    session = record(agent, spoken)
    AudioSession.objects.update(sound_removed_at=timezone.now())
    assert remove_sound(tenant) == 1
    assert blobs.get(key_of(session)) is None
    assert remove_sound(tenant) == 0


def test_nobody_takes_its_chunks_for_lost(tenant, agent, spoken):
    session = record(agent, spoken)
    chunk = AudioChunk.objects.select_related("session").get()
    remove_sound(tenant)
    assert list(objects.verify(AudioChunk.objects.all(), fix=True)) == []
    # Also who had read the row before.
    assert not objects.verify_one(chunk, fix=True).owed_again
    chunk.refresh_from_db()
    assert chunk.upload_status == "uploaded"
    assert sessions.owed(session) == []
    assert list(objects.orphans(session.s3_base_key)) == []


def test_it_is_not_played_and_says_why(tenant, agent, api, spoken):
    session = record(agent, spoken)
    remove_sound(tenant)
    answer = api.get(f"/api/audio/sessions/{session.pk}/audio")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "sound_removed")
    shown = api.get(f"/api/audio/sessions/{session.pk}").json()
    assert shown["sound_removed_at"] is not None
    assert shown["verdict"]["state"] == "complete"


def test_its_waveform_is_shown_still_and_none_is_made(tenant, agent, api, spoken):
    session = record(agent, spoken)
    remove_sound(tenant)
    waveform = api.get(f"/api/audio/sessions/{session.pk}/peaks").json()
    assert (max(waveform["peaks"][0]) > 0, waveform["is_being_made"]) == (True, False)
    ChunkPeaks.objects.all().delete()
    assert api.get(f"/api/audio/sessions/{session.pk}/peaks").json()["is_being_made"] is False
    assert not peaks.unmeasured().exists()


def test_it_is_not_heard_again_but_what_was_heard_may_be_looked_at_again(tenant, agent, supervisor, spoken):
    session = record(agent, spoken)
    remove_sound(tenant)
    retry = f"/api/audio/sessions/{session.pk}/chunks/0/retry"
    for given in ({}, {"stage": "transcription"}, {"stage": "decode"}):
        answer = bearer(supervisor).post(retry, given, format="json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (410, "sound_removed")
    purge_queues()
    assert bearer(supervisor).post(retry, {"stage": "suspicion"}, format="json").status_code == 200
    hearing.work(AnalysisJob.objects.get(state="waiting").pk, task_id="again")
    assert session.chunks.get().processing_status == "completed"


def test_a_chunk_that_comes_after_that_is_refused(tenant, agent, api, spoken):
    session = record(agent, spoken)
    remove_sound(tenant)
    answer = put_chunk(api, session, 1, spoken)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "sound_removed")
    assert list(blobs.listed(session.s3_base_key)) in ([], [[]])


def test_one_that_was_on_its_way_is_taken_away(tenant, agent, spoken, monkeypatch):
    session = record(agent, spoken)
    keep = chunk_bytes.keep

    def removed_meanwhile(chunk, body):
        keep(chunk, body)
        remove_sound(tenant)

    monkeypatch.setattr(chunk_bytes, "keep", removed_meanwhile)
    answer = put_chunk(bearer(agent), session, 1, spoken)
    assert answer.status_code == 410
    assert session.chunks.count() == 1
    assert list(blobs.listed(session.s3_base_key)) in ([], [[]])


def test_recordings_go_with_their_calls(tenant, agent, stranger, spoken):
    theirs, other = record(agent, spoken), record(make_user(tenant, "agent"), spoken)
    elsewhere = record(stranger, spoken)
    asked = [theirs.call_id, elsewhere.call_id]
    assert retention.count_recordings(tenant.pk, asked, held=NOBODY) == 1
    assert retention.remove_recordings(tenant.pk, asked, held=NOBODY) == 1
    assert retention.remove_recordings(tenant.pk, asked, held=NOBODY) == 0
    assert set(AudioSession.objects.all()) == {other, elsewhere}
    assert list(blobs.listed(theirs.s3_base_key)) in ([], [[]])


def test_recordings_go_whose_calls_have_gone(tenant, agent, spoken):
    left, young, deleted, there = (record(agent, spoken) for _ in range(4))
    AudioSession.objects.exclude(pk=young.pk).update(start_time=timezone.now() - timedelta(days=10))
    moment = timezone.now() - timedelta(days=5)
    for session in (left, young):
        erasing.remove_for_good(tenant.pk, [session.call_id])
    editing.delete(make_user(tenant, "admin"), deleted.call_id)
    assert sum(retention.remove_left(tenant.pk, before=moment, held=Held(user_ids=frozenset({agent.pk})))) == 0
    assert sum(retention.remove_left(tenant.pk, before=moment, held=NOBODY)) == 1
    assert set(AudioSession.objects.all()) == {young, deleted, there}
