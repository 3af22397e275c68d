"""The whole recording as one file, over HTTP: its length, its sound, its gaps, and any range of its bytes."""

import hashlib
import os
import subprocess
import time
import wave
from io import BytesIO

import av
import numpy as np
import pytest
import structlog

from audio import blobs, chunk_bytes, wav
from audio.containers import OGG
from audio.models import AudioChunk
from audio.playback import Recording
from tests.builders import bearer, do_all_jobs, make_session, make_user, put_chunk
from tests.scale import scaled
from tests.sound import OPUS_DELAY, OPUS_RATE, cut_opus, encode, silence, speech, tone

RATE = 16_000
SECOND = encode(tone(1.0))


def at(session, what="/audio"):
    return f"/api/audio/sessions/{session.pk}{what}"


def body_of(response):
    return b"".join(response.streaming_content)


def play(client, session, **headers):
    """The whole file, or a part of it."""
    response = client.get(at(session), **headers)
    assert response.status_code in {200, 206}, response.content
    return body_of(response)


def samples_of(body):
    """int16 of shape (channels, n), as Python's own module reads them."""
    with wave.open(BytesIO(body)) as read:
        assert (read.getframerate(), read.getsampwidth()) == (RATE, 2)
        sound = np.frombuffer(read.readframes(read.getnframes()), dtype="<i2")
        return sound.reshape(-1, read.getnchannels()).T


def level(samples):
    """Root mean square, of 1."""
    return float(np.sqrt(np.mean((samples / 32768.0) ** 2)))


def put(client, session, index, body=SECOND, start=None, **headers):
    if start is not None:
        headers["HTTP_X_START_TIME"] = str(start)
    assert put_chunk(client, session, index, body, **headers).status_code == 201


def declare(client, session, **gap):
    assert client.post(at(session, "/gaps"), gap, format="json").status_code == 200


@pytest.fixture
def of_all_kinds(api, session):
    """Every container, a pause, a hole, and starts that overlap: 10 s in all."""
    put(api, session, 0, encode(tone(1.0), container="webm"), start=0)
    put(api, session, 1, encode(tone(2.0, frequency=700), container="wav"), start=1)
    declare(api, session, start=3.0, end=4.5, cause="pause", reason="card data")
    put(
        api,
        session,
        2,
        encode(tone(1.0, frequency=300, sample_rate=44_100), container="mp3", sample_rate=44_100),
        start=4.5,
    )
    put(api, session, 4, encode(tone(2.0), container="m4a"), start=6.5)
    put(api, session, 5, encode(tone(1.5, frequency=500)), start=8.3)
    return session


# --- What is heard ---


def test_it_is_as_long_as_the_recording_and_holds_its_sound(api, session):
    for index in range(3):
        put(api, session, index, encode(speech()[index * RATE : (index + 1) * RATE], container="wav"))
    response = api.get(at(session))
    body = body_of(response)
    assert (response.status_code, response["Content-Type"], response["Accept-Ranges"]) == (200, "audio/wav", "bytes")
    assert int(response["Content-Length"]) == len(body)
    [heard] = samples_of(body) / 32768.0
    assert len(heard) == 3 * RATE
    # Up to 48 kHz and down again, by filters that leave all but the highest frequencies as they are.
    assert np.sqrt(np.mean((heard - speech()[: 3 * RATE]) ** 2)) < 0.02 * np.sqrt(np.mean(heard**2))
    with av.open(BytesIO(body)) as read:
        assert read.duration == 3_000_000


@pytest.mark.parametrize("container", ["webm", "ogg", "m4a", "mp3", "wav"])
def test_every_container_is_heard_for_exactly_as_long_as_it_lasts(api, session, container):
    put(api, session, 0, encode(tone(2.0, frequency=440), container=container), start=0)
    put(api, session, 1, encode(tone(1.0, frequency=1000), container="wav"), start=2)
    [heard] = samples_of(play(api, session))
    assert len(heard) == 3 * RATE
    for start, stop, frequency in [(0.2, 1.8, 440), (2.2, 2.8, 1000)]:
        part = heard[int(start * RATE) : int(stop * RATE)]
        assert np.abs(np.fft.rfft(part)).argmax() * RATE / len(part) == pytest.approx(frequency, abs=2)
        assert level(part) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_gaps_are_silent_and_marked_with_their_cause(api, of_all_kinds):
    body = play(api, of_all_kinds)
    [heard] = samples_of(body)
    assert len(heard) == pytest.approx(9.8 * RATE, abs=0.2 * RATE)
    for start, stop in [(3.1, 4.4), (5.6, 6.4)]:
        assert not heard[int(start * RATE) : int(stop * RATE)].any()
    for start, stop in [(0.1, 0.9), (1.1, 2.9), (4.6, 5.4), (6.7, 8.2), (8.8, 9.5)]:
        assert level(heard[int(start * RATE) : int(stop * RATE)]) > 0.15
    head = body[:1000]
    assert b"pause: card data\0" in head
    assert b"never arrived\0" in head


def test_a_chunk_that_was_cut_short_leaves_the_next_ones_in_their_place(api, session):
    put(api, session, 0, encode(tone(1.0), container="wav"), HTTP_X_SAMPLE_RANGE="0-31999/16000")
    put(api, session, 1, encode(tone(1.0), container="wav"), HTTP_X_SAMPLE_RANGE="32000-47999/16000")
    for _ in ("before it is heard", "after"):
        [heard] = samples_of(play(api, session))
        assert len(heard) == 3 * RATE
        assert level(heard[: RATE - 100]) > 0.2
        assert not heard[RATE + 100 : 2 * RATE - 100].any()
        assert level(heard[2 * RATE + 100 :]) > 0.2
        do_all_jobs()
    assert b"never arrived: Damaged or cut short\0" in play(api, session)


@pytest.mark.parametrize("loss", ["object", "damage", "row"])
def test_what_is_lost_is_silence_and_logged_and_the_rest_is_heard(api, session, loss):
    for index in range(3):
        put(api, session, index, encode(tone(1.0), container="wav"))
    lost = AudioChunk.objects.get(chunk_index=1)
    recording = Recording.of(session)
    chunk_bytes.drop(lost)
    if loss == "object":
        blobs.erase(lost.s3_key)
    elif loss == "damage":
        blobs.put(lost.s3_key, b"OggS" + bytes(2000), content_type="audio/ogg")
    else:
        lost.delete()
    with structlog.testing.capture_logs() as logs:
        [heard] = samples_of(b"".join(recording.bytes_between(0, recording.size)))
    assert [(one["event"], one["chunk_index"], one["error"]) for one in logs] == [
        ("chunk_not_played", 1, "undecodable")
    ]
    assert not heard[RATE + 100 : 2 * RATE - 100].any()
    assert min(level(heard[: RATE - 100]), level(heard[2 * RATE + 100 :])) > 0.2


def test_a_store_that_is_away_is_no_silence(api, session, settings):
    put(api, session, 0)
    chunk_bytes.drop(session.chunks.get())
    there = settings.STORAGES["recordings"]
    away = {**there, "OPTIONS": {**there["OPTIONS"], "endpoint_url": "http://127.0.0.1:9"}}
    blobs._client.cache_clear()
    settings.STORAGES = {**settings.STORAGES, "recordings": away}
    try:
        response = api.get(at(session))
    finally:
        blobs._client.cache_clear()
    assert (response.status_code, response.json()["error"]["code"]) == (503, "store_unavailable")
    assert response["Retry-After"] == "5"


def test_two_channels_stay_apart_and_one_goes_to_both(api, agent):
    session = make_session(agent, channels=2)
    put(api, session, 0, encode(np.stack([tone(1.0), silence(1.0)]), container="wav"))
    put(api, session, 1, encode(tone(1.0), container="wav"))
    left, right = samples_of(play(api, session))
    assert level(left[:RATE]) == pytest.approx(0.212, abs=0.01)
    assert level(right[: RATE - 100]) < 0.001
    assert np.array_equal(left[RATE + 100 :], right[RATE + 100 :])
    assert level(right[RATE + 100 :]) == pytest.approx(0.212, abs=0.01)


def test_a_file_of_two_channels_is_mixed_in_a_recording_of_one(api, session):
    put(api, session, 0, encode(np.stack([tone(1.0), silence(1.0)]), container="wav"))
    [heard] = samples_of(play(api, session))
    assert level(heard) == pytest.approx(0.106, abs=0.005)


def test_samples_that_are_no_numbers_spoil_nothing(api, session):
    broken = tone(1.0)
    broken[8_000:8_010] = [np.nan, np.inf, -np.inf, 9e9, -9e9] * 2
    put(api, session, 0, encode(broken, container="wav", codec="pcm_f32le"))
    [heard] = samples_of(play(api, session))
    assert level(heard[9_000:]) == pytest.approx(0.212, abs=0.01)


@pytest.mark.parametrize("sound", ["speech", "tone"])
def test_nothing_is_heard_of_the_joints_between_chunks(api, agent, sound):
    """One encoding, cut as a recorder cuts it and uncut; and what one hears of both."""
    if sound == "tone":
        samples = tone(6.0, frequency=430, sample_rate=OPUS_RATE)
    else:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=OPUS_RATE)
        frame = av.AudioFrame.from_ndarray(speech()[None, : 6 * RATE].copy(), format="fltp", layout="mono")
        frame.sample_rate = RATE
        samples = np.concatenate([one.to_ndarray()[0] for given in (frame, None) for one in resampler.resample(given)])
    cut, uncut = make_session(agent), make_session(agent)
    second = 50 * 960
    chunks = cut_opus(samples, packets=50)
    for index, chunk in enumerate(chunks):
        first, stop = max(0, index * second - OPUS_DELAY), (index + 1) * second - OPUS_DELAY
        put(api, cut, index, chunk, HTTP_X_SAMPLE_RANGE=f"{first}-{stop - 1}/{OPUS_RATE}")
    put(api, uncut, 0, cut_opus(samples)[0])
    [one], [other] = samples_of(play(api, cut)), samples_of(play(api, uncut))
    assert len(one) == len(other)
    assert api.get(at(cut, "")).json()["verdict"]["gaps"] == []
    loudest = np.abs(one.astype(int) - other).max() / 32768
    print(f"joints of {sound}: {20 * np.log10(max(loudest, 1e-9)):.0f} dB")
    # A pure tone is what the pre-roll brings back slowest; -60 dB of full scale is far below what it masks.
    assert loudest < {"speech": 10 ** (-80 / 20), "tone": 10 ** (-60 / 20)}[sound]


def test_joints_of_plain_pcm_are_as_if_they_were_not_there(api, agent):
    cut, uncut = make_session(agent), make_session(agent)
    sweep = (0.5 * np.sin(2 * np.pi * np.cumsum(np.linspace(100, 6_000, 4 * OPUS_RATE)) / OPUS_RATE)).astype(np.float32)
    for index in range(4):
        part = sweep[index * OPUS_RATE : (index + 1) * OPUS_RATE]
        put(api, cut, index, encode(part, container="wav", sample_rate=OPUS_RATE))
    put(api, uncut, 0, encode(sweep, container="wav", sample_rate=OPUS_RATE))
    assert np.array_equal(samples_of(play(api, cut)), samples_of(play(api, uncut)))


# --- Ranges ---


def test_any_range_has_the_bytes_that_the_whole_has_there(api, of_all_kinds):
    whole = play(api, of_all_kinds)
    recording = Recording.of(of_all_kinds)
    dice = np.random.default_rng(7)
    joints = [len(recording.head) + second * RATE * 2 for second in (0, 1, 3, 4, 5, 6, 8)]
    for _ in range(scaled(60, 600)):
        start = int(dice.choice([*joints, dice.integers(len(whole))]) + dice.integers(-3, 4))
        first = max(0, min(start, len(whole) - 1))
        stop = min(len(whole), first + int(dice.choice([1, 2, 3, 1_000, 32_000, 100_000, len(whole)])))
        assert b"".join(recording.bytes_between(first, stop)) == whole[first:stop], (first, stop)


def test_two_channels_are_cut_at_any_byte_as_well(api, agent):
    session = make_session(agent, channels=2)
    for index in range(2):
        put(api, session, index, encode(np.stack([tone(1.0), tone(1.0, frequency=333)])))
    whole = play(api, session)
    for first, last in [(0, 9), (43, 45), (47, 64_001), (64_040, 64_090), (100_001, 127_999)]:
        assert play(api, session, HTTP_RANGE=f"bytes={first}-{last}") == whole[first : last + 1]


def test_a_range_is_answered_as_browsers_expect(api, session):
    put(api, session, 0)
    whole = api.get(at(session))
    size, etag = int(whole["Content-Length"]), whole["ETag"]
    body = body_of(whole)
    part = api.get(at(session), HTTP_RANGE="bytes=1000-1999")
    assert (part.status_code, part["Content-Range"], part["Content-Length"]) == (206, f"bytes 1000-1999/{size}", "1000")
    assert (part["ETag"], body_of(part)) == (etag, body[1000:2000])
    assert play(api, session, HTTP_RANGE="bytes=-500") == body[-500:]
    assert play(api, session, HTTP_RANGE="bytes=30000-") == body[30000:]
    assert play(api, session, HTTP_RANGE="bytes=0-1,5-6") == body
    assert play(api, session, HTTP_RANGE="bytes=5-9", HTTP_IF_RANGE='"another"') == body
    assert play(api, session, HTTP_RANGE="bytes=5-9", HTTP_IF_RANGE=etag) == body[5:10]
    assert play(api, session, HTTP_RANGE="bytes=5-9", HTTP_ACCEPT="audio/wav") == body[5:10]


def test_a_range_beyond_the_end_is_refused_with_the_size(api, session):
    put(api, session, 0)
    size = api.head(at(session))["Content-Length"]
    refused = api.get(at(session), HTTP_RANGE=f"bytes={size}-")
    assert (refused.status_code, refused["Content-Range"]) == (416, f"bytes */{size}")
    assert refused.json()["error"]["code"] == "no_such_range"


def test_what_is_known_is_not_sent_again(api, session):
    put(api, session, 0)
    etag = api.get(at(session))["ETag"]
    for known in (etag, f'W/{etag}, "x"', "*"):
        assert api.get(at(session), HTTP_IF_NONE_MATCH=known).status_code == 304
    assert api.get(at(session), HTTP_IF_NONE_MATCH='"x"').status_code == 200


def test_a_head_tells_the_length_and_reads_nothing(api, session, fetched):
    put(api, session, 0)
    told = api.head(at(session))
    assert (told.status_code, told.content, fetched) == (200, b"", [])
    assert int(told["Content-Length"]) == len(play(api, session))


def test_it_can_be_saved_under_a_name(api, session):
    put(api, session, 0)
    name = f'filename="recording-{str(session.pk)[:8]}.wav"'
    assert api.head(at(session))["Content-Disposition"] == f"inline; {name}"
    assert api.head(f"{at(session)}?download")["Content-Disposition"] == f"attachment; {name}"
    assert api.head(at(session))["Cache-Control"] == "private, no-store"


# --- What it follows ---


def test_a_late_chunk_and_a_gap_that_is_told_make_another_file(api, session):
    put(api, session, 0, start=0)
    put(api, session, 2, start=2)
    seen = {api.head(at(session))["ETag"]}
    assert not samples_of(play(api, session))[0][RATE + 100 : 2 * RATE - 100].any()
    declare(api, session, start=1.2, end=1.5, cause="device", reason="Microphone unplugged")
    seen.add(api.head(at(session))["ETag"])
    put(api, session, 1, start=1)
    seen.add(api.head(at(session))["ETag"])
    assert len(seen) == 3
    assert level(samples_of(play(api, session))[0][RATE + 100 : 2 * RATE - 100]) > 0.2


def test_a_chunk_that_becomes_opus_in_mid_play_does_not_break_the_player(api, session):
    for index in range(3):
        put(api, session, index, encode(tone(1.0), container="wav"))
    recording = Recording.of(session)
    pieces = recording.bytes_between(0, recording.size)
    begun = next(pieces)
    do_all_jobs()
    assert set(AudioChunk.objects.values_list("codec", flat=True)) == {"opus"}
    body = begun + b"".join(pieces)
    assert len(body) == recording.size
    assert level(samples_of(body)[0][2 * RATE :]) > 0.2
    assert Recording.of(session).etag == recording.etag


# --- Who may, and what is told when there is nothing ---


def test_a_recording_without_a_chunk_has_nothing_to_play(api, session):
    response = api.get(at(session))
    assert (response.status_code, response.json()["error"]["code"]) == (404, "nothing_recorded")


def test_it_is_heard_by_who_may_see_the_recording(api, session, supervisor, stranger, client):
    put(api, session, 0)
    assert bearer(supervisor).get(at(session)).status_code == 200
    assert bearer(stranger).get(at(session)).status_code == 404
    assert bearer(make_user(session.tenant, "agent")).get(at(session)).status_code == 404
    assert client.get(at(session)).status_code == 401


# --- Ten hours ---


@pytest.fixture
def fetched(monkeypatch):
    """The keys of the objects that were fetched from the store."""
    keys = []
    get = blobs.get
    monkeypatch.setattr(blobs, "get", lambda key: keys.append(key) or get(key))
    return keys


def ten_hours(session, *, chunks=1200):
    """Rows of thirty seconds each that share three objects."""
    objects = []
    for number in range(3):
        body = encode(np.tile(speech(), 2)[number * RATE :][: 30 * RATE])
        key = f"{session.s3_base_key}shared_{number}.ogg"
        blobs.put(key, body, content_type=OGG.content_type)
        objects.append((key, body, hashlib.sha256(body).hexdigest()))
    rows = []
    for index in range(chunks):
        key, body, checksum = objects[index % 3]
        rows.append(
            AudioChunk(
                session=session,
                chunk_index=index,
                start_time_seconds=30.0 * index,
                end_time_seconds=30.0 * index + 30,
                duration_seconds=30.0,
                declared_seconds=30.0,
                decoded_seconds=30.0,
                s3_key=key,
                content_type=OGG.content_type,
                codec="opus",
                file_size_bytes=len(body),
                checksum=checksum,
                stored_checksum=checksum,
                upload_status="uploaded",
                received_at=session.start_time,
            )
        )
    AudioChunk.objects.bulk_create(rows)


def test_ten_hours_are_sought_in_by_reading_next_to_nothing(api, session, fetched):
    ten_hours(session)
    size = int(api.head(at(session))["Content-Length"])
    assert size == pytest.approx(10 * 3600 * RATE * 2, rel=0.001)
    dice = np.random.default_rng(3)
    took = []
    for _ in range(10):
        first = int(dice.integers(size - 100_000))
        fetched.clear()
        began = time.perf_counter()
        response = api.get(at(session), HTTP_RANGE=f"bytes={first}-")
        next(iter(response.streaming_content))
        took.append(time.perf_counter() - began)
        response.close()
        assert 1 <= len(fetched) <= 3
    print(f"a seek in ten hours: {sorted(took)[5] * 1000:.0f} ms, at most {max(took) * 1000:.0f} ms")


def resident_mb():
    """The process's memory: what FFmpeg takes is none of Python's own."""
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=True)
    return int(told.stdout) / 1024


def test_what_a_listener_costs_does_not_grow_with_the_recording(session):
    ten_hours(session)
    recording = Recording.of(session)
    minutes = scaled(12, 60)
    pieces = recording.bytes_between(0, len(recording.head) + minutes * 60 * RATE * 2)
    for _ in range(120):
        assert len(next(pieces)) < 100_000
    before, began = resident_mb(), time.process_time()
    for _ in range((minutes - 3) * 60):
        next(pieces)
    spent = (time.process_time() - began) / (minutes - 3)
    grown = resident_mb() - before
    print(f"played on for {minutes - 3} min: {grown:.1f} MB more; {spent:.2f} s of CPU a minute")
    assert grown < 8


def test_the_head_names_at_most_so_many_gaps(api, session):
    put(api, session, 0, start=0)
    put(api, session, 1, start=2000)
    session.gaps.bulk_create(
        session.gaps.model(session=session, start_seconds=1.0 + n, end_seconds=1.5 + n, cause="pause", reason="x")
        for n in range(1500)
    )
    recording = Recording.of(session)
    assert recording.head.count(b"labl") == 1000
    assert (
        recording.size == len(wav.header(0, channels=1, sample_rate=RATE)) + len(recording.head[44:]) + 2001 * RATE * 2
    )
