"""How long what a worker tells is on its way until a browser has it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import orjson
from django.utils import timezone

from audio import chunks, protocol, sessions, wav
from audio.headers import Declared
from audio.models import AudioSession
from audio.serializers import ChunkSerializer
from benchmarks import live_served
from benchmarks.beside import Beside, beside
from benchmarks.measuring import WARMING, Figures, WrongAnswer, figures
from benchmarks.people import make_supervisor
from benchmarks.processes import free_port, listens, running
from benchmarks.rows import Row, Suite, at_most
from benchmarks.scales import Run
from benchmarks.shipped import no_jobs_left, shipped
from benchmarks.watchers import Watchers, watching
from crm import tickets, tokens
from crm.credentials import Credential

MOST_MS: Final = 2.0
_OURS, _BASELINE, _FLOOR = "ours", "baseline", "floor"
_EVENT: Final = "chunk_analysed"
_SAMPLES, _SAMPLE_RATE = 16_000, 16_000
# The board's socket tells together what changes within a quarter of a second, and rests for thrice what telling took.
_BOARD_PAUSE_SECONDS: Final = 0.5
_NANOSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True)
class _Way:
    """Sockets that watch, and how they are told an event: `tell` answers when it began."""

    watchers: Watchers
    tell: Callable[[], int]

    def once(self) -> list[float]:
        """Milliseconds until each socket has had it."""
        began = self.tell()
        return [(came - began) / _NANOSECONDS for came in self.watchers.times()]


def measure(run: Run) -> Iterator[Row]:
    """A worker that tells, a web server, and sockets, all on this machine."""
    user, tenant_id = make_supervisor()
    token, _ = tokens.make(user, user, name="benchmark")
    session, _ = sessions.start(user)
    many = run.scale.pick(tiny=3, small=100, usual=100)
    with no_jobs_left(), ExitStack() as stack:
        content = _content(session)
        ours = stack.enter_context(shipped(())).url.replace("http", "ws")
        port = free_port()
        # By itself it waits for sockets that nobody reads any more, for ever.
        ends = ("--timeout-graceful-shutdown", "1")
        server = ("-m", "uvicorn", "benchmarks.live_served:application", "--no-access-log", "--port", str(port), *ends)
        stack.enter_context(running(server, is_ready=partial(listens, port)))
        worker = stack.enter_context(beside(("-m", "benchmarks.live_sender")))

        def address(path: str) -> str:
            """At ours, good for one socket."""
            return f"{ours}{path}?ticket={tickets.issue(Credential(token_id=token.pk))}"

        def watch(count: int) -> Row:
            with ExitStack() as sockets:
                addresses = [address(f"/ws/audio/{session.pk}") for _ in range(count)]
                others = f"ws://127.0.0.1:{port}"
                tell = _tellers(worker, session, content, bare=f"{others}{live_served.SENDER}")
                watchers = {
                    _OURS: watching(addresses, are_greeted=True),
                    _BASELINE: watching([f"{others}{live_served.CORE}"] * count),
                    _FLOOR: watching([f"{others}{live_served.BARE}"] * count),
                }
                ways = {name: _Way(sockets.enter_context(one), tell[name]) for name, one in watchers.items()}
                return _session_event(run, ways, count)

        yield watch(1)
        yield watch(many)
        with watching([address("/ws/board")], are_greeted=True) as board:
            tell = partial(worker.do, "board", tenant_id=tenant_id, call_id=session.call_id)
            yield _board_event(run, _Way(board, tell))


SUITE = Suite(
    title="What a worker tells, until a browser has it",
    baseline="the same frame by channels' core layer, from an event loop that stays",
    floor="the same frame from the worker's own socket at the web server, passed on without any layer",
    measure=measure,
)


def _content(session: AudioSession) -> dict[str, Any]:
    """What is told of a chunk."""
    sound = wav.header(_SAMPLES, channels=1, sample_rate=_SAMPLE_RATE) + bytes(_SAMPLES * wav.BYTES_PER_SAMPLE)
    chunk, _ = chunks.accept(session, index=0, body=sound, declared=Declared())
    return {"chunk_index": chunk.chunk_index, "chunk": ChunkSerializer(chunk).data}


def _tellers(
    worker: Beside, session: AudioSession, content: dict[str, Any], *, bare: str
) -> Mapping[str, Callable[[], int]]:
    frame = protocol.frame(_EVENT, str(session.pk), timezone.now(), **content)
    text = protocol.encode(frame, seq="00000000-1")
    return {
        _OURS: partial(
            worker.do,
            "session",
            kind=_EVENT,
            session_id=str(session.pk),
            company=session.tenant_id,
            content=content,
        ),
        _BASELINE: partial(worker.do, "core", text=text),
        _FLOOR: partial(worker.do, "bare", address=bare, text=text),
    }


def _session_event(run: Run, ways: Mapping[str, _Way], count: int) -> Row:
    what = "an event of a recording, one watcher" if count == 1 else f"the same, {count} watchers"
    times = run.scale.pick(tiny=3, small=50, usual=500 if count == 1 else 100)
    step = run.telling(what)
    taken: dict[str, list[list[float]]] = {name: [] for name in ways}
    order = list(ways)
    warming = min(WARMING, times)
    for number in range(warming + times):
        turn = number % len(order)
        for name in order[turn:] + order[:turn]:
            taken[name].append(ways[name].once())
        step((number + 1) / (warming + times))
    if any(_told(way) != _told(ways[_OURS]) for way in ways.values()):
        raise WrongAnswer("Not all ways have told the same of the chunk.")
    each = {name: figures([one for at_all in all_of[warming:] for one in at_all]) for name, all_of in taken.items()}
    last = figures([max(at_all) for at_all in taken[_OURS][warming:]])
    kilobytes = len(ways[_OURS].watchers.text) / 1000
    return Row(
        what,
        "ms",
        each[_OURS],
        each[_BASELINE],
        each[_FLOOR],
        targets=(at_most(each[_OURS].median, MOST_MS, "ms"),) if count == 1 else (),
        note=(
            f"{kilobytes:.1f} KB; ours is numbered, kept for who was cut off, and told the company's watchers too"
            if count == 1
            else f"all sockets of one page process; the last of them has it after {_both(last)} ms"
        ),
    )


def _told(way: _Way) -> Any:
    return orjson.loads(way.watchers.text)["chunk"]


def _board_event(run: Run, way: _Way) -> Row:
    what = "a call that has changed, until its card is at the board's socket"
    times = run.scale.pick(tiny=2, small=10, usual=40)
    step = run.telling(what)
    taken: list[float] = []
    for number in range(times + 1):
        taken += way.once()
        step(number / times)
        if number < times:
            time.sleep(_BOARD_PAUSE_SECONDS)
    if orjson.loads(way.watchers.text)["type"] != "cards":
        raise WrongAnswer(f"The board's socket was told something else: {way.watchers.text[:200]}")
    return Row(what, "ms", figures(taken[1:]), note="the call is read again, with the watcher's own rights and filters")


def _both(told: Figures) -> str:
    return f"{told.median:.1f} (p99 {told.p99:.1f})"
