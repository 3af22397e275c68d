"""Files that are something else besides, or more than they seem."""

import gzip
import struct
import zlib

import pytest

from audio import sending
from audio.containers import inspect
from audio.errors import AudioError, Undecodable
from audio.models import AudioChunk
from tests.builders import put_chunk
from tests.sound import encode, tone

PLAYLIST = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
LISTS = {
    "m3u8": PLAYLIST,
    "ffconcat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "m3u8 behind an ID3 tag": b"ID3\x03\x00\x00\x00\x00\x00\x00" + PLAYLIST,
    "m3u8 as an Ogg page": b"OggS" + PLAYLIST,
    "m3u8 in an ftyp box": b"\x00\x00\x00\x18ftypM4A " + b"\x00" * 12 + PLAYLIST,
    "m3u8 in a WAVE": b"RIFF\x24\x00\x00\x00WAVE" + PLAYLIST,
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "html": b"<!doctype html><script>alert(1)</script>",
    "pdf": b"%PDF-1.7\n",
    "zip": b"PK\x03\x04" + b"\x00" * 60,
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("said", ["audio/ogg", "text/html", "application/vnd.apple.mpegurl"])
def test_a_list_of_other_files_or_a_page_is_no_sound_whatever_it_is_called(api, session, kind, said):
    answer = put_chunk(api, session, 0, LISTS[kind], content_type=said)
    assert answer.status_code in {415, 422}
    assert not AudioChunk.objects.exists()


def test_a_page_inside_a_sound_never_comes_back_as_it_was_sent(api, client, agent, session):
    """An Ogg file may have any text among its comments; what is played is made anew from what is heard."""
    body = encode(tone(1.0)) + b"<script>alert(1)</script>"
    assert put_chunk(api, session, 0, body, content_type="text/html").status_code in {201, 422}
    played = api.get(f"/api/audio/sessions/{session.pk}/audio")
    assert played["Content-Type"] == "audio/wav"
    assert b"<script>" not in b"".join(played)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_nothing_is_unpacked_on_the_way_in(api, session, encoding):
    bomb = gzip.compress(bytes(20 * 2**20)) if encoding == "gzip" else zlib.compress(bytes(20 * 2**20))
    answer = put_chunk(api, session, 0, bomb, headers={"Content-Encoding": encoding})
    assert answer.status_code == 415
    told = api.post("/api/conversations", bomb, content_type="application/json", HTTP_CONTENT_ENCODING=encoding)
    assert told.status_code in {400, 403}


FTYP = b"\x00\x00\x00\x18ftypM4A " + bytes(12)


def wave(rate, *, claims):
    """A WAVE of eight bits that says how long its sound is, and holds four bytes of it."""
    head = struct.pack("<IHHIIHH", 16, 1, 1, rate, rate, 1, 8)
    return b"RIFF" + struct.pack("<I", claims) + b"WAVEfmt " + head + b"data" + struct.pack("<I", claims) + b"abcd"


def ogg_head(stream):
    head = b"OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00"
    return b"OggS\x00\x02" + bytes(8) + struct.pack("<II", stream, 0) + bytes(4) + bytes([1, len(head)]) + head


@pytest.mark.parametrize(
    "body",
    [
        # A box that says it is as long as all memory there is, in either way of saying so.
        FTYP + b"\xff\xff\xff\xffmoov",
        FTYP + b"\x00\x00\x00\x01moov" + b"\xff" * 8,
        # Boxes in boxes.
        FTYP + (struct.pack(">I", 2**31) + b"moov") * 5000,
        # A rate at which one byte is an hour.
        wave(1, claims=4),
        # A tag of 256 megabytes.
        b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(1000),
        # Matroska of unknown size, all the way down.
        b"\x1a\x45\xdf\xa3\x88\x42\x82\x85webm\x00" + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" * 2000,
        # A thousand streams.
        b"".join(map(ogg_head, range(1000))),
    ],
    ids=["box", "long box", "boxes in boxes", "slow", "tag", "unknown size", "streams"],
)
def test_a_small_file_that_claims_to_be_large_is_refused_without_being_believed(body):
    with pytest.raises(AudioError):
        inspect(body)


def test_silence_that_is_claimed_and_not_there_is_not_counted():
    """Four gigabytes, by what the file says of itself."""
    assert inspect(wave(8000, claims=0xFFFFFF00)).duration_seconds < 0.01


@pytest.mark.parametrize("kind", ["m3u8", "ffconcat"])
def test_a_file_that_is_sent_by_hand_leads_to_no_other(tmp_path, kind):
    other = tmp_path / "other.ogg"
    other.write_bytes(encode(tone(1.0)))
    lists = {
        "m3u8": "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/other.ogg\n#EXT-X-ENDLIST\n",
        "ffconcat": "ffconcat version 1.0\nfile 'http://127.0.0.1:9/other.ogg'\n",
    }
    file = tmp_path / f"call.{kind}"
    file.write_text(lists[kind])
    with pytest.raises(Undecodable):
        list(sending.record(file, channels=1))


def test_a_name_that_would_be_an_address_is_a_files_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "http:call.ogg"
    file.write_bytes(encode(tone(1.0)))
    assert sending.duration_of(file.relative_to(tmp_path)) == pytest.approx(1.0, abs=0.1)
