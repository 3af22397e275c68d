"""What reading and writing a call costs."""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pymongo.database import Database

from benchmarks import layouts
from benchmarks.layouts import Document, Layout, OneDocument, ThreeCollections, history_entry
from benchmarks.measuring import WARMING, Figures, Variant, alternate, one
from benchmarks.people import make_supervisor
from benchmarks.rows import Row, Suite, at_most, faster, near
from benchmarks.samples import SECONDS, SEGMENTS, SEGMENTS_OF_A_PART, make_call, make_segments
from benchmarks.scales import Run
from calls import conversations, store
from calls.documents import Segment
from calls.store.client import BUCKETS, CALLS, COUNTERS

MOST_OVER_FLOOR = 1.3
MOST_OF_BYTES = 0.46
MOST_OVER_SHORT = 2.0
READERS, READS_EACH = 50, 4
LONG = 20_000
# Calls that reads are spread over, so that no answer is that of the read before.
READ_FROM = 200

Read = Callable[[str], Any]
# What is done to a call, by its id: in our way, in three collections, by one call of the driver.
Ways = tuple[Read, Read, Read]
Write = Callable[[int, str, Sequence[Segment]], bool]
_OURS, _BASELINE, _FLOOR = "ours", "three collections", "one driver call"
_tenants = itertools.count(1_000_001)
_numbers = itertools.count(1)


def measure(run: Run) -> Iterator[Row]:
    """Everything in a database of its own, where bytes on disk are nobody else's."""
    with layouts.database_of_its_own() as database:
        three = ThreeCollections()
        three.create()
        yield _bytes_on_disk(run, database, three)
        yield from _reading(run, three)
        yield _many_readers(run, three)
        yield from _changing(run, three)
        yield from _storing_ten(run, three)
        yield _removing(run, three)
        yield from _long_calls(run)
        yield from _what_verbs_add(run)


SUITE = Suite(
    title=f"Calls of {SEGMENTS} segments",
    baseline="a call's document and one document a segment, in three collections, found by the call's id",
    floor="one call of the driver on the same document. All wait for a majority's journal",
    measure=measure,
)


class Fresh:
    """Calls that nobody has written to yet: one for each time that a variant runs."""

    def __init__(
        self,
        layout: Layout,
        tenant_id: int,
        count: int,
        *,
        segments: int = SEGMENTS,
        by_parts: bool = True,
    ) -> None:
        said = make_segments(segments, by_parts=by_parts)
        calls = [make_call(tenant_id, next(_numbers), said) for _ in range(count)]
        for start in range(0, count, READ_FROM):
            layout.insert(calls[start : start + READ_FROM])
        self._ids = iter([call["call_id"] for call in calls])

    def __call__(self) -> str:
        return next(self._ids)


def _bytes_on_disk(run: Run, database: Database[Document], three: ThreeCollections) -> Row:
    count = run.scale.pick(tiny=20, small=500, usual=2000)
    step, tenant_id = run.telling(f"bytes of {count} calls on disk"), next(_tenants)
    for done in range(0, count, READ_FROM):
        calls = [
            make_call(tenant_id, number, make_segments(SEGMENTS, seed=number))
            for number in range(done, min(done + READ_FROM, count))
        ]
        store.insert_many(tenant_id, calls)
        three.insert(calls)
        step(min(done + READ_FROM, count) / count)
    ours = layouts.sizes(database, (CALLS, BUCKETS, COUNTERS))
    theirs = layouts.sizes(database, (layouts.CALLS_ALONE, layouts.OF_AGENT, layouts.OF_CLIENT))
    ours_on_disk, theirs_on_disk = (size["storage"] + size["indexes"] for size in (ours, theirs))
    return Row(
        what=f"bytes on disk of {count} calls",
        unit="KB a call",
        ours=one(ours_on_disk / count / 1000),
        baseline=one(theirs_on_disk / count / 1000),
        targets=(at_most(ours_on_disk / theirs_on_disk, MOST_OF_BYTES, "× three collections"),),
        note=(
            "files and indexes by $collStats after a checkpoint, compressed as MongoDB does by itself; "
            f"in KB a call: ours {_per_call(ours, count)}; three collections {_per_call(theirs, count)}"
        ),
    )


def _reading(run: Run, three: ThreeCollections) -> Iterator[Row]:
    bare, repetitions = OneDocument(), run.scale.pick(tiny=5, small=200, usual=1000)
    tenant_id, ids = _to_read(run, three, bare)
    what = "read a call with its segments"
    yield _row(
        what,
        alternate(_readers(tenant_id, ids, three, bare), repetitions=repetitions, step=run.telling(what)),
        least=3,
    )
    what = "read its segments only"
    variants = {
        _OURS: _reader(ids, lambda call_id: conversations.segments_of(tenant_id=tenant_id, call_id=call_id)),
        _BASELINE: _reader(ids, partial(three.segments, tenant_id)),
        _FLOOR: _reader(ids, partial(bare.segments, tenant_id)),
    }
    yield _row(what, alternate(variants, repetitions=repetitions, step=run.telling(what)), least=4)
    tenant_id, ids = _to_read(run, three, bare, words=True)
    what = "read a call with a time for each word"
    taken = alternate(_readers(tenant_id, ids, three, bare), repetitions=repetitions // 2, step=run.telling(what))
    yield _row(what, taken, note="beyond the targets: making objects of some 30 KB of BSON is most of it for all three")


def _many_readers(run: Run, three: ThreeCollections) -> Row:
    bare = OneDocument()
    tenant_id, ids = _to_read(run, three, bare)
    what = f"{READERS} readers at once, {READS_EACH} calls each"
    chance = random.Random(READERS)  # noqa: S311
    with ThreadPoolExecutor(READERS) as pool:

        def all_read(read: Read, wanted: Sequence[str]) -> list[Any]:
            return list(pool.map(lambda own: [read(call_id) for call_id in own], [wanted] * READERS))

        variants = {
            name: Variant(
                run=partial(all_read, read),
                prepare=partial(chance.choices, ids, k=READS_EACH),
                # Which calls they were differs; that everybody got whole ones does not.
                answer=lambda wanted, returned: [
                    [len(call["conversation"]) for call in own if call["call_id"] in wanted] for own in returned
                ],
            )
            for name, read in _ways_to_read(tenant_id, three, bare).items()
        }
        repetitions = run.scale.pick(tiny=2, small=10, usual=50)
        return _row(what, alternate(variants, repetitions=repetitions, step=run.telling(what), warming=2), least=3)


def _changing(run: Run, three: ThreeCollections) -> Iterator[Row]:
    bare, tenant_id, values = OneDocument(), next(_tenants), {"subject": "About another order"}

    def edit(call_id: str) -> Any:
        entry = history_entry(datetime.now(UTC))
        return store.edit(_named(tenant_id, call_id), values=values, entry=entry, version=1)

    def looked_at(read: Read, call_id: str, returned: Any) -> Any:
        call = returned if isinstance(returned, Mapping) else read(call_id)
        said = [segment["text"] for segment in call["conversation"]]
        return bool(returned), call["subject"], call["version"], len(call["history"]), said

    what = "change a field, guarded by the version, and answer the call"
    ways: Ways = (
        edit,
        partial(three.change_and_read, tenant_id, values=values, version=1),
        partial(bare.change_and_read, tenant_id, values=values, version=1),
    )
    taken = _written(run, what, ways, tenant_id, three, answer=looked_at)
    yield _row(what, taken, least=2.5, note="what PATCH /api/calls/{id} does")


def _storing_ten(run: Run, three: ThreeCollections) -> Iterator[Row]:
    bare, tenant_id, before = OneDocument(), next(_tenants), SEGMENTS - SEGMENTS_OF_A_PART
    ten, duration = make_segments(SEGMENTS_OF_A_PART, first=before), SEGMENTS * SECONDS
    what = f"store ten segments into a call of {before}"
    ways: Ways = (
        partial(_replace, tenant_id, segments=ten),
        partial(three.append, tenant_id, segments=ten, duration=duration),
        partial(bare.append, tenant_id, segments=ten, duration=duration),
    )
    taken = _written(run, what, ways, tenant_id, three, answer=_what_is_said, segments=before)
    note = "only ours may come twice, and in any order; the others just add ten, and would have them twice"
    yield _row(what, taken, least=3, note=note)
    ten = make_segments(SEGMENTS_OF_A_PART, first=before, seed=1)
    what = "store ten in the place of what was heard before"
    ways = (
        partial(_replace, tenant_id, segments=ten),
        partial(three.replace, tenant_id, indexes=_chunks(ten), segments=ten, duration=duration),
        partial(bare.replace, tenant_id, parts=_parts(ten), segments=ten, duration=duration),
    )
    taken = _written(run, what, ways, tenant_id, three, answer=_what_is_said)
    note = "as storing has to be, since a chunk may be analysed twice; all three may come again"
    yield _row(what, taken, least=3, note=note)


def _removing(run: Run, three: ThreeCollections) -> Row:
    bare, tenant_id = OneDocument(), next(_tenants)

    def remove(call_id: str) -> bool:
        return store.remove(_named(tenant_id, call_id), entry=history_entry(datetime.now(UTC), act="deleted"))

    what = "delete a call with its segments"
    ways: Ways = (remove, partial(three.remove, tenant_id), partial(bare.remove, tenant_id))
    taken = _written(
        run, what, ways, tenant_id, three, answer=lambda read, call_id, returned: (returned, read(call_id))
    )
    note = (
        "only ours counts it out of its status too, in one transaction; three collections have it half gone meanwhile"
    )
    return _row(what, taken, least=3, note=note)


def _long_calls(run: Run) -> Iterator[Row]:
    """Appending goes on at the end of one long call, and to ever other calls of usual length."""
    length = run.scale.pick(tiny=1200, small=LONG, usual=LONG)
    what = f"append a part of ten to a call of {length:,} segments"
    yield _appending(run, what, length, (_replace, _replace), by_parts=True)
    what = f"append ten by their ids to a call of {length:,} segments"
    yield _appending(run, what, length, (_upsert, _upsert), by_parts=False)


def _appending(run: Run, what: str, length: int, writes: tuple[Write, Write], *, by_parts: bool) -> Row:
    tenant_id, step, bare = next(_tenants), run.telling(what), OneDocument()
    write_long, write = writes
    long_call = make_call(tenant_id, next(_numbers), make_segments(length, by_parts=by_parts))
    store.insert(long_call)
    ends = itertools.count(length, SEGMENTS_OF_A_PART)
    ten = make_segments(SEGMENTS_OF_A_PART, first=SEGMENTS, by_parts=by_parts)

    def next_ten() -> list[Segment]:
        return make_segments(SEGMENTS_OF_A_PART, first=next(ends), by_parts=by_parts)

    def at_end(call_id: str, returned: Any) -> Any:
        call = store.find(_named(tenant_id, call_id))
        said = call["conversation"][-SEGMENTS_OF_A_PART:] if call else []
        return returned, [(round(one["end_time"] - said[0]["start_time"], 1), one["speaker"]) for one in said]

    repetitions = _writes(run)
    taken = alternate(
        {
            "the long call": Variant(
                run=partial(write_long, tenant_id, long_call["call_id"]),
                prepare=next_ten,
                answer=lambda _given, returned: at_end(long_call["call_id"], returned),
            ),
            "a usual one": Variant(
                run=lambda call_id: write(tenant_id, call_id, ten),
                prepare=Fresh(bare, tenant_id, repetitions + WARMING + 1, by_parts=by_parts),
                answer=at_end,
            ),
        },
        repetitions=repetitions,
        step=step,
    )
    ours, short = taken.values()
    return Row(
        what,
        "ms",
        ours,
        baseline=short,
        targets=(near(ours, short, most=MOST_OVER_SHORT, of=f"a call of {SEGMENTS}"),),
        baseline_is=f"the same to a call of {SEGMENTS}",
        note=f"means {ours.mean:.2f} and {short.mean:.2f} ms, with what moves into buckets now and then",
    )


def _what_verbs_add(run: Run) -> Iterator[Row]:
    """What the product calls, above what it calls of the store."""
    bare, user, tenant_id = OneDocument(), *make_supervisor()
    ids = _inserted(run, tenant_id, bare)
    what = "conversations.read_call"
    variants = {
        what: _reader(ids, partial(conversations.read_call, user)),
        "store.find": _reader(ids, lambda call_id: store.find(_named(tenant_id, call_id))),
    }
    taken = alternate(variants, repetitions=_writes(run), step=run.telling(what))
    yield _above(what, taken, floor_is="store.find", note="the user's rights, and what people have corrected")
    before = SEGMENTS - SEGMENTS_OF_A_PART
    ten = make_segments(SEGMENTS_OF_A_PART, first=before)

    def store_segments(call_id: str) -> bool:
        taken_in = conversations.store_segments(
            tenant_id=tenant_id, call_id=call_id, parts=_parts(ten), segments=ten, end_time=SEGMENTS * SECONDS
        )
        return len(taken_in) == len(ten)

    what = "conversations.store_segments"
    ways: dict[str, Read] = {
        what: store_segments,
        "store.replace_segments": partial(_replace, tenant_id, segments=ten),
    }
    variants = {
        name: Variant(
            run=way,
            prepare=Fresh(bare, tenant_id, _writes(run) + WARMING + 1, segments=before),
            answer=partial(_what_is_said, partial(bare.read, tenant_id)),
        )
        for name, way in ways.items()
    }
    taken = alternate(variants, repetitions=_writes(run), step=run.telling(what))
    yield _above(
        what,
        taken,
        floor_is="store.replace_segments",
        note="who has been erased and what is masked, by PostgreSQL; the call's language; what was said just before",
    )


def _writes(run: Run) -> int:
    return run.scale.pick(tiny=5, small=100, usual=500)


def _written(
    run: Run,
    what: str,
    ways: Ways,
    tenant_id: int,
    three: ThreeCollections,
    *,
    answer: Callable[[Read, str, Any], Any],
    segments: int = SEGMENTS,
) -> dict[str, Figures]:
    """Times of three ways of writing to a call, each time to another one."""
    bare = OneDocument()
    reads = _ways_to_read(tenant_id, three, bare)
    layouts_of: Sequence[Layout] = (bare, three, bare)
    variants = {
        name: Variant(
            run=way,
            prepare=Fresh(layout, tenant_id, _writes(run) + WARMING + 1, segments=segments),
            answer=partial(answer, reads[name]),
        )
        for name, way, layout in zip(reads, ways, layouts_of, strict=True)
    }
    return alternate(variants, repetitions=_writes(run), step=run.telling(what))


def _to_read(run: Run, three: ThreeCollections, bare: OneDocument, *, words: bool = False) -> tuple[int, Sequence[str]]:
    tenant_id = next(_tenants)
    return tenant_id, _inserted(run, tenant_id, bare, three, words=words)


def _inserted(run: Run, tenant_id: int, *layouts_of: Layout, words: bool = False) -> Sequence[str]:
    count = run.scale.pick(tiny=10, small=READ_FROM, usual=READ_FROM)
    calls = [
        make_call(tenant_id, next(_numbers), make_segments(SEGMENTS, seed=number, words=words))
        for number in range(count)
    ]
    for layout in layouts_of:
        layout.insert(calls)
    return [call["call_id"] for call in calls]


def _ways_to_read(tenant_id: int, three: ThreeCollections, bare: OneDocument) -> dict[str, Read]:
    return {
        _OURS: lambda call_id: store.find(_named(tenant_id, call_id)),
        _BASELINE: partial(three.read, tenant_id),
        _FLOOR: partial(bare.read, tenant_id),
    }


def _readers(tenant_id: int, ids: Sequence[str], three: ThreeCollections, bare: OneDocument) -> dict[str, Variant]:
    return {name: _reader(ids, read) for name, read in _ways_to_read(tenant_id, three, bare).items()}


def _reader(ids: Sequence[str], read: Read) -> Variant:
    """Reads one call after another; all variants begin with the same."""
    return Variant(run=read, prepare=partial(next, itertools.cycle(ids)))


def _replace(tenant_id: int, call_id: str, segments: Sequence[Segment]) -> bool:
    return store.replace_segments(
        tenant_id=tenant_id,
        call_id=call_id,
        parts=_parts(segments),
        segments=segments,
        duration=segments[-1]["start_time"] + SECONDS,
    )


def _upsert(tenant_id: int, call_id: str, segments: Sequence[Segment]) -> bool:
    """As the product does it: what has to be known of a call is read first."""
    about = store.about(tenant_id=tenant_id, call_id=call_id)
    return about is not None and store.upsert_segments(
        tenant_id=tenant_id,
        call_id=call_id,
        segments=segments,
        duration=segments[-1]["start_time"] + SECONDS,
        spilled=about.get("spilled"),
    )


def _parts(segments: Sequence[Segment]) -> list[str]:
    return sorted({segment["segment_id"].split(":")[1] for segment in segments})


def _chunks(segments: Sequence[Segment]) -> list[int]:
    return sorted({segment["chunk_index"] for segment in segments})


def _what_is_said(read: Read, call_id: str, returned: Any) -> Any:
    call = read(call_id)
    return returned, call["conversation"], call["duration"]


def _named(tenant_id: int, call_id: str) -> Document:
    return {"tenant_id": tenant_id, "call_id": call_id}


def _row(what: str, taken: Mapping[str, Figures], *, least: float = 0.0, note: str = "") -> Row:
    ours, baseline, floor = (taken[name] for name in (_OURS, _BASELINE, _FLOOR))
    targets = (faster(ours, baseline, least=least), near(ours, floor, most=MOST_OVER_FLOOR)) if least else ()
    if baseline.median < least * floor.median:
        least_of_all = f"even the floor is only {baseline.median / floor.median:.2f} × as fast as the baseline"
        note = "; ".join(filter(None, (note, least_of_all)))
    return Row(what, "ms", ours, baseline, floor, targets, note)


def _above(what: str, taken: Mapping[str, Figures], *, floor_is: str, note: str) -> Row:
    ours, floor = taken.values()
    return Row(what, "ms", ours, floor=floor, floor_is=floor_is, note=note)


def _per_call(size: Mapping[str, int], count: int) -> str:
    return ", ".join(f"{name} {value / count / 1000:.2f}" for name, value in size.items())
