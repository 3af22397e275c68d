"""What came as something else becomes Opus, and nothing of it is lost on the way."""

import numpy as np
import pytest

from audio import blobs, chunk_bytes, containers, hearing
from audio.analysis import decoding
from audio.models import AnalysisJob, AudioChunk
from tests.builders import do_all_jobs, make_session, put_chunk
from tests.scale import scaled
from tests.sound import encode, noise, silence, speech, tone

CHUNKS_OF_AN_HOUR = 120


@pytest.mark.parametrize(
    ("container", "codec", "extension"),
    [("wav", "pcm_s16le", "ogg"), ("mp3", "mp3", "ogg"), ("m4a", "aac", "ogg"), ("ogg", "flac", "webm")],
)
def test_what_is_no_opus_becomes_opus_of_the_same_length(api, session, container, codec, extension):
    body = encode(speech()[: 16_000 * 5], container=container, codec=None if container != "ogg" else "flac")
    original = put_chunk(api, session, 0, body).json()
    assert original["codec"] == codec
    do_all_jobs()
    chunk = AudioChunk.objects.get()
    assert (chunk.codec, chunk.s3_key) == ("opus", f"audio/{session.pk}/chunk_0000.{extension}")
    assert chunk.checksum == original["checksum"], "repeats are compared with what was received"
    stored = blobs.get(chunk.s3_key)
    assert (len(stored), blobs.digest_of(chunk.s3_key)) == (chunk.compressed_size_bytes, chunk.stored_checksum)
    assert chunk.compression_ratio == pytest.approx(len(body) / len(stored), abs=0.001)
    assert blobs.get(original["s3_key"]) is None, "the original goes"
    sound = decoding.decode(stored, channels=1, container=containers.sniff(stored))
    assert sound.duration == pytest.approx(chunk.decoded_seconds, abs=0.02)
    assert chunk.analysis_results["transcoding"]["state"] == "completed"


def test_what_is_sent_again_after_that_is_known(api, session):
    body = encode(tone(1.0), container="wav")
    put_chunk(api, session, 0, body)
    do_all_jobs()
    assert put_chunk(api, session, 0, body).status_code == 200


def test_opus_stays_as_it_came(api, session):
    body = encode(tone(1.0))
    put_chunk(api, session, 0, body)
    do_all_jobs()
    assert not AnalysisJob.objects.filter(kind="transcoding").exists()
    assert blobs.get(AudioChunk.objects.get().s3_key) == body


def test_two_channels_stay_two_and_apart(api, agent):
    session = make_session(agent, channels=2)
    put_chunk(api, session, 0, encode(np.stack([tone(2.0), silence(2.0)]), container="wav"))
    do_all_jobs()
    stored, container = chunk_bytes.read_file(AudioChunk.objects.get())
    left, right = decoding.decode(stored, channels=2, container=container).samples
    assert np.abs(left).max() > 0.2
    assert np.abs(right).max() < 0.01


def test_a_file_that_does_not_decode_is_kept_as_it_came(api, session):
    body = bytearray(encode(tone(1.0), container="m4a"))
    media = body.find(b"mdat")
    size = int.from_bytes(body[media - 4 : media], "big") - 8
    body[media + 4 : media + 4 + size] = b"\xff" * size
    put_chunk(api, session, 0, bytes(body))
    do_all_jobs()
    assert blobs.get(AudioChunk.objects.get().s3_key) == bytes(body)
    assert not AnalysisJob.objects.filter(kind="transcoding").exists()


def test_whoever_read_the_row_before_finds_the_sound_after(api, session):
    put_chunk(api, session, 0, encode(tone(1.0), container="wav"))
    before = AudioChunk.objects.get()
    do_all_jobs()
    assert chunk_bytes.read(before) == blobs.get(AudioChunk.objects.get().s3_key)


def test_done_twice_is_done_once(api, session):
    put_chunk(api, session, 0, encode(tone(1.0), container="wav"))
    do_all_jobs()
    job = AnalysisJob.objects.get(kind="transcoding")
    once = AudioChunk.objects.get()
    hearing.work(job.pk, task_id="again")
    assert AudioChunk.objects.get().stored_checksum == once.stored_checksum


@pytest.mark.parametrize("container", ["wav", "ogg"])
def test_an_hour_costs_a_quarter_of_its_wav_or_less(api, session, container):
    """Speech with noise behind it: what Opus finds hardest of what people record."""
    half_a_minute = np.tile(speech(), 2)[: 16_000 * 30] + noise(30.0, level=0.02)
    body = encode(half_a_minute, container=container, bit_rate=48_000 if container == "ogg" else None)
    chunks = scaled(2, CHUNKS_OF_AN_HOUR)
    for index in range(chunks):
        put_chunk(api, session, index, body)
    for job in AnalysisJob.objects.filter(kind="analysis"):
        hearing.work(job.pk, task_id="a")
    for chunk in AudioChunk.objects.all():
        hearing.jobs.create(chunk, "transcoding")
    if container == "wav":
        for job in AnalysisJob.objects.filter(kind="transcoding"):
            hearing.work(job.pk, task_id="t")
    cost = sum(AudioChunk.objects.values_list("compressed_size_bytes", flat=True))
    wav = chunks * 30 * 16_000 * 2
    assert cost <= wav / 4, f"{cost / wav:.3f}"
