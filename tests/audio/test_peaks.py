"""The waveform: what is kept of each chunk, and how it is drawn on the recording's own line."""

from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audio import forgotten, peaks, sessions
from audio.analysis import peaks as arithmetic
from audio.analysis.decoding import Sound
from audio.analysis.peaks import Measured
from audio.models import AudioChunk, ChunkPeaks
from tests.builders import bearer, do_all_jobs, make_session, make_user, put_chunk
from tests.sound import encode, silence, tone

HEARD = ("analysis",)
# Of a tone of level 0.3.
LOUD = round(255 * 0.3**0.5)


def ask(client, session, **query):
    response = client.get(f"/api/audio/sessions/{session.pk}/peaks", query)
    assert response.status_code == 200, response.content
    return response.json()


def put(client, session, index, samples, *, container="wav", **headers):
    assert put_chunk(client, session, index, encode(samples, container=container), **headers).status_code == 201


# --- What is kept of a chunk ---


def test_a_tone_is_as_loud_as_it_is_and_silence_is_nothing(api, session):
    put(api, session, 0, np.concatenate([tone(1.0), silence(1.0), tone(1.0, level=0.01)]))
    do_all_jobs(HEARD)
    told = ask(api, session)
    [levels] = told.pop("peaks")
    assert told == {
        "duration": 3.0,
        "channels": 1,
        "start": 0.0,
        "end": 3.0,
        "seconds_per_point": 0.05,
        "missing": [],
        "masked": [],
        "is_being_made": False,
    }
    assert levels[:20] == [pytest.approx(LOUD, abs=1)] * 20
    assert levels[20:40] == [0] * 20
    assert levels[40:] == [pytest.approx(255 * 0.1, abs=1)] * 20, "quiet sound is told from none"


def test_two_channels_stay_two_and_apart(api, agent):
    session = make_session(agent, channels=2)
    put(api, session, 0, np.stack([tone(2.0), silence(2.0)]))
    put(api, session, 1, np.stack([silence(2.0), tone(2.0)]))
    put(api, session, 2, tone(2.0))
    do_all_jobs(HEARD)
    left, right = ask(api, session, points=6)["peaks"]
    assert [level > 100 for level in left] == [True, True, False, False, True, True]
    assert [level > 100 for level in right] == [False, False, True, True, True, True], "one channel is heard on both"


def test_hearing_and_transcoding_a_chunk_again_changes_nothing(api, supervisor, session):
    put(api, session, 0, np.concatenate([tone(1.0), silence(0.5), tone(0.5, level=0.05)]))
    do_all_jobs(HEARD)
    before = bytes(ChunkPeaks.objects.get().bins)
    do_all_jobs()
    assert AudioChunk.objects.get().codec == "opus"
    [drawn] = ask(api, session)["peaks"]
    assert bytes(ChunkPeaks.objects.get().bins) == before == bytes(drawn)
    assert bearer(supervisor).post(f"/api/audio/sessions/{session.pk}/chunks/0/retry").status_code == 200
    do_all_jobs()
    [again] = ask(api, session)["peaks"]
    assert len(again) == len(drawn)
    # Opus is not the original to the last bit.
    assert np.abs(np.subtract(again, drawn)).mean() < 4


def test_peaks_go_with_their_recording(api, session):
    put(api, session, 0, tone(1.0))
    do_all_jobs(HEARD)
    session.delete()
    assert not ChunkPeaks.objects.exists()


# --- Where it lies on the line ---


def test_a_pause_and_what_has_not_come_are_missing_and_a_late_chunk_fills_its_place(api, session):
    put(api, session, 0, tone(2.0), HTTP_X_START_TIME="0")
    gap = {"start": 2.0, "end": 3.0, "cause": "pause", "reason": "card data"}
    assert api.post(f"/api/audio/sessions/{session.pk}/gaps", gap, format="json").status_code == 200
    put(api, session, 2, tone(2.0), HTTP_X_START_TIME="5")
    unheard = ask(api, session)
    assert (unheard["missing"], unheard["is_being_made"], set(unheard["peaks"][0])) == ([[0.0, 7.0]], True, {0})
    do_all_jobs(HEARD)
    told = ask(api, session, points=7)
    assert (told["missing"], told["is_being_made"], told["duration"]) == ([[2.0, 5.0]], False, 7.0)
    assert [level > 100 for level in told["peaks"][0]] == [True, True, False, False, False, True, True]
    put(api, session, 1, tone(2.0), HTTP_X_START_TIME="3")
    do_all_jobs(HEARD)
    told = ask(api, session, points=7)
    assert told["missing"] == [[2.0, 3.0]]
    assert [level > 100 for level in told["peaks"][0]] == [True, True, False, True, True, True, True]


def test_a_stretch_is_drawn_finer_and_never_finer_than_it_was_measured(api, session):
    put(api, session, 0, np.concatenate([silence(3.0), tone(1.0), silence(2.0)]))
    do_all_jobs(HEARD)
    told = ask(api, session, start=2.5, end=4.5, points=8000)
    assert (told["start"], told["end"], told["seconds_per_point"], len(told["peaks"][0])) == (2.5, 4.5, 0.05, 40)
    assert np.flatnonzero(told["peaks"][0]).tolist() == list(range(10, 30))
    told = ask(api, session, start=4, end=90, points=2)
    assert (told["end"], told["peaks"]) == (6.0, [[0, 0]])
    told = ask(api, session, start=50)
    assert (told["start"], told["end"], told["peaks"], told["missing"]) == (6.0, 6.0, [[]], [])


def test_of_nothing_recorded_nothing_is_drawn(api, session):
    told = ask(api, session)
    assert (told["duration"], told["peaks"], told["missing"], told["is_being_made"]) == (0.0, [[]], [], False)


def test_chunks_that_begin_between_two_bins_lose_none_and_reach_into_the_next():
    rng = np.random.default_rng(1)
    stretches, place = [], 0.0
    for _ in range(12):
        bins = rng.integers(1, 256, size=rng.integers(1, 90), dtype=np.uint8)
        end = place + len(bins) / 20 - rng.uniform(0, 0.04)
        stretches.append(Measured(place, end, bins.tobytes()))
        place = end + rng.choice([0.0, 0.0, 0.35])
    for start, end, most in [(0.0, place, 50), (0.0, place, 800), (7.013, 15.9, 150), (3.0, 3.02, 1)]:
        points = arithmetic.points_between(start, end, most=most)
        [drawn] = arithmetic.drawn(stretches, channels=1, start=start, end=end, points=points)
        edges = np.linspace(start, end, points + 1)
        for point, level in enumerate(drawn):
            reaching = [
                level
                for one in stretches
                for number, level in enumerate(one.bins)
                if one.start + number / 20 < min(edges[point + 1], one.end)
                and min(one.start + (number + 1) / 20, one.end) > edges[point]
            ]
            # A bin counts for cells of 50 ms, so that at an edge the next one's may be among them.
            assert level >= max(reaching, default=0), point
        whole = b"".join(one.bins for one in stretches if one.end > start and one.start < end)
        assert set(drawn.tolist()) <= {0, *whole}


def test_what_is_no_number_is_no_sound():
    samples = np.full((1, 1600), 0.25, dtype=np.float32)
    samples[0, :800] = np.nan
    assert list(arithmetic.measure(Sound(samples), channels=1)) == [0, 128]
    assert list(arithmetic.measure(Sound(samples[:, 1000:] * np.float32(np.inf)), channels=2)) == [255, 255]


# --- Over HTTP ---


def test_it_is_kept_by_who_has_it_until_it_changes(api, session):
    address = f"/api/audio/sessions/{session.pk}/peaks"
    put(api, session, 0, tone(1.0))
    assert api.get(address)["Cache-Control"] == "private, no-store"
    do_all_jobs()
    sessions.complete(session, total_chunks=1)
    answer = api.get(address)
    assert answer["Cache-Control"] == "private, no-cache"
    known = api.get(address, HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (known.status_code, known.content, known["ETag"]) == (304, b"", answer["ETag"])
    put(api, session, 1, tone(1.0))
    assert api.get(address, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 200


def test_what_cannot_be_drawn_is_refused(api, session):
    for query, field in [
        ({"points": 0}, "points"),
        ({"points": 8001}, "points"),
        ({"points": "many"}, "points"),
        ({"start": -1}, "start"),
        ({"start": "nan"}, "start"),
        ({"end": "inf"}, "end"),
        ({"start": 2, "end": 2}, "end"),
    ]:
        answer = api.get(f"/api/audio/sessions/{session.pk}/peaks", query)
        assert (answer.status_code, list(answer.json()["error"]["fields"])) == (422, [field]), query


def test_only_who_may_see_the_recording_sees_its_waveform(session, stranger, tenant):
    for user in (stranger, make_user(tenant, "agent")):
        assert bearer(user).get(f"/api/audio/sessions/{session.pk}/peaks").status_code == 404


def test_ten_hours_are_one_question_for_their_peaks(agent, session):
    session.channels = 2
    session.save()
    now = timezone.now()
    chunks = AudioChunk.objects.bulk_create(
        AudioChunk(
            session=session,
            chunk_index=index,
            start_time_seconds=index * 30.0,
            end_time_seconds=index * 30.0 + 30.0,
            duration_seconds=30.0,
            declared_seconds=30.0,
            decoded_seconds=30.0,
            content_type="audio/ogg",
            file_size_bytes=1,
            received_at=now,
            upload_status="uploaded",
            processing_status="completed",
        )
        for index in range(1200)
    )
    bins = np.arange(1200, dtype=np.uint16).astype(np.uint8).tobytes()
    ChunkPeaks.objects.bulk_create(ChunkPeaks(chunk=chunk, bins=bins) for chunk in chunks)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        told = peaks.of(session, points=2000)
    about_peaks = [query["sql"] for query in asked if "audio_chunkpeaks" in query["sql"]]
    # The manifest asks for the chunks and for the gaps.
    assert (len(about_peaks), len(asked)) == (1, 3)
    assert (told["duration"], told["missing"], told["is_being_made"]) == (36_000.0, [], False)
    assert [len(levels) for levels in told["peaks"]] == [2000, 2000]
    assert {max(levels) for levels in told["peaks"]} == {254, 255}
    with CaptureQueriesContext(connection) as asked:
        peaks.of(session, points=2000, start=18_000, end=18_060)
    # Of a minute, the bins of two chunks are read and not those of all.
    [about_peaks] = [query["sql"] for query in asked if "audio_chunkpeaks" in query["sql"]]
    assert "BETWEEN 600 AND 601" in about_peaks


# --- Recordings from before ---


def test_what_was_heard_before_there_were_peaks_is_measured_when_it_is_first_looked_at(api, session):
    put(api, session, 0, tone(1.0))
    put(api, session, 1, tone(1.0))
    do_all_jobs()
    before = ask(api, session)
    ChunkPeaks.objects.all().delete()
    told = ask(api, session)
    assert (told["missing"], told["is_being_made"]) == ([[0.0, 2.0]], True)
    peaks.make_for(session.pk)
    peaks.make_for(session.pk)
    made = ask(api, session)
    assert (made["missing"], made["is_being_made"]) == ([], False)
    assert np.abs(np.subtract(made["peaks"], before["peaks"])).max() <= 12, "by then it is Opus"


def test_the_command_measures_them_all_and_tries_what_is_gone_only_once(api, agent, session, tenant):
    put(api, session, 0, tone(1.0), container="ogg")
    other = make_session(agent)
    put(api, other, 0, tone(1.0), container="ogg")
    do_all_jobs()
    ChunkPeaks.objects.all().delete()
    AudioChunk.objects.filter(session=other).update(s3_key="nowhere", stored_checksum="")

    def run(*options):
        said = StringIO()
        call_command("make_peaks", *options, stdout=said)
        return said.getvalue()

    run("--dry-run")
    assert not ChunkPeaks.objects.exists()
    run("--tenant-id", str(tenant.pk))
    assert peaks.unmeasured().count() == 0
    assert ask(api, session)["missing"] == []
    gone = ask(api, other)
    assert (gone["missing"], gone["is_being_made"]) == ([[0.0, 1.0]], False)


def test_of_whoever_has_been_erased_nothing_is_measured(api, agent, session):
    put(api, session, 0, tone(1.0), container="ogg")
    do_all_jobs()
    ChunkPeaks.objects.all().delete()
    forgotten.forget(session.tenant_id, session.person_key)
    peaks.make_for(session.pk)
    assert not ChunkPeaks.objects.exists()
