"""How far the transcript is behind who speaks, and how large the workers are that write it."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from audio.analysis import engines
from audio.sending import Recorder, Watcher
from benchmarks import memory, speech
from benchmarks.measuring import figures, one
from benchmarks.people import make_supervisor
from benchmarks.processes import one_core
from benchmarks.rows import Row, at_most
from benchmarks.scales import Run
from benchmarks.shipped import Shipped, shipped
from benchmarks.waiting import until
from crm import tokens

MOST_BEHIND_SECONDS: Final = 6.0
MOST_MEGABYTES: Final = 450.0
WORKERS: Final = ("analysis", "transcription", "general")
_PATIENCE_SECONDS = 300.0


def measure(run: Run, directory: Path, *, usual_size: int | None) -> Iterator[Row]:
    """Chunks as they are spoken, and then some at once. `usual_size`: bytes that the baseline took."""
    seconds = run.scale.pick(tiny=2, small=30, usual=30)
    live = run.scale.pick(tiny=2, small=2, usual=4)
    at_once = run.scale.pick(tiny=1, small=2, usual=8)
    reading = directory / "live.ogg"
    speech.make(reading, seconds=seconds * (live + at_once))
    step = run.telling(f"live, {live} chunks of {seconds} s")
    user, _ = make_supervisor()
    with shipped(WORKERS, core=one_core()) as processes:
        recorder = Recorder(processes.url, tokens.issue(user, name="benchmark"))
        session = recorder.start(channels=1, subject="Read aloud")["id"]
        listener = _Listener()
        watcher = Watcher(recorder, session, listener.take)
        watcher.start()
        until(lambda: listener.is_there, "the socket")
        listener.began = time.time()
        for chunk in speech.chunks(reading, seconds=seconds):
            if chunk.index < live:
                time.sleep(max(0.0, listener.began + chunk.end_seconds - time.time()))
            elif chunk.index == live:
                until(lambda: len(listener.behind) == live, "what was spoken to be transcribed")
                behind, late = figures(list(listener.behind.values())), figures(listener.late)
            recorder.send(session, chunk)
            step(min(1.0, (chunk.index + 1) / live))
        recorder.complete(session, live + at_once)
        until(watcher.ended.is_set, "the recording to end", seconds=_PATIENCE_SECONDS)
        sizes = _sizes(processes) if memory.is_told() else {}
    engine = engines.transcriber().engine
    yield Row(
        f"transcript behind live speech, chunks of {seconds} s",
        "s",
        behind,
        targets=(at_most(behind.p99, MOST_BEHIND_SECONDS, "s", of="the latest"),),
        note=(
            f"from a chunk's being stored to its words at the socket, by {engine}, but for its provisional last ones; "
            "in brackets the latest. Web server and workers share the core, the stores take what is free of all; the "
            "first chunk finds no model loaded"
        ),
    )
    yield Row("from an utterance's end to its being there to stay", "s", late, note="the rest of its chunk comes first")
    for name, each in sizes.items():
        largest = max(each)
        yield Row(
            f"memory of the worker {name}",
            "MB",
            one(largest),
            baseline=one(usual_size / memory.MEGABYTE) if usual_size and name == "analysis" else None,
            targets=(at_most(largest, MOST_MEGABYTES, "MB"),),
            note=(
                f"after {live + at_once} chunks, its largest process, with its share of what several have in common; "
                f"all {len(each)} together {sum(each):.0f} MB"
            ),
        )


class _Listener:
    """What comes at the socket, and how long it took. Times are by this machine's clock."""

    def __init__(self) -> None:
        self.is_there = False
        self.began = 0.0
        # Chunk → seconds from its being stored to its transcript.
        self.behind: dict[int, float] = {}
        # Seconds from the end of each utterance that stays.
        self.late: list[float] = []
        self._known: set[str] = set()

    def take(self, frame: dict[str, Any]) -> None:
        """In the watcher's thread."""
        now = time.time()
        self.is_there = True
        if frame["type"] != "chunk_transcribed":
            return
        chunk = frame["chunk"]
        stored = datetime.fromisoformat(chunk["stored_at"]).timestamp()
        self.behind.setdefault(chunk["chunk_index"], now - stored)
        for segment in frame["segments"]:
            if not segment.get("provisional") and segment["segment_id"] not in self._known:
                self._known.add(segment["segment_id"])
                self.late.append(now - self.began - segment["end_time"])


def _sizes(processes: Shipped) -> dict[str, list[float]]:
    """Worker → megabytes of each of its processes."""
    return {
        name: [memory.of(one) / memory.MEGABYTE for one in memory.family(pid)]
        for name, pid in processes.pids.items()
        if name in WORKERS
    }
