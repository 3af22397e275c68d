"""What an upload is, and how long it lasts, without decoding it.

1. `sniff` tells the container from the first bytes. The declared type is never asked.
2. `inspect` walks the packets of the first audio stream, adds up how long each says it lasts, and takes off what
   a decoder would throw away: Opus pre-skip, CodecDelay, encoder padding, the trim at the end. Opus in Ogg that is
   as it should be is read without a demuxer, with the same result (`ogg.py`).

The body comes from outside, so the demuxer is never left to guess a format (a playlist or a script of files
to join would then be opened and followed), may open nothing beside the body, and is bounded in packets, bytes
and seconds.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NoReturn, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from audio import ffmpeg_memory, ogg
from audio.errors import EmptyBody, NoAudio, NotAudio, TooLong

# Up to PyAV 18 a file whose tags are not UTF-8 is refused unless one says otherwise; PyAV 19 takes it by itself, and
# would not know the word. Which of the two there is depends on the Python.
_TAGS: dict[str, Any] = {"metadata_errors": "ignore"} if int(av.__version__.split(".")[0]) < 19 else {}
# Generic in PyAV's stubs only.
AudioPacket: TypeAlias = "Packet[AudioStream]"


@dataclass(frozen=True, slots=True)
class Container:
    """A file format: name shown to people, extension and media type stored, and FFmpeg's demuxer for it."""

    name: str
    extension: str
    content_type: str
    ffmpeg_format: str


WEBM = Container("WebM", "webm", "audio/webm", "matroska")
OGG = Container("Ogg", "ogg", "audio/ogg", "ogg")
M4A = Container("MPEG-4", "m4a", "audio/mp4", "mov")
MP3 = Container("MP3", "mp3", "audio/mpeg", "mp3")
WAV = Container("WAV", "wav", "audio/wav", "wav")
CONTAINERS = (WEBM, OGG, M4A, MP3, WAV)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the packets say.

    `sample_rate` in Hz is the codec's (Opus always says 48000), not the microphone's.
    """

    container: Container
    codec: str
    duration_seconds: float
    sample_rate: int
    channels: int


# What browsers, telephones and people's own files hold. FFmpeg has decoders for hundreds of formats that
# nobody records calls in and few people test: each is only a way in.
CODECS = frozenset({"opus", "vorbis", "flac", "aac", "alac", "mp3"}) | frozenset(
    f"pcm_{sample}" for sample in ("u8", "s16le", "s24le", "s32le", "f32le", "f64le", "alaw", "mulaw")
)
# FFmpeg has second decoders for some of these, under names of their own.
DECODERS = ",".join(sorted(CODECS | {"libopus", "libvorbis", "mp3float"}))

ffmpeg_memory.bound()

# The shortest Opus packet is 2.5 ms: 120 s of them are 48,000.
MOST_PACKETS = 60_000
# Opus pre-skip is 16 bits of 48 kHz samples, 1.37 s; no other format here needs as much.
LONGEST_SKIP = 1.5
# A packet can carry a few bytes that the file holds once for all of them (stripped headers), but packets that
# add up to far more than the file were made by decompression, or are one stretch of bytes told many times.
MOST_BYTES_PER_BYTE = 2
# A file has one tag before its sound, or two, and a handful of chunks beside it.
MOST_TAGS, MOST_RIFF_CHUNKS = 100, 1000
# Nothing of the kind may reach the sums: a rate near zero makes years of one packet.
LOWEST_RATE, HIGHEST_RATE, MOST_CHANNELS = 4_000, 384_000, 8


def sniff(body: bytes) -> Container | None:
    """The container these bytes are, or None.

    Looks at the beginning only: it may still turn out to be damaged.
    """
    if body.startswith(b"\x1a\x45\xdf\xa3"):
        return WEBM if _document_type(body) in (b"webm", b"matroska") else None
    if body.startswith(b"OggS"):
        return OGG
    if body[4:8] == b"ftyp":
        return M4A
    if body.startswith(b"RIFF") and body[8:12] == b"WAVE":
        return WAV
    if body.startswith(b"ID3") or _begins_with_mp3_frames(body):
        return MP3
    return None


def inspect(body: bytes, *, longest_seconds: float = 120.0) -> Inspection:
    """Demux `body` and say what it is and how many seconds it lasts.

    Raises EmptyBody; NotAudio when it is no container known here, is damaged, or holds a codec nobody records
    in; NoAudio when the container holds no audio packet; TooLong as soon as it is known to pass
    `longest_seconds`. Nothing else.
    """
    if not body:
        raise EmptyBody("The upload is empty.")
    container = sniff(body)
    if container is None:
        raise NotAudio("This is not a WebM, Ogg, MPEG-4, MP3 or WAV file.")
    by_pages = _by_pages(body, longest_seconds) if container is OGG else None
    return by_pages or _by_packets(body, container, longest_seconds)


def _by_pages(body: bytes, longest_seconds: float) -> Inspection | None:
    """What the demuxer would say, of Opus in Ogg that is as it should be and not too long; None of all else."""
    told = ogg.look(body)
    if told is None or told.packets > MOST_PACKETS:
        return None
    # Microseconds: a thousand lengths of 0.02 do not add up to the last digit.
    seconds = round(max(told.seconds - told.skipped, 0.0), 6)
    if seconds > longest_seconds or told.seconds > longest_seconds + LONGEST_SKIP:
        return None
    return Inspection(OGG, "opus", seconds, ogg.SAMPLE_RATE, told.channels)


def _by_packets(body: bytes, container: Container, longest_seconds: float) -> Inspection:
    try:
        with open_container(body, container) as source:
            return _inspect(source, container, len(body), longest_seconds)
    except EOFError as error:
        raise NoAudio(f"The {container.name} file ends before any sound begins.") from error
    except (FFmpegError, ValueError, OverflowError, MemoryError) as error:
        raise NotAudio(f"The {container.name} file is damaged and cannot be read.") from error


def open_container(body: bytes, container: Container) -> InputContainer:
    """`body` opened by the demuxer of `container` and no other, unable to reach any other file or codec.

    Raises TooLong or NotAudio for what would be costly merely to open, FFmpegError for what cannot be opened.
    """
    if container is M4A:
        _refuse_long_sample_tables(body)
    if container is WAV:
        _refuse_many_chunks(body)
    source: InputContainer = av.open(
        BytesIO(_without_tags(body, container)),
        mode="r",
        format=container.ffmpeg_format,
        options={"codec_whitelist": DECODERS, "protocol_whitelist": "", "enable_drefs": "0"},
        **_TAGS,
        io_open=_open_nothing_else,
    )
    return source


def first_audio(source: InputContainer) -> AudioStream:
    """The first audio stream.

    Raises NoAudio when there is none, NotAudio when its codec is not in `CODECS`.
    """
    stream = next(iter(source.streams.audio), None)
    if stream is None:
        raise NoAudio("The file holds no audio.")
    context = stream.codec_context
    if context is None or context.codec.canonical_name not in CODECS:
        raise NotAudio("The file holds audio in a format that is not supported here.")
    if not (LOWEST_RATE <= (context.sample_rate or 0) <= HIGHEST_RATE and 1 <= context.channels <= MOST_CHANNELS):
        raise NotAudio("The file holds audio at an impossible sample rate or number of channels.")
    return stream


def _open_nothing_else(*_arguments: object) -> NoReturn:
    raise PermissionError("an upload may not refer to another file")


def _inspect(source: InputContainer, container: Container, size: int, longest_seconds: float) -> Inspection:
    stream = first_audio(source)
    context = stream.codec_context
    codec = context.codec.canonical_name
    lasting, skipped, packets, held = 0.0, 0.0, 0, 0
    for packet, duration in _timed(source.demux(stream), is_opus=codec == "opus"):
        packets += 1
        held += packet.size
        lasting += duration
        # Asked by its name of each of 1500 packets, it would be a fifth of all this costs.
        if next(packet.iter_sidedata(), None) is not None:
            skipped += min(_skip(packet, context.sample_rate), duration + LONGEST_SKIP)
        if packets > MOST_PACKETS or lasting > longest_seconds + LONGEST_SKIP:
            raise TooLong(f"The audio is longer than {longest_seconds:g} seconds.")
        if held > size * MOST_BYTES_PER_BYTE:
            raise NotAudio("The file holds more audio than its size allows.")
    if not packets:
        raise NoAudio("The file holds no audio.")
    seconds = round(max(lasting - skipped, 0.0), 6)
    if seconds > longest_seconds:
        raise TooLong(f"The audio is longer than {longest_seconds:g} seconds.")
    return Inspection(container, codec, seconds, context.sample_rate, context.channels)


def _timed(packets: Iterator[AudioPacket], *, is_opus: bool) -> Iterator[tuple[AudioPacket, float]]:
    """Each packet that holds anything, with its length in seconds before trimming.

    Opus packets say it themselves, exactly, where containers round or leave it out. A packet without a length
    lasts until the next one; the last of those as long as the one before it.
    """
    waiting: AudioPacket | None = None
    usual = 0.0
    for packet in packets:
        if not packet.size:
            continue
        if waiting is not None:
            usual = _until(waiting, packet) or usual
            yield waiting, usual
            waiting = None
        if is_opus:
            yield packet, ogg.packet_seconds(bytes(packet)[:2])
        elif packet.duration:
            yield packet, max(packet.duration * _time_base(packet), 0.0)
        else:
            waiting = packet
    if waiting is not None:
        yield waiting, usual


def _until(packet: AudioPacket, following: AudioPacket) -> float:
    if packet.pts is None or following.pts is None:
        return 0.0
    return max((following.pts - packet.pts) * _time_base(packet), 0.0)


def _time_base(packet: AudioPacket) -> float:
    return float(packet.time_base or 0)


def _skip(packet: AudioPacket, sample_rate: int) -> float:
    """Seconds a decoder drops at this packet, at its start and its end: AV_PKT_DATA_SKIP_SAMPLES of FFmpeg."""
    if not packet.has_sidedata("skip_samples"):
        return 0.0
    from_start, from_end = struct.unpack_from("<II", bytes(packet.get_sidedata("skip_samples")))
    return float(from_start + from_end) / sample_rate


def _document_type(body: bytes) -> bytes | None:
    """DocType of an EBML header (RFC 8794, section 11.2.6), or None when there is none to be read."""
    at = 5 + _extra_size_bytes(body[4:5])
    header = body[at : at + 256]
    mark = header.find(b"\x42\x82")
    if mark < 0 or mark + 3 > len(header):
        return None
    # A document type is a short word: its size fits one byte, whose top bit says just that.
    length = header[mark + 2] & 0x7F
    return header[mark + 3 : mark + 3 + length].rstrip(b"\x00")


def _extra_size_bytes(first: bytes) -> int:
    """How many bytes follow the first of an EBML variable-size number."""
    return 8 - first[0].bit_length() if first else 0


# Kilobits per second by the header's bitrate index, layer III: MPEG 1, and MPEG 2 with 2.5. Free format (0)
# is not read.
_MPEG_1_BITRATES = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2_BITRATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_1_RATES = (44100, 48000, 32000)


def _begins_with_mp3_frames(body: bytes) -> bool:
    """Whether two MP3 frames stand in a row at the beginning: one sync word alone occurs by chance."""
    first = _mp3_frame_bytes(body[:4])
    return bool(first and _mp3_frame_bytes(body[first : first + 4]))


def _mp3_frame_bytes(header: bytes) -> int:
    """Length of the frame that a layer III header opens (ISO 11172-3, section 2.4.1.3), 0 when it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer != 1 or bitrate_index in (0, 15) or rate_index == 3:
        return 0
    if version == 3:
        return 144_000 * _MPEG_1_BITRATES[bitrate_index] // _MPEG_1_RATES[rate_index] + padding
    rate = _MPEG_1_RATES[rate_index] // (2 if version == 2 else 4)
    return 72_000 * _MPEG_2_BITRATES[bitrate_index] // rate + padding


def _refuse_many_chunks(body: bytes) -> None:
    """Raise NotAudio for a WAV file in whose chunks the demuxer would look around for a long time."""
    at, chunks = 12, 0
    while at + 8 <= len(body) and body[at : at + 4] != b"data":
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        # One of an odd size has a byte behind it that its size does not tell.
        at += 8 + size + (size & 1)
        chunks += 1
        if chunks > MOST_RIFF_CHUNKS:
            raise NotAudio("The WAV file has too many chunks.")


# A chunk of a WAV file that holds an ID3 tag: its name, its size, and how the tag begins.
_TAG_IN_WAV = re.compile(rb"(?:id3|ID3) (?=.{4}ID3)", re.DOTALL)


def _without_tags(body: bytes, container: Container) -> bytes:
    """The same sound without ID3 tags, of which nothing is wanted here.

    They may be compressed, a thousandth of what comes out, and FFmpeg keeps what comes out of each for as long as the
    file is open.
    """
    if container is WAV:
        return _TAG_IN_WAV.sub(b"JUNK", body)
    if container is not MP3:
        return body
    start = 0
    for _ in range(MOST_TAGS):
        # Ten bytes of a head, the last four of which tell in seven bits each how long it is (ID3v2.4, section 3.1).
        if body[start : start + 3] != b"ID3" or len(body) < start + 10:
            return body[start:]
        size = 0
        for byte in body[start + 6 : start + 10]:
            size = size << 7 | byte & 0x7F
        has_footer = body[start + 5] & 0x10
        start += 10 + size + (10 if has_footer else 0)
    raise NotAudio("The MP3 file has too many tags.")


# The MPEG-4 boxes that say how many samples there are (ISO 14496-12), and where in the box the number stands,
# counted from the type: in a film's table of sizes, in a fragment's run.
_SAMPLE_COUNTS = ((b"stsz", 12), (b"stz2", 12), (b"trun", 8))


def _refuse_long_sample_tables(body: bytes) -> None:
    """Raise TooLong when the boxes announce more samples than any permitted length has.

    The demuxer makes room for all that are announced before it gives the first packet: a kilobyte could ask
    for gigabytes. Boxes are looked for anywhere outside the media data, as the demuxer finds them at unlawful
    places too.
    """
    announced = 0
    for start, end in _outside_media_data(body):
        if body.find(b"cmov", start, end) >= 0:
            raise NotAudio("The MPEG-4 file has a compressed index, which is not supported here.")
        for kind, distance in _SAMPLE_COUNTS:
            at = body.find(kind, start, end)
            while at >= 0:
                announced += int.from_bytes(body[at + distance : at + distance + 4], "big")
                at = body.find(kind, at + 4, end)
    if announced > MOST_PACKETS * MOST_CHANNELS:
        raise TooLong("The file announces more audio than is accepted.")


def _outside_media_data(body: bytes) -> Iterator[tuple[int, int]]:
    """First and last offset of every top-level box that is not media data (mdat)."""
    start = 0
    while start + 8 <= len(body):
        size = int.from_bytes(body[start : start + 4], "big")
        if size == 1:
            size = int.from_bytes(body[start + 8 : start + 16], "big")
        # Zero means to the end of the file; less than its own head is damage, and the rest is looked at as
        # one box.
        end = start + size if size >= 8 else len(body)
        if body[start + 4 : start + 8] != b"mdat" or 0 < size < 8:
            yield start, end
        start = end
