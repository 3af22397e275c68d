"""A thousand recorders at once: whether anything is lost, how long each waits, and what the server holds of them.

`make bench ONLY=recorders` has them play for some seven minutes; `make bench ONLY=ladder` has more and more of them,
two minutes each, until something gives way.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from audio.simulation.figures import percentile
from benchmarks.crowd import inside, stack
from benchmarks.crowd.played import Crowd, Played, play
from benchmarks.crowd.recorder import Times
from benchmarks.measuring import Figures, WrongAnswer, figures, one
from benchmarks.rows import Row, Suite, at_least, at_most
from benchmarks.scales import Run

MOST_P95_MS = 500.0
MOST_MEGABYTES = 1.5
INTERVAL_SECONDS = 30.0
RUNGS = (100, 300, 600, 1000, 1500, 2000, 3000)
# Enough at each rung for all of them to send at the same time for a minute.
RUNG_TIMES = Times(ramp=30.0, interval=INTERVAL_SECONDS, chunks=3)
_MOST_NAMED = 5


def measure(run: Run) -> Iterator[Row]:
    """On a stack of their own."""
    crowd = run.scale.pick(
        tiny=Crowd(10, Times(ramp=2.0, interval=2.0, chunks=2), drained=120.0, to_the_end=True),
        small=Crowd(100, Times(ramp=20.0, interval=INTERVAL_SECONDS, chunks=2), drained=20.0),
        # All of them send at the same time for five minutes.
        usual=Crowd(1000, Times(ramp=60.0, interval=INTERVAL_SECONDS, chunks=11), drained=60.0),
    )
    run.telling("a whole Earshot starts")
    with stack.started() as running, inside.beside(running) as beside:
        what = f"{crowd.recorders} recorders"
        played = play(running, beside, crowd, run.telling(what))
        yield from rows_of(played)
        refuse_losses(played)


def climb(run: Run) -> Iterator[Row]:
    """More and more of them, until one of what they are promised does not hold."""
    rungs = run.scale.pick(tiny=RUNGS[:1], small=RUNGS[:3], usual=RUNGS)
    run.telling("a whole Earshot starts")
    with stack.started() as running, inside.beside(running) as beside:
        for recorders in rungs:
            step = run.telling(f"{recorders} recorders")
            played = play(running, beside, Crowd(recorders, RUNG_TIMES), step)
            row = _upload(played)
            yield row
            refuse_losses(played)
            if row.verdict == "MISS":
                return


SUITE = Suite(
    title="Recorders at once, workers beside them",
    baseline="",
    floor="",
    measure=measure,
)
LADDER = Suite(
    title="How many recorders at once",
    baseline="",
    floor="",
    measure=climb,
    only_when_named=True,
)


def rows_of(played: Played) -> Iterator[Row]:
    """What was measured of a crowd."""
    yield _upload(played)
    for kind, what in (
        ("start", "a session begins"),
        ("token", "an upload token"),
        ("complete", "a session is complete"),
    ):
        whole = played.told["until_taken"][kind]
        yield Row(f"{what}, {len(whole)} times", "ms", figures(whole), note=_both(played, kind))
    if events := played.told["events"]:
        yield Row(
            f"an event, from its making to a socket, {len(events)} times",
            "ms",
            figures(events),
            note=f"{_percentiles(events)}; {played.told['missed']} missed by their numbers; "
            f"{len(played.told['opening'])} sockets opened in {figures(played.told['opening']).median:.0f} ms",
        )
    yield _memory(played)
    yield from _processor(played)
    yield from _hearing(played)


def refuse_losses(played: Played) -> None:
    """Raise WrongAnswer for what was acknowledged and is not there, or is there twice, or was not told a watcher."""
    wrong = [f"{kind}: {one}" for kind, several in played.found.items() for one in several]
    wrong += [f"refused: {one['session_id']}, {one['refusal']}" for one in played.told["recordings"] if one["refusal"]]
    if missed := played.told["missed"]:
        wrong.append(f"events: {missed} did not come to a socket that was open")
    wrong += [f"verify_blobs: {count} {finding}" for finding, count in played.verified.items() if finding != "right"]
    if wrong:
        more = f" … and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise WrongAnswer("; ".join(wrong[:_MOST_NAMED]) + more)


def _upload(played: Played) -> Row:
    told, crowd = played.told, played.crowd
    whole = told["until_taken"]["upload"]
    late = figures(told["late"])
    share = told["processor_seconds"] / told["seconds"]
    notes = [
        _both(played, "upload"),
        f"{played.acknowledged} of {crowd.chunks} chunks acknowledged in {told['seconds']:.0f} s",
        f"{sum(played.verified.values())} objects read back, {played.verified.get('right', 0)} right",
        f"{told['repeated']} sent twice, {told['cut_off']} cut off in mid-body",
        f"asked again: {_counts(told['refusals'])}",
        f"recorders' own process: {share:.0%} of a core, its turns late by {late.median:.0f} ms, p99 {late.p99:.0f} ms",
        f"load of the machine {played.load:.1f}",
    ]
    return Row(
        f"upload of {told['chunk_bytes'] / 1000:.0f} KB, {crowd.recorders} recorders, "
        f"{crowd.recorders / crowd.times.interval:.3g} a second",
        "ms",
        figures(whole),
        targets=(
            at_most(len(played.found["lost"]), 0, "lost"),
            at_most(len(played.found["twice"]), 0, "twice"),
            at_least(crowd.recorders - len(played.found["incomplete"]), crowd.recorders, "complete"),
            at_most(_p95(whole), MOST_P95_MS, "ms", of="p95"),
        ),
        note="; ".join(notes),
    )


def _memory(played: Played) -> Row:
    before = played.before.megabytes["web"]
    a_recorder = max(played.web_peak - before, 0.0) / played.crowd.recorders
    grown = ", ".join(
        f"{name} {played.after.megabytes[name]:.0f} ({more:+.0f})" for name, more in played.grown().items()
    )
    return Row(
        "memory of the web server for each recorder",
        "MB",
        one(a_recorder),
        targets=(at_most(a_recorder, MOST_MEGABYTES, "MB a recorder"),),
        note=f"{before:.0f} MB before, at most {played.web_peak:.0f} MB. MB at the end, and more than before: {grown}",
    )


def _processor(played: Played) -> Iterator[Row]:
    """What a chunk takes of a core, in each part, from the start of its session to its announcement."""
    seconds = played.processor_seconds()
    chunks = max(played.acknowledged, 1)
    shares = ", ".join(f"{name} {taken / played.told['seconds']:.0%}" for name, taken in seconds.items())
    yield Row(
        "processor of the web server for each chunk",
        "ms",
        one(seconds["web"] * 1000 / chunks),
        note=f"sessions and sockets with it. Of a core meanwhile: {shares}",
    )
    stores = ("PostgreSQL", "MongoDB", "Redis", "Redis cache", "rclone")
    yield Row(
        "processor of all stores for each chunk",
        "ms",
        one(sum(seconds[name] for name in stores if name in seconds) * 1000 / chunks),
        note=", ".join(f"{name} {seconds[name] * 1000 / chunks:.1f} ms" for name in stores if name in seconds)
        + "; what the workers ask of them is in it",
    )


def _hearing(played: Played) -> Iterator[Row]:
    """How far the workers fell behind, and how fast they come after."""
    heard = {kind: _ended(played.waiting, kind) for kind in ("analysis", "transcription")}
    seconds = played.told["seconds"]
    messages = sum(played.waiting["messages"].values())
    note = (
        f"of {played.acknowledged} that were stored; transcribed {heard['transcription'] / seconds:.2f} a second. "
        f"{_waiting(played.waiting, 'analysis')} wait to be analysed at the end, {messages} messages in the queues, "
        f"Redis {played.waiting['redis_bytes'] / 2**20:.0f} MB in all; jobs that failed {played.later['failed']}, "
        f"tried again {played.later['tried_again']}; none overtaken by more than "
        f"{played.waiting['overtaken_seconds']:.1f} s"
    )
    yield Row("chunks analysed while they send", "/s", one(heard["analysis"] / seconds), note=note)
    if not played.crowd.drained:
        return
    afterwards = {kind: (_ended(played.later, kind) - heard[kind]) / played.drained for kind in heard}
    yield Row(
        "chunks analysed afterwards",
        "/s",
        one(afterwards["analysis"]),
        note=f"transcribed {afterwards['transcription']:.2f} a second, for {played.drained:.0f} s; sessions then: "
        f"{_counts(played.states)}",
    )


def _ended(told: Mapping[str, Any], kind: str) -> int:
    return int(told["jobs"].get(kind, {}).get("completed", 0))


def _waiting(told: Mapping[str, Any], kind: str) -> int:
    return int(told["jobs"].get(kind, {}).get("waiting", 0))


def _p95(samples: list[float]) -> float:
    return percentile(sorted(samples), 0.95)


def _percentiles(samples: list[float]) -> str:
    told: Figures = figures(samples)
    return f"p50 {told.median:.0f}, p95 {_p95(samples):.0f}, p99 {told.p99:.0f}, most {max(samples):.0f} ms"


def _both(played: Played, kind: str) -> str:
    """From the first try until it was taken, whoever was turned away with every wait, and the last try alone."""
    whole, last = (played.told[name][kind] for name in ("until_taken", "taken"))
    return f"{_percentiles(whole)} with every wait and repeat; the try that was taken, alone: {_percentiles(last)}"


def _counts(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} × {count}" for name, count in counted.items()) or "none"
