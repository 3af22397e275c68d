"""Many recorders at once against everything that `make run` starts, and whether the check would notice a loss."""

import asyncio
import json
import signal

import orjson
import pytest

from audio.sending import RecordedChunk, Unreachable
from audio.simulation import checking, plan, running
from audio.simulation.figures import Measured
from audio.simulation.plan import Manner
from audio.simulation.recorders import Recorder
from audio.simulation.wire import Wire
from tests.running import free_port
from tests.scale import scaled
from tests.sound import encode, speech, tone


class Unseen:
    """Takes the progress and shows it to nobody."""

    def stored(self): ...
    def sent(self): ...
    def heard(self, chunks): ...
    def checked(self): ...


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Four seconds of somebody speaking: two chunks of two."""
    file = tmp_path_factory.mktemp("sound") / "speech.ogg"
    file.write_bytes(encode(speech()[: 16_000 * 4]))
    return file


@pytest.fixture(scope="module")
def token(stack):
    return stack.token_of("demo-agent")


def chunk_of(seconds, index=0):
    first = index * seconds * 48_000
    return RecordedChunk(index, encode(tone(seconds, frequency=300 + index)), first, first + seconds * 48_000 - 1)


def recordings_of(token, chunks, *, calls=1):
    return plan.spread([token], chunks, calls=calls, unruly=False)


def test_unruly_recorders_lose_nothing_and_double_nothing(stack, sound, tmp_path):
    calls = scaled(8, 60)
    report = tmp_path / "figures.json"
    ran = stack.manage(
        *("simulate_calls", str(sound), "--num-calls", str(calls), "--chunk-seconds", "2"),
        *("--unruly", "--json", str(report)),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = orjson.loads(report.read_bytes())
    assert (told["calls"], told["chunks"]) == (calls, 2 * calls)
    assert (told["lost"], told["doubled"], told["unfinished"]) == ([], [], [])
    assert told["segments"] >= calls
    assert told["repeated_chunks"] >= 2
    assert told["came_back"] >= 1
    latency = told["latency"]["upload"]
    assert latency["count"] >= 2 * calls + told["repeated_chunks"]
    assert 0 < latency["p50_ms"] <= latency["p95_ms"] <= latency["p99_ms"] <= latency["max_ms"]
    assert set(told["memory"]) == {"web", "worker analysis", "worker general", "worker transcription"}
    assert all(0 < held["before_mb"] <= held["peak_mb"] for held in told["memory"].values())
    for words in ("Lost", "uploads/s", "p99", "Megabytes of memory"):
        assert words in ran.stdout


def test_a_loss_is_noticed(stack, token):
    """Of three calls one is held against other bytes than it sent, one against a chunk that it never sent."""
    chunks = [chunk_of(1, index) for index in range(2)]

    async def play_and_check():
        recordings = recordings_of(token, chunks, calls=3)
        async with Wire(stack.url, Measured()) as wire:
            for recording in recordings:
                await Recorder(wire, recording, channels=1, realtime=False, on_stored=lambda: None).play()
            recordings[1].chunks = [chunks[0], RecordedChunk(1, b"other bytes", 48_000, 95_999)]
            recordings[2].chunks = [*chunks, chunk_of(1, 2)]
            return await checking.check(wire, recordings, heard=False)

    found = asyncio.run(play_and_check())
    assert len(found.lost) == 2
    assert "chunk 1 is there with another digest" in found.lost[0]
    assert "chunk 2 is not there; it was never acknowledged" in found.lost[1]


def test_a_recording_that_owes_a_chunk_is_lost(stack, token):
    async def play_and_check():
        recording = recordings_of(token, [chunk_of(1, 0), chunk_of(1, 1)])[0]
        async with Wire(stack.url, Measured()) as wire:
            recorder = Recorder(wire, recording, channels=1, realtime=False, on_stored=lambda: None)
            recording.manner = Manner.HASTY
            await recorder._start()
            await recorder._send(recording.chunks[0])
            await recorder._complete()
            return await checking.check(wire, [recording], heard=False)

    lost = asyncio.run(play_and_check()).lost
    assert any("chunk 1 is not there" in line for line in lost)
    assert any("is incomplete; owed [1]" in line for line in lost)


def test_what_the_server_will_not_have_is_told(stack, token):
    async def simulate():
        recordings = recordings_of(token, [RecordedChunk(0, json.dumps("no sound").encode(), 0, 47_999)])
        return await running.simulate(running.Wanted(url=stack.url, recordings=recordings, wait=False), Unseen())

    told = asyncio.run(simulate())
    assert told["chunks"] == 0
    assert any("could not be sent" in line and "415" in line for line in told["lost"])


def test_in_realtime_a_chunk_is_sent_when_it_has_been_spoken(stack, token):
    async def simulate():
        recordings = recordings_of(token, [chunk_of(1, 0), chunk_of(1, 1)], calls=2)
        wanted = running.Wanted(url=stack.url, recordings=recordings, realtime=True, wait=False)
        return await running.simulate(wanted, Unseen())

    told = asyncio.run(simulate())
    assert told["sending_seconds"] >= 2
    assert (told["chunks"], told["lost"]) == (4, [])


def test_a_server_that_goes_on_refusing_is_given_up_in_the_end(token):
    async def ask():
        async with Wire(f"http://127.0.0.1:{free_port()}", measured) as wire:
            await wire.ask("start", token, "POST", "/", patience=2)

    measured = Measured()
    with pytest.raises(Unreachable, match="does not answer"):
        asyncio.run(ask())
    assert measured.retries["start: cut off or not answered"] >= 2


class Impatient(Unseen):
    """Presses Ctrl-C while the workers are waited for."""

    def heard(self, chunks):
        signal.raise_signal(signal.SIGINT)


def test_who_does_not_wait_for_the_workers_gets_a_check_of_what_is_there(stack, token):
    async def simulate():
        recordings = recordings_of(token, [chunk_of(1, 0), chunk_of(1, 1)], calls=2)
        return await running.simulate(running.Wanted(url=stack.url, recordings=recordings), Impatient())

    told = asyncio.run(simulate())
    assert (told["chunks"], told["lost"], told["doubled"]) == (4, [], [])
