"""Files that were made to cost something: each is taken for what it holds or refused, in bounded time and memory.

What a file is looked at for at the door and decoded by a worker runs here in a process of its own, whose processor
time has a limit and whose memory is measured.
"""

import struct
import zlib
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio import containers
from audio.analysis.decoding import decode
from audio.errors import AudioError, NotAudio
from tests.audio.bounded import cost_of
from tests.scale import scaled
from tests.sound import MUXERS, encode, tone

LARGEST = 10 * 2**20
# The largest upload, its longest sound in two channels twice over, and what FFmpeg may ask for at a time twice.
MOST_MEGABYTES = 150
WHOLE = {extension: encode(tone(1.0), container=extension) for extension in MUXERS}
FRAGMENTED = encode(tone(1.0), container="m4a", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"})
PCM_IN_MPEG_4 = encode(tone(1.0), container="m4a", codec="pcm_s16le", options={"strict": "experimental"})


def looked_at_and_decoded(body):
    """What an upload goes through: how long it lasts, or the code of the error that it is refused with."""
    try:
        inspection = containers.inspect(body)
        decode(body, channels=2, container=inspection.container)
    except AudioError as error:
        return error.code
    return f"{inspection.duration_seconds:.3f}"


def assert_bounded(body):
    said, grown = cost_of(lambda: looked_at_and_decoded(body))
    assert said
    assert grown < MOST_MEGABYTES, f"{grown} MB for {len(body)} bytes: {said}"
    return said


# --- Declared sizes ---


def box(kind, content):
    return struct.pack(">I", len(content) + 8) + kind + content


def replaced(body, kind, change):
    """An MPEG-4 file in which the content of the first box of a kind is another of the same length."""
    at = body.index(kind) + 4
    size = int.from_bytes(body[at - 8 : at - 4], "big") - 8
    changed = change(body[at : at + size])
    assert len(changed) == size
    return body[:at] + changed + body[at + size :]


def with_huge_chunks_of_samples():
    """Of PCM, an index is made by what a chunk is said to hold, whatever the table of sizes says."""
    entry = struct.pack(">III", 1, 0x7FFFFF00, 1)
    return replaced(PCM_IN_MPEG_4, b"stsc", lambda content: content[:8] + entry + content[20:])


def with_many_huge_chunks():
    """The same, of a table of chunks that is put in the place of the one at the end of the file."""
    body = with_huge_chunks_of_samples()
    at = body.index(b"stco") - 4
    size = int.from_bytes(body[at : at + 4], "big")
    offset = body[at + 16 : at + 20]
    # More would overflow what FFmpeg counts in.
    table = box(b"stco", struct.pack(">II", 0, 80) + offset * 80)
    longer = body[:at] + table + body[at + size :]
    grown = len(table) - size
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        place = longer.index(kind) - 4
        longer = (
            longer[:place]
            + struct.pack(">I", int.from_bytes(longer[place : place + 4], "big") + grown)
            + longer[place + 4 :]
        )
    return longer


def synchsafe(number):
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def id3(frame, *, size=None):
    return b"ID3\x04\x00\x00" + synchsafe(size or len(frame)) + frame


@cache
def tag_that_unpacks():
    """A frame of an ID3 tag that is compressed, a thousandth of what comes out."""
    unpacked = 200 * 2**20
    packed = zlib.compress(bytes(unpacked), 1)
    content = synchsafe(unpacked) + packed
    return id3(b"TXXX" + synchsafe(len(content)) + b"\x00\x09" + content)


def picture_that_unpacks():
    unpacked = 15 * 2**20
    packed = zlib.compress(b"\x00image/png\x00\x00\x00" + bytes(unpacked), 1)
    content = synchsafe(unpacked + 14) + packed
    return b"APIC" + synchsafe(len(content)) + b"\x00\x09" + content


def wav_with(chunk_id, content):
    wav = WHOLE["wav"]
    at = wav.index(b"data")
    chunk = chunk_id + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
    body = wav[:at] + chunk + wav[at:]
    return body[:4] + struct.pack("<I", len(body) - 8) + body[8:]


def ebml(kind, content, *, size=None):
    """An element; `size` may lie."""
    return kind + (1 << 56 | (len(content) if size is None else size)).to_bytes(8, "big") + content


EBML_HEADER = WHOLE["webm"][: WHOLE["webm"].index(b"\x18\x53\x80\x67")]
SEGMENT, CLUSTER, SEEK_HEAD, TRACKS, TAGS = (
    b"\x18\x53\x80\x67",
    b"\x1f\x43\xb6\x75",
    b"\x11\x4d\x9b\x74",
    b"\x16\x54\xae\x6b",
    b"\x12\x54\xc3\x67",
)


def nested_elements(depth):
    content = b""
    for _ in range(depth):
        content = ebml(CLUSTER, content)
    return EBML_HEADER + ebml(SEGMENT, content)


def nested_tags(depth):
    """Simple tags may hold simple tags."""
    content = b""
    for _ in range(depth):
        content = ebml(b"\x67\xc8", content)
    return EBML_HEADER + ebml(SEGMENT, ebml(TAGS, ebml(b"\x73\x73", content)))


def nested_boxes(kind, depth):
    content = b""
    for _ in range(depth):
        content = box(kind, content)
    return box(b"ftyp", b"M4A \x00\x00\x00\x00") + content


def pages_of_streams(count):
    """Ogg pages each of which begins a stream of its own."""
    head = WHOLE["ogg"]
    first = bytearray(head[: head.index(b"OggS", 4)])
    pages = bytearray()
    for number in range(count):
        struct.pack_into("<I", first, 14, number)
        pages += first
    return bytes(pages)


HOSTILE = {
    "PCM in chunks of two thousand million samples": with_huge_chunks_of_samples,
    "eighty such chunks": with_many_huge_chunks,
    "a compressed tag before MP3 frames": lambda: tag_that_unpacks() + WHOLE["mp3"],
    "a compressed tag within a WAV file": lambda: wav_with(b"id3 ", tag_that_unpacks()),
    "a compressed tag under its other name": lambda: wav_with(b"ID3 ", tag_that_unpacks()),
    "a tag that says it has 256 MB": lambda: id3(b"", size=2**28 - 1) + WHOLE["mp3"],
    "nothing but tags": lambda: id3(b"") * (LARGEST // 10),
    "a WAV file of four gigabytes": lambda: (
        WHOLE["wav"][:4] + b"\xff" * 4 + WHOLE["wav"][8:40] + b"\xff" * 4 + WHOLE["wav"][44:]
    ),
    "millions of empty chunks in a WAV file": lambda: (
        wav_with(b"JUNK", b"")[:36] + b"JUNK\x00\x00\x00\x00" * (LARGEST // 8 - 10)
    ),
    "millions of chunks of one byte in a WAV file": lambda: (
        wav_with(b"JUNK", b"")[:36] + b"JUNK\x01\x00\x00\x00a\x00" * (LARGEST // 10 - 10)
    ),
    "a WAV file within a WAV file, over and over": lambda: b"RIFF\xff\xff\xff\xffWAVE" * (LARGEST // 12),
    "a block of 2^56 bytes": lambda: (
        EBML_HEADER + ebml(SEGMENT, ebml(CLUSTER, ebml(b"\xa3", b"\x81\x00\x00\x00", size=2**56 - 2)))
    ),
    "a segment of 2^56 bytes": lambda: EBML_HEADER + ebml(SEGMENT, b"", size=2**56 - 2),
    "ten thousand elements within each other": lambda: nested_elements(10_000),
    "ten thousand tags within each other": lambda: nested_tags(10_000),
    "a million empty clusters": lambda: EBML_HEADER + ebml(SEGMENT, ebml(CLUSTER, b"") * (LARGEST // 13)),
    "millions of tracks": lambda: EBML_HEADER + ebml(SEGMENT, ebml(TRACKS, b"\xae\x80" * (LARGEST // 2))),
    "millions of tags": lambda: (
        EBML_HEADER + ebml(SEGMENT, ebml(TAGS, ebml(b"\x73\x73", b"\x67\xc8\x80" * (LARGEST // 3))))
    ),
    "millions of places to look at": lambda: (
        EBML_HEADER + ebml(SEGMENT, ebml(SEEK_HEAD, b"\x4d\xbb\x80" * (LARGEST // 3)))
    ),
    "hundreds of compressed pictures": lambda: id3(picture_that_unpacks() * 100) + WHOLE["mp3"],
    "a million tracks": lambda: EBML_HEADER + ebml(SEGMENT, ebml(TRACKS, ebml(b"\xae", b"") * (LARGEST // 10))),
    "a hundred thousand indexes": lambda: EBML_HEADER + ebml(SEGMENT, ebml(SEEK_HEAD, b"") * 100_000),
    "films within each other": lambda: nested_boxes(b"moov", 10_000),
    "lists of data within each other": lambda: nested_boxes(b"udta", 10_000),
    "a hundred thousand tracks": lambda: (
        box(b"ftyp", b"M4A \x00\x00\x00\x00") + box(b"moov", box(b"trak", b"") * 100_000)
    ),
    "a box of 2^63 bytes": lambda: (
        box(b"ftyp", b"M4A \x00\x00\x00\x00") + b"\x00\x00\x00\x01moov" + b"\x7f" + b"\xff" * 7
    ),
    "a hundred thousand streams": lambda: pages_of_streams(100_000),
    "one stream begun over and over": lambda: WHOLE["ogg"] * (LARGEST // len(WHOLE["ogg"])),
    "MP3 frames and nothing in them": lambda: b"\xff\xfb\x14\xc4" + bytes(100) + b"\xff\xfb\x14\xc4" * (LARGEST // 5),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_was_made_to_cost_something_costs_little(what):
    body = HOSTILE[what]()
    assert len(body) <= LARGEST + 2**20
    assert_bounded(body)


@pytest.mark.parametrize("size", [1, 2])
def test_a_wav_file_of_too_many_chunks_is_refused_whatever_their_size(size):
    def wav_with_chunks(count):
        chunk = b"JUNK" + struct.pack("<I", size) + bytes(2)
        return WHOLE["wav"].replace(b"data", chunk * count + b"data", 1)

    assert containers.inspect(wav_with_chunks(10)).duration_seconds == pytest.approx(1.0)
    with pytest.raises(NotAudio, match="too many chunks"):
        containers.inspect(wav_with_chunks(containers.MOST_RIFF_CHUNKS + 1))


@pytest.mark.parametrize("kind", [b"stts", b"stsc", b"stco", b"stsz", b"stsd", b"elst", b"dref"])
def test_a_table_of_four_thousand_million_entries_costs_little(kind):
    for whole in (WHOLE["m4a"], PCM_IN_MPEG_4):
        if kind in whole:
            assert_bounded(replaced(whole, kind, lambda content: content[:4] + b"\xff" * 4 + content[8:]))


# --- One file that is two ---


@pytest.mark.parametrize("first", MUXERS)
@pytest.mark.parametrize("second", MUXERS)
def test_a_file_behind_a_file_is_what_its_beginning_is(first, second):
    """Whatever else it may be taken for: the door and the worker look at the same, and by the same demuxer."""
    body = WHOLE[first] + WHOLE[second]
    inspection = containers.inspect(body)
    assert inspection.container.extension == first
    heard = decode(body, channels=1, container=inspection.container)
    # Some containers end where they say, in others what follows is heard as more or as damage.
    assert 0.9 < heard.duration < 2.2


@pytest.mark.parametrize("script", [b"#EXTM3U\nfile:///etc/passwd\n", b"ffconcat version 1.0\nfile /etc/passwd\n"])
@pytest.mark.parametrize("extension", MUXERS)
def test_a_script_within_or_behind_a_file_is_not_followed(extension, script):
    whole = WHOLE[extension]
    assert float(assert_bounded(whole + script)) == pytest.approx(1.0, abs=0.1)
    assert_bounded(whole[: len(whole) // 2] + script + whole[len(whole) // 2 :])


# --- Anything ---


@settings(max_examples=scaled(40, 3000), suppress_health_check=[HealthCheck.data_too_large])
@given(st.data())
def test_a_mutated_file_ends_in_bounded_time_and_memory(data):
    """Mutations as they hurt: numbers replaced by extremes, parts repeated, moved, cut out, and two files mixed."""
    files = [*WHOLE.values(), FRAGMENTED, PCM_IN_MPEG_4]
    bodies = []
    # A process for each would take longer than what happens in it.
    for _ in range(10):
        body = bytearray(data.draw(st.sampled_from(files)))
        for _ in range(data.draw(st.integers(1, 4))):
            mutate(data, body, files)
        bodies.append(bytes(body[:LARGEST]))
    said, grown = cost_of(lambda: " ".join(looked_at_and_decoded(body) for body in bodies))
    assert len(said.split()) == len(bodies)
    assert grown < MOST_MEGABYTES, f"{grown} MB: {said}"


EXTREMES = [
    number.to_bytes(size, order)
    for size in (1, 2, 4, 8)
    for number in (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)
    for order in ("big", "little")
]


def mutate(data, body, files):
    size = len(body)
    farthest = data.draw(st.sampled_from([min(size, 600), size]))
    at = data.draw(st.integers(0, farthest))
    length = data.draw(st.integers(0, max(size // 3, 1)))
    match data.draw(st.sampled_from(["extreme", "repeat", "move", "cut", "truncate", "mix", "flip"])):
        case "extreme":
            number = data.draw(st.sampled_from(EXTREMES))
            body[at : at + len(number)] = number
        case "repeat":
            body[at:at] = body[at : at + length] * data.draw(st.integers(1, 20))
        case "move":
            part = body[at : at + length]
            del body[at : at + length]
            to = data.draw(st.integers(0, len(body)))
            body[to:to] = part
        case "cut":
            del body[at : at + length]
        case "truncate":
            del body[at:]
        case "mix":
            other = data.draw(st.sampled_from(files))
            begin = data.draw(st.integers(0, len(other)))
            body[at:at] = other[begin : begin + length]
        case "flip":
            for place in range(at, min(at + 4, size)):
                body[place] ^= data.draw(st.integers(1, 255))
