"""What a crowd of recorders sends, and what is read of a stack's processes."""

import os
import signal
import struct
import subprocess
import sys

import pytest

from audio import containers
from benchmarks import recorders, suites
from benchmarks.crowd import held, sound
from benchmarks.crowd.held import Held
from benchmarks.crowd.played import Crowd, Played
from benchmarks.crowd.recorder import Times

SECONDS = 2.0


def played(*, until_taken):
    """Twenty recorders who lost nothing, and whose uploads took 20 ms each once they were taken."""
    nothing = Held({"web": 1.0}, {"web": 1.0})
    told = {
        "taken": {"upload": [20.0] * len(until_taken)},
        "until_taken": {"upload": until_taken},
        "late": [0.0],
        "seconds": 1.0,
        "processor_seconds": 0.1,
        "chunk_bytes": 240_000,
        "repeated": 0,
        "cut_off": 0,
        "refusals": {},
        "recordings": [],
    }
    return Played(
        crowd=Crowd(20, Times(ramp=1.0, interval=30.0, chunks=1)),
        told=told,
        found={"lost": [], "twice": [], "incomplete": []},
        verified={"right": 20},
        before=nothing,
        after=nothing,
        web_peak=1.0,
        waiting={},
        later={},
        drained=0.0,
        states={},
        load=0.0,
    )


@pytest.fixture(scope="module")
def takes():
    return sound.takes(SECONDS)


def test_a_chunk_is_opus_of_its_length_and_as_large_as_all_others(takes):
    chunks = [take.chunk(f"name:{number}") for number, take in enumerate(takes)]

    for chunk in chunks:
        told = containers.inspect(b"".join(chunk.pieces), longest_seconds=120)
        assert (told.codec, told.container) == ("opus", containers.OGG)
        assert told.duration_seconds == pytest.approx(SECONDS, abs=0.02)
    assert len({chunk.size for chunk in chunks}) == 1
    # 64 kbit/s: 240 KB for half a minute.
    assert chunks[0].size == pytest.approx(SECONDS * 8000, rel=0.05)


def test_each_chunk_has_bytes_of_its_own(takes):
    chunks = [takes[0].chunk(f"name:{number}") for number in range(3)]

    assert len({chunk.digest for chunk in chunks}) == 3
    assert {chunk.pieces[1] for chunk in chunks} == {chunks[0].pieces[1]}


def test_the_page_that_is_written_anew_has_the_checksum_of_its_kind(takes):
    """The page before it, which FFmpeg has written, is the witness."""
    head = bytearray(takes[0]._head)
    there = struct.unpack_from("<I", head, sound._CHECKSUM_AT)[0]
    head[sound._CHECKSUM_AT : sound._CHECKSUM_AT + 4] = bytes(4)

    assert sound._checksum(head) == there


def test_a_part_of_a_stack_is_seen_with_what_has_come_of_it():
    """A program of a launcher's, here of this process, that goes by the web server's name, and has a child at work."""
    works = "import signal, sys\nsum(range(10**7))\nprint('done', flush=True)\nsignal.pause()"
    starts = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {works!r}])"
    command = [sys.executable, "-c", starts, "config.asgi:application"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout.readline() == b"done\n"
            held_now = held.by_parts(os.getpid())
            # Two Pythons, one of which has added ten million numbers.
            assert held_now.megabytes["web"] > 5
            assert held_now.processor_seconds["web"] > 0.05
            assert held.web(os.getpid()) == pytest.approx(held_now.megabytes["web"], rel=0.5)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_whoever_was_turned_away_has_waited_since_their_first_try():
    quick, patient = [20.0] * 20, [20.0] * 18 + [700.0, 9_000.0]

    calm, crowded = (next(recorders.rows_of(played(until_taken=waited))) for waited in (quick, patient))

    assert (calm.verdict, crowded.verdict) == ("ok", "MISS")
    assert crowded.ours.p99 == 9_000.0
    assert "p95 20, p99 20, most 20 ms" in crowded.note


def test_a_run_of_all_leaves_out_what_goes_on_until_something_gives_way():
    assert "ladder" in suites.SUITES
    assert "ladder" not in suites.usual()
    assert "recorders" in suites.usual()
