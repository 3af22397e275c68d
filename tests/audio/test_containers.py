"""The door's look at an upload: what it is, how long it lasts, and no errors but AudioErrors."""

import struct
from contextlib import suppress
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio import containers
from audio.errors import AudioError, EmptyBody, NoAudio, NotAudio, TooLong
from tests import sound
from tests.scale import scaled

EXTENSIONS = [container.extension for container in containers.CONTAINERS]
TWO_SECONDS = {extension: sound.encode(sound.tone(2.0), container=extension) for extension in EXTENSIONS}
FRAGMENTED = sound.encode(
    sound.tone(2.0), container="m4a", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_sniff_knows_each_container_by_its_content(extension: str) -> None:
    container = containers.sniff(TWO_SECONDS[extension])
    assert container is not None
    assert container.extension == extension


def test_sniff_knows_mp3_with_and_without_a_tag() -> None:
    tagged = TWO_SECONDS["mp3"]
    assert tagged.startswith(b"ID3")
    bare = sound.encode(sound.tone(2.0), container="mp3", options={"id3v2_version": "0"})
    assert not bare.startswith(b"ID3")
    assert containers.sniff(tagged) is containers.sniff(bare) is containers.MP3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x1a\x45\xdf\xa3",
        b"RIFF\x00\x00\x00\x00AVI LIST",
        b"\xff\xfb\x90\x00" + bytes(2000),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"%PDF-1.7",
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"this text was uploaded as audio/webm",
    ],
)
def test_sniff_knows_nothing_else(body: bytes) -> None:
    assert containers.sniff(body) is None


def test_sniff_refuses_other_documents_in_the_same_markup() -> None:
    assert containers.sniff(TWO_SECONDS["webm"].replace(b"webm", b"note", 1)) is None


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("extension", ["webm", "ogg", "mp3", "wav"])
def test_inspect_gives_the_length_that_was_recorded(extension: str, sample_rate: int) -> None:
    body = sound.encode(sound.tone(3.3, sample_rate=sample_rate), container=extension, sample_rate=sample_rate)
    inspection = containers.inspect(body)
    assert inspection.duration_seconds == pytest.approx(3.3, abs=0.0005)
    assert inspection.sample_rate == (48_000 if inspection.codec == "opus" else sample_rate)
    assert inspection.channels == 1


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+empty_moov"}])
def test_inspect_gives_the_length_of_mpeg_4_within_a_frame(options: dict[str, str]) -> None:
    body = sound.encode(sound.tone(3.3, sample_rate=44_100), container="m4a", sample_rate=44_100, options=options)
    assert containers.inspect(body).duration_seconds == pytest.approx(3.3, abs=1024 / 44_100 + 0.001)


def test_inspect_counts_channels() -> None:
    both = np.stack([sound.tone(1.0), sound.tone(1.0, frequency=600.0)])
    for extension in EXTENSIONS:
        assert containers.inspect(sound.encode(both, container=extension)).channels == 2


def test_inspect_takes_pre_roll_off_an_ogg_chunk() -> None:
    """A chunk of a longer recording begins with packets that only warm up the decoder: pre-skip."""
    body = sound.encode(sound.tone(3.0), container="ogg")
    (pre_skip,) = struct.unpack_from("<H", body, body.index(b"OpusHead") + 10)
    longer = _with_pre_skip(body, pre_skip + 32 * 960)
    assert containers.inspect(longer).duration_seconds == pytest.approx(3.0 - 32 * 0.02, abs=0.0005)


def test_inspect_reads_a_webm_that_was_streamed_without_a_length() -> None:
    body = sound.encode(sound.tone(2.0), container="webm", options={"live": "1"})
    assert containers.inspect(body).duration_seconds == pytest.approx(2.0, abs=0.021)


def test_inspect_reads_flac_in_ogg_and_opus_in_mpeg_4() -> None:
    assert containers.inspect(sound.encode(sound.tone(2.0), container="ogg", codec="flac")).codec == "flac"
    opus = containers.inspect(sound.encode(sound.tone(2.0), container="m4a", codec="libopus"))
    assert opus.codec == "opus"
    assert opus.duration_seconds == pytest.approx(2.0, abs=0.021)


def test_inspect_takes_what_is_there_of_a_truncated_file() -> None:
    body = TWO_SECONDS["ogg"]
    assert 0.0 < containers.inspect(body[: len(body) * 2 // 3]).duration_seconds < 1.9


def test_inspect_says_that_nothing_came() -> None:
    with pytest.raises(EmptyBody):
        containers.inspect(b"")


@pytest.mark.parametrize("body", [b"good morning", bytes(1000), b"\x89PNG\r\n\x1a\n" + bytes(100), b"ID3" + bytes(500)])
def test_inspect_says_that_it_is_not_audio(body: bytes) -> None:
    with pytest.raises((NotAudio, NoAudio)):
        containers.inspect(body)


def test_inspect_says_that_there_is_only_a_header() -> None:
    webm = sound.encode(sound.tone(1.0), container="webm", options={"live": "1"})
    ogg, wav = TWO_SECONDS["ogg"], TWO_SECONDS["wav"]
    second_page_ends = ogg.index(b"OggS", ogg.index(b"OpusTags"))
    for header in (
        webm[: webm.index(b"\x1f\x43\xb6\x75")],
        ogg[:second_page_ends],
        wav[: wav.index(b"data") + 8],
    ):
        with pytest.raises(NoAudio):
            containers.inspect(header)


def test_inspect_refuses_codecs_that_nobody_records_calls_in() -> None:
    body = sound.encode(sound.tone(1.0), container="wav", codec="adpcm_ms")
    with pytest.raises(NotAudio):
        containers.inspect(body)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_inspect_refuses_what_is_too_long(extension: str) -> None:
    with pytest.raises(TooLong):
        containers.inspect(TWO_SECONDS[extension], longest_seconds=1.9)


def test_inspect_refuses_a_small_file_that_holds_an_hour() -> None:
    """Silence in Opus is three bytes for 60 ms."""
    body = BytesIO()
    with (
        av.open(BytesIO(TWO_SECONDS["ogg"]), mode="r", format="ogg") as source,
        av.open(body, mode="w", format="ogg") as target,
    ):
        stream = target.add_stream_from_template(source.streams.audio[0])
        for index in range(60_000):
            packet = av.Packet(b"\x18\xff\xfe")
            packet.stream, packet.time_base = stream, Fraction(1, 48_000)
            packet.pts = packet.dts = index * 2_880
            target.mux(packet)
    assert len(body.getvalue()) < 400_000
    with pytest.raises(TooLong):
        containers.inspect(body.getvalue())


def test_inspect_refuses_one_packet_that_says_it_lasts_for_days() -> None:
    wav = bytearray(TWO_SECONDS["wav"])
    struct.pack_into("<I", wav, 24, 1)
    with pytest.raises(AudioError):
        containers.inspect(bytes(wav))


def test_inspect_refuses_a_fragment_that_announces_millions_of_samples() -> None:
    """Opened as it is, this kilobyte makes the demuxer ask for two gigabytes."""
    body = bytearray(FRAGMENTED)
    run = body.index(b"trun")
    body[run + 5 : run + 8] = b"\x00\x00\x01"
    struct.pack_into(">I", body, run + 8, 60_000_000)
    with pytest.raises(TooLong):
        containers.inspect(bytes(body))


def test_inspect_refuses_a_table_that_announces_millions_of_samples() -> None:
    body = bytearray(TWO_SECONDS["m4a"])
    struct.pack_into(">II", body, body.index(b"stsz") + 8, 6, 60_000_000)
    with pytest.raises(TooLong):
        containers.inspect(bytes(body))


def test_inspect_does_not_follow_references_to_other_files() -> None:
    """A QuickTime data reference to another file: no audio, or not read from there."""
    body = TWO_SECONDS["m4a"].replace(b"url \x00\x00\x00\x01", b"alis\x00\x00\x00\x00")
    assert body != TWO_SECONDS["m4a"]
    with suppress(AudioError):
        containers.inspect(body)


@settings(max_examples=scaled(300, 3000), deadline=None)
@given(st.binary(max_size=3000))
def test_inspect_raises_nothing_but_audio_errors_for_random_bytes(body: bytes) -> None:
    _inspect_calmly(body)


@settings(max_examples=scaled(300, 3000), deadline=None)
@given(
    st.sampled_from([b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm", b"OggS", b"\x00\x00\x00\x18ftypM4A ", b"ID3\x04"]),
    st.binary(max_size=2000),
)
def test_inspect_raises_nothing_but_audio_errors_for_random_bytes_after_a_true_beginning(
    beginning: bytes, rest: bytes
) -> None:
    _inspect_calmly(beginning + rest)


@settings(max_examples=scaled(500, 5000), deadline=None, suppress_health_check=[HealthCheck.data_too_large])
@given(st.data())
def test_inspect_raises_nothing_but_audio_errors_for_damaged_files(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from([*TWO_SECONDS.values(), FRAGMENTED])))
    del body[data.draw(st.integers(0, len(body))) :]
    # Half of the damage goes where the headers are.
    for _ in range(data.draw(st.integers(0, 8)) if body else 0):
        farthest = min(len(body), 1200) if data.draw(st.booleans()) else len(body)
        body[data.draw(st.integers(0, farthest - 1))] = data.draw(st.integers(0, 255))
    _inspect_calmly(bytes(body))


@settings(max_examples=scaled(300, 3000), deadline=None)
@given(st.sampled_from([TWO_SECONDS["m4a"], FRAGMENTED]), st.data())
def test_inspect_raises_nothing_but_audio_errors_for_damaged_boxes(whole: bytes, data: st.DataObject) -> None:
    """MPEG-4 keeps its index in boxes at the end or in fragments: damage there, four bytes at a time."""
    body = bytearray(whole)
    mark = data.draw(st.sampled_from([b"stsz", b"stts", b"stsc", b"stco", b"trun", b"tfhd", b"mdhd", b"stsd", b"elst"]))
    at = body.find(mark)
    if at >= 0:
        at += 4 * data.draw(st.integers(-1, 8))
        body[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
    _inspect_calmly(bytes(body))


def _inspect_calmly(body: bytes) -> None:
    try:
        inspection = containers.inspect(body)
    except AudioError:
        return
    assert 0.0 <= inspection.duration_seconds <= 120.0


def _with_pre_skip(body: bytes, pre_skip: int) -> bytes:
    """An Ogg Opus file whose header asks for `pre_skip`, its first page's checksum made anew."""
    changed = bytearray(body)
    struct.pack_into("<H", changed, changed.index(b"OpusHead") + 10, pre_skip)
    end = changed.index(b"OggS", 4)
    changed[22:26] = bytes(4)
    checksum = 0
    for byte in changed[:end]:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    struct.pack_into("<I", changed, 22, checksum)
    return bytes(changed)
