"""What search looks through: whole calls of somebody, and what their side said in others.

Of a call by side, all goes at once that the call would not say without it; who indexes puts back what the other side
says, should that have been among it. Whoever is indexing such a call just now loses it: what they have read may be
from before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from calls import indexing
from calls.corrections import as_people_say
from calls.documents import by_time
from calls.erasing import addresses, sides
from calls.erasing.sides import OTHER, Going, Side
from calls.store import erasing, folding
from metrics.erasing import Progress, Share, Subject, untold

_WHOLE_AT_ONCE = 1000
_SIDES_AT_ONCE = 200
_BY_SIDE: tuple[tuple[Share, Side], ...] = ((Share.AGENT, "agent"), (Share.CLIENT, "client"))


@dataclass(slots=True)
class _Staying:
    """Of calls by side, as they are without it: what stays, each segment by its call, its id, and its text's digest."""

    calls: list[str] = field(default_factory=list)
    segments: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)


def count(subject: Subject) -> int:
    """Calls, and segments with their vectors. Raises RetryableCallError."""
    total = 0
    for some in _batches(subject.calls_of(Share.WHOLE), _WHOLE_AT_ONCE):
        whole = [subject.tenant_id, some]
        total += _number("SELECT count(*) FROM calls_indexedcall WHERE tenant_id = %s AND call_id = ANY(%s)", whole)
        total += _number(f"SELECT count(*) {_SEGMENTS_OF}", whole)
    for share, side in _BY_SIDE:
        for some in _batches(subject.calls_of(share), _SIDES_AT_ONCE):
            total += _count_side(subject, some, side)
    return total


def erase(subject: Subject, *, progress: Progress = untold) -> int:
    erased = 0
    for some in _batches(subject.calls_of(Share.WHOLE), _WHOLE_AT_ONCE):
        done = remove_whole(subject.tenant_id, some)
        progress(done)
        erased += done
    for share, side in _BY_SIDE:
        for some in _batches(subject.calls_of(share), _SIDES_AT_ONCE):
            done = _erase_side(subject, some, side)
            progress(done)
            erased += done
    return erased


def search(subject: Subject) -> int:
    """By whose a call was when it was indexed, by who speaks, and by their addresses in what is said."""
    found = 0
    if subject.user_id is not None:
        wanted = [subject.tenant_id, subject.user_id]
        found += _number("SELECT count(*) FROM calls_indexedcall WHERE tenant_id = %s AND user_id = %s", wanted)
    whole = [subject.tenant_id, list(subject.calls_of(Share.WHOLE))]
    found += _number(f"SELECT count(*) {_SEGMENTS_OF}", whole)
    for share, side in _BY_SIDE:
        theirs = [subject.tenant_id, list(subject.calls_of(share))]
        found += _number(f"SELECT count(*) {_SEGMENTS_OF} AND said.speaker = %s", [*theirs, side])
        if subject.emails:
            pattern = addresses.pattern_of(subject.emails)
            found += _number(f"SELECT count(*) {_SEGMENTS_OF} AND said.text ~* %s", [*theirs, pattern])
    return found


def remove_whole(tenant_id: int, call_ids: Sequence[str]) -> int:
    """Take calls out of the index with all that is said in them. How many rows that were."""
    with transaction.atomic():
        # Whoever is writing such a call is waited for; in one order, so that nobody waits in a circle.
        rows = _lock(tenant_id, call_ids)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM calls_indexedsegment WHERE call_id = ANY(%s)", [rows])
            removed = cursor.rowcount
            cursor.execute("DELETE FROM calls_indexedcall WHERE id = ANY(%s)", [rows])
            return int(removed + cursor.rowcount)


def _count_side(subject: Subject, call_ids: Sequence[str], side: Side) -> int:
    """By who speaks: whoever is not called as the other side of that call is."""
    names = erasing.names_of_side(subject.tenant_id, call_ids, OTHER[side])
    of_calls = [call_id for call_id, _ in names]
    others = [indexing.storable(name) for _, name in names]
    values = [subject.tenant_id, list(call_ids), of_calls, others]
    total = _number(f"SELECT count(*) {_SEGMENTS_OF} {_AND_OF_NO_OTHER}", values)
    if side == "agent" and subject.user_id is not None:
        theirs = [subject.tenant_id, list(call_ids), subject.user_id]
        total += _number(
            "SELECT count(*) FROM calls_indexedcall WHERE tenant_id = %s AND call_id = ANY(%s) AND user_id = %s", theirs
        )
    return total


def _erase_side(subject: Subject, call_ids: Sequence[str], side: Side) -> int:
    staying = _staying(subject, call_ids, side)
    with transaction.atomic():
        rows = _lock(subject.tenant_id, call_ids)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE calls_indexedcall
                SET user_id = CASE WHEN user_id = %s THEN NULL ELSE user_id END,
                    subject = CASE WHEN %s THEN '' ELSE subject END,
                    stale_since = COALESCE(stale_since, now()), marks = marks + 1, claimed_at = NULL
                WHERE id = ANY(%s)
                """,
                [subject.user_id, side == "client", rows],
            )
            cursor.execute(
                """
                DELETE FROM calls_indexedsegment AS said USING calls_indexedcall AS call
                WHERE said.call_id = call.id AND call.id = ANY(%s) AND NOT EXISTS (
                    SELECT FROM unnest(%s::text[], %s::text[], %s::text[]) AS kept (call_id, segment_id, text_digest)
                    WHERE kept.call_id = call.call_id AND kept.segment_id = said.segment_id
                    AND kept.text_digest = said.text_digest
                )
                """,
                [rows, staying.calls, staying.segments, staying.digests],
            )
            removed = cursor.rowcount
        if rows:
            transaction.on_commit(lambda: indexing.send(indexing.INDEX_TASK), robust=True)
    return int(removed)


def _staying(subject: Subject, call_ids: Sequence[str], side: Side) -> _Staying:
    going = Going(side, user_id=subject.user_id, emails=tuple(subject.emails))
    found = _Staying()
    for head, own in erasing.read(subject.tenant_id, call_ids):
        call_id = head["call_id"]
        after, others = sides.without(head, own, going)
        said = [segment for one in (after, *others) for segment in one.get("conversation", [])]
        shown = as_people_say(folding.folded({**after, "conversation": sorted(said, key=by_time)}))  # type: ignore[typeddict-item]
        for segment in shown["conversation"]:
            if segment["speaker"] != side:
                found.calls.append(call_id)
                found.segments.append(indexing.storable(segment["segment_id"]))
                found.digests.append(indexing.digest_of(segment["text"]))
    return found


_SEGMENTS_OF = """
    FROM calls_indexedsegment AS said JOIN calls_indexedcall AS call ON call.id = said.call_id
    WHERE call.tenant_id = %s AND call.call_id = ANY(%s)
"""
_AND_OF_NO_OTHER = """
    AND (call.call_id, said.speaker) NOT IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""


def _lock(tenant_id: int, call_ids: Sequence[str]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM calls_indexedcall WHERE tenant_id = %s AND call_id = ANY(%s) ORDER BY call_id FOR UPDATE",
            [tenant_id, list(call_ids)],
        )
        return [row for (row,) in cursor.fetchall()]


def _number(question: str, values: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        (number,) = cursor.fetchone()
    return int(number)


def _batches(call_ids: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(call_ids), size):
        yield list(call_ids[start : start + size])
