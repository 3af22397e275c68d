"""Objects: all of a whole recording, and of one side its channel."""

import io
import wave

import numpy as np
import pytest

from audio import blobs, erasing, objects
from audio.erasing import live, silencing, sound
from audio.models import AudioChunk
from audio.objects import Finding
from metrics.erasing import Share
from tests.audio.erasing.conftest import both_sides, keys_of, record, subject_of
from tests.builders import bearer
from tests.object_store import VersionedStore, in_place_of_the_recordings
from tests.sound import encode, undecodable


def test_all_objects_of_a_whole_recording_go_and_no_others(agent, of_one):
    theirs, other = record(agent, of_one), record(agent, of_one, chunks=1)
    blobs.put(f"audio/{theirs.pk}/left-over", b"?", content_type="audio/ogg")
    before = {key: blobs.get(key) for key in keys_of(other)}
    subject = subject_of(theirs)
    live.erase(subject)
    assert sound.count(subject) == sound.search(subject) == sound.erase(subject) == 3
    assert keys_of(theirs) == []
    assert {key: blobs.get(key) for key in keys_of(other)} == before
    assert sound.count(subject) == sound.search(subject) == sound.erase(subject) == 0


def test_more_than_one_request_takes_go_too(agent, monkeypatch):
    monkeypatch.setattr(blobs, "MOST_ERASED", 3)
    prefix = "audio/many/"
    for number in range(7):
        blobs.put(f"{prefix}{number}", b"?", content_type="audio/ogg")
    assert blobs.erase_all([prefix]) == 7
    assert blobs.count_all([prefix]) == 0


def test_the_second_look_finds_what_lies_under_another_name(agent, of_one):
    session = record(agent, of_one, chunks=1)
    subject = subject_of(session)
    sound.erase(subject)
    key = f"audio/{str(session.pk)[:8]}{str(session.pk)[8:].upper()}/chunk_0000.ogg"
    blobs.put(key, of_one, content_type="audio/ogg")
    assert (sound.count(subject), sound.search(subject)) == (0, 1)
    blobs.erase(key)


@pytest.mark.parametrize("several", [True, False])
def test_every_version_goes_that_the_bucket_keeps(settings, several):
    store = type("Store", (VersionedStore,), {"kept": [], "takes_several": several})
    with in_place_of_the_recordings(settings, store):
        for body in (b"first", b"second"):
            blobs.put("audio/a/1", body, content_type="audio/ogg")
            blobs.put("audio/a/2", body, content_type="audio/ogg")
            blobs.put("audio/b/1", body, content_type="audio/ogg")
        blobs.erase("audio/a/1")
        assert blobs.count_all(["audio/a/"]) == 5
        assert blobs.erase_all(["audio/a/"], keep={"audio/a/2"}) == 4
        assert [(name, content) for name, _, content in store.kept if name.startswith("audio/a/")] == [
            ("audio/a/2", b"second")
        ]
        assert blobs.erase_all(["audio/a/"]) == 1
        assert [(name, content) for name, _, content in store.kept] == [
            ("audio/b/1", b"second"),
            ("audio/b/1", b"first"),
        ]


def heard_of(agent, session):
    """The recording as its page plays it, of shape (channels, n) and in -1…1."""
    body = b"".join(bearer(agent).get(f"/api/audio/sessions/{session.pk}/audio"))
    with wave.open(io.BytesIO(body)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
    return samples.reshape(-1, session.channels).T / 32768


def likeness(one, other):
    return float(np.corrcoef(one, other)[0, 1])


@pytest.mark.parametrize("share", [Share.AGENT, Share.CLIENT])
def test_one_side_becomes_silence_and_the_other_sounds_as_before(supervisor, agent, of_two, share):
    session = record(agent, of_two, channels=2)
    before = heard_of(supervisor, session)
    subject = subject_of(session, share)
    live.erase(subject)
    assert sound.count(subject) == sound.search(subject) == 2
    sound.erase(subject)
    after = heard_of(supervisor, session)
    gone = 0 if share is Share.AGENT else 1
    assert np.abs(before[gone]).max() > 0.1
    assert np.abs(after[gone]).max() < 0.01
    assert after.shape == before.shape
    assert likeness(after[1 - gone], before[1 - gone]) > 0.99
    assert sound.count(subject) == sound.search(subject) == sound.erase(subject) == 0


def test_rows_and_objects_agree_after_that_and_nothing_else_is_left(agent, of_two):
    session = record(agent, of_two, channels=2)
    subject = subject_of(session, Share.AGENT)
    live.erase(subject)
    sound.erase(subject)
    chunks = session.chunks.all()
    assert [found.finding for found in objects.verify(chunks)] == [Finding.RIGHT, Finding.RIGHT]
    assert keys_of(session) == sorted(chunk.s3_key for chunk in chunks)
    assert {chunk.checksum for chunk in chunks}.isdisjoint({"", None})
    assert all(chunk.checksum == chunk.stored_checksum for chunk in chunks)


class Died(Exception):
    pass


def test_whoever_goes_on_does_what_was_not_done(agent, of_two):
    session = record(agent, of_two, chunks=3, channels=2)
    subject = subject_of(session, Share.CLIENT)
    live.erase(subject)

    def die(_):
        raise Died

    with pytest.raises(Died):
        sound.erase(subject, progress=die)
    # One is done, and its original is there still; of the others new objects may be there that no row knows.
    assert sound.search(subject) == 3
    assert sound.count(subject) >= 3
    done = session.chunks.get(s3_key__contains="without_client")
    told = []
    sound.erase(subject, progress=told.append)
    assert told == [1, 1]
    assert sound.count(subject) == sound.search(subject) == 0
    assert session.chunks.get(pk=done.pk).stored_checksum == done.stored_checksum


def test_of_a_file_of_one_channel_nothing_is_kept(agent, of_one):
    session = record(agent, of_one, chunks=1, channels=2)
    subject = subject_of(session, Share.AGENT)
    live.erase(subject)
    sound.erase(subject)
    assert np.abs(heard_of(agent, session)).max() < 0.01


def test_of_what_does_not_decode_nothing_is_kept(agent):
    session = record(agent, undecodable(), chunks=1, channels=2)
    subject = subject_of(session, Share.AGENT)
    live.erase(subject)
    sound.erase(subject)
    assert sound.count(subject) == 0
    chunk = AudioChunk.objects.get()
    assert (blobs.get(chunk.s3_key)[:4], chunk.decoded_seconds) == (b"OggS", 0.0)


def test_what_was_lost_stays_lost(agent, of_two):
    session = record(agent, of_two, chunks=2, channels=2)
    blobs.erase(session.chunks.get(chunk_index=0).s3_key)
    subject = subject_of(session, Share.AGENT)
    live.erase(subject)
    sound.erase(subject)
    assert sound.count(subject) == sound.erase(subject) == 0
    assert session.chunks.get(chunk_index=0).error == objects.LOST


@pytest.mark.parametrize("side", ["agent", "client"])
@pytest.mark.parametrize("container", ["ogg", "webm", "wav", "m4a", "mp3"])
def test_every_kind_of_file_can_be_silenced(side, container):
    body, seconds = silencing.without(encode(both_sides(), container=container), side)
    assert body[:4] == b"OggS"
    assert seconds == pytest.approx(2.0, abs=0.1)


def test_a_removed_recording_leaves_nothing(tenant, agent, of_one):
    theirs, other = record(agent, of_one, chunks=1), record(agent, of_one, chunks=1)
    assert erasing.remove_whole(tenant.pk, [str(theirs.pk)]) == 1
    assert erasing.remove_whole(tenant.pk, [str(theirs.pk)]) == 0
    assert (keys_of(theirs), len(keys_of(other))) == ([], 1)
    assert AudioChunk.objects.get().session == other
