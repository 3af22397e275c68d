"""A call that an older installation began, read whole: its old segments among those that it has itself."""

from collections.abc import Iterable, Sequence

from django.conf import settings

from calls import forgotten, masking, old_segments
from calls.documents import Call, People, Segment, by_time, people_by_side
from calls.old_segments import Row
from calls.store import legacy


def folded(call: Call) -> Call:
    """The call with what the old collections hold of it, masked as it would be when it is moved.

    Of a segment that the call has itself, its own counts.
    """
    if call.get("migrated") or not legacy.is_there():
        return call
    rows = _rows_of(call)
    if not rows:
        return call
    old = old_segments.read(rows).segments
    staying = of_others(old, call, gone=gone_of(call["tenant_id"], [call]))
    words = masking.masked(staying, tenant_id=call["tenant_id"], language=call.get("language") or "en")
    own = call.get("conversation", [])
    missing = missing_in(own, words)
    said = sorted([*own, *missing], key=by_time)
    ends = [segment["end_time"] for segment in missing]
    return {**call, "conversation": said, "duration": max([call.get("duration", 0.0), *ends])}


def missing_in(conversation: Iterable[Segment], old: Iterable[Segment]) -> list[Segment]:
    """Those of the old segments that a conversation does not have, neither by their id nor by what they say."""
    there = list(conversation)
    ids = {segment["segment_id"] for segment in there}
    said = {old_segments.content(segment) for segment in there}
    return [one for one in old if one["segment_id"] not in ids and old_segments.content(one) not in said]


def gone_of(tenant_id: int, calls: Iterable[People]) -> frozenset[str]:
    """Those of the people of calls who have been erased; as `forgotten.among`."""
    keys = {key for call in calls for side in people_by_side(call).values() for key in side}
    return forgotten.among(tenant_id, keys)


def of_others(segments: Sequence[Segment], call: People, *, gone: frozenset[str]) -> list[Segment]:
    """The segments without the words of those who have been erased."""
    if not gone:
        return list(segments)
    by_side = people_by_side(call)
    return [segment for segment in segments if gone.isdisjoint(by_side[segment["speaker"]])]


def _rows_of(call: Call) -> list[Row]:
    """The rows of this very company."""
    tenant_id, call_id = call["tenant_id"], call["call_id"]
    rows = legacy.rows_of([call_id])[call_id]
    unnamed = settings.EARSHOT_LEGACY_TENANT_ID or None
    is_unsure = unnamed is None and any(row.tenant_id is None for row in rows)
    made = legacy.made([call_id])[call_id] if is_unsure else {}
    return [row for row in rows if old_segments.owner(row, made, unnamed=unnamed) == tenant_id]
