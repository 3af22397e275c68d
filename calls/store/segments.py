"""What sources write into a call: segments, part by part or by their ids, and how the call stands."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError

from calls.documents import Segment, Spilled, by_time, place_of, place_of_part
from calls.segment_rules import MOST_AT_ONCE
from calls.store import buckets
from calls.store.client import BUCKETS, calls, collection, in_transaction, reachable
from calls.store.expressions import (
    CONCLUSIONS,
    Document,
    literal,
    of_one,
    of_other_ids,
    of_other_parts,
    sorted_by_time,
    stages,
)


@reachable()
def attach_session(*, tenant_id: int, call_id: str, session_id: str) -> bool:
    """Give the call its recording. False when it has another one already, or is not there."""
    update = {"$set": {"session_id": session_id}}
    free_or_ours = {**of_one(tenant_id, call_id), "session_id": {"$in": [None, session_id]}}
    return calls().update_one(free_or_ours, update).matched_count == 1


@reachable()
def replace_segments(
    *,
    tenant_id: int,
    call_id: str,
    parts: Sequence[str],
    segments: Sequence[Segment],
    duration: float,
    others: Sequence[Segment] = (),
) -> bool:
    """Put segments in the place of all that the same parts of the recording said before, in time order.

    `others` are segments of other parts, each of which takes the place of the one that has its id, if that is there.
    What was estimated and flagged of those parts goes with what they said. Readers see all of it or nothing, and the
    same segments again leave the call as it was but for `updated_at` and what was estimated. False when there is no
    such call.
    """
    places = [place for part in parts if (place := place_of_part(part)) is not None]
    places += [place_of(segment) for segment in others]

    def changed(own: Sequence[Segment]) -> list[Document]:
        return _replacing(parts, own, others)

    of_call: Document = {
        "duration": {"$max": ["$duration", duration]},
        "suspicion.reasons": of_other_parts("$suspicion.reasons", parts, identity="flag_id"),
    }
    at_end = {**of_one(tenant_id, call_id), **buckets.begins_at(min(places, default=0))}
    told = _update(at_end, [*changed(segments), of_call, CONCLUSIONS])
    if told is None:
        return _replace_across(tenant_id, call_id, segments, places=places, changed=changed, of_call=of_call)
    _spill_if_too_long(tenant_id, call_id, told)
    return True


@reachable()
def upsert_segments(
    *,
    tenant_id: int,
    call_id: str,
    segments: Sequence[Segment],
    duration: float,
    others: Sequence[Segment] = (),
    values: Mapping[str, Any] | None = None,
    spilled: Spilled | None = None,
) -> bool:
    """Put segments into a call, each in the place of the one that has its id, in time order.

    As many as may be sent at a time are written at once; more, piece by piece in order of time. `others` are as in
    `replace_segments`; `values` are set together with the last piece. `spilled` is what the caller has read of the
    call, and spares a long one a transaction where its end alone is concerned. False when there is no such call.
    """
    in_order = sorted(segments, key=by_time)
    size = max(buckets.most_segments(), MOST_AT_ONCE)
    pieces = [in_order[start : start + size] for start in range(0, len(in_order), size)] or [[]]
    at_last = {name: literal(value) for name, value in (values or {}).items()}
    return all(
        _upsert(
            tenant_id,
            call_id,
            piece,
            duration,
            at_last if position == len(pieces) else {},
            others=others if position == len(pieces) else (),
            spilled=spilled if position == 1 else None,
        )
        for position, piece in enumerate(pieces, start=1)
    )


@reachable()
def upsert_into_many(
    tenant_id: int, segments: Mapping[str, Sequence[Segment]], *, values: Mapping[str, Any] | None = None
) -> bool:
    """The same for many calls of a company in one trip: call_id → segments.

    Whether all were written. Those were not that are not there, that are too long to take these without going into
    buckets, or that the server refuses; writing each by itself, which changes nothing of the others, tells which.
    """
    at_once = []
    for call_id, own in segments.items():
        ids = [segment["segment_id"] for segment in own]
        room = {"$lte": [{"$size": "$conversation"}, buckets.most_segments() - len(own)]}
        usual = {**of_one(tenant_id, call_id), "spilled": {"$exists": False}, "$expr": room}
        duration = max((segment["end_time"] for segment in own), default=0.0)
        of_call: Document = {
            "duration": {"$max": ["$duration", duration]},
            **{name: literal(value) for name, value in (values or {}).items()},
        }
        at_once.append(UpdateOne(usual, stages(*_upserting(ids, own, ()), of_call, CONCLUSIONS)))
    try:
        return not at_once or calls().bulk_write(at_once, ordered=False).matched_count == len(at_once)
    except BulkWriteError:
        return False


def _upsert(
    tenant_id: int,
    call_id: str,
    segments: Sequence[Segment],
    duration: float,
    values: Document,
    *,
    others: Sequence[Segment],
    spilled: Spilled | None,
) -> bool:
    ids = [segment["segment_id"] for segment in segments]
    places = [place_of(segment) for segment in (*segments, *others)]

    def changed(own: Sequence[Segment]) -> list[Document]:
        return _upserting(ids, own, others)

    of_call: Document = {"duration": {"$max": ["$duration", duration]}, **values}
    update = [*changed(segments), of_call, CONCLUSIONS]
    call = of_one(tenant_id, call_id)
    told = None
    if spilled is None:
        told = _update({**call, "spilled": {"$exists": False}}, update)
    elif min(places, default=0) >= spilled["until"] and not buckets.with_segments(tenant_id, call_id, ids, None):
        # A long call, of whose end alone this is, as long as nothing has come into its buckets since.
        told = _update({**call, "spilled": spilled}, update)
    if told is None:
        return _replace_across(tenant_id, call_id, segments, places=places, changed=changed, of_call=of_call, ids=ids)
    _spill_if_too_long(tenant_id, call_id, told)
    return True


def _replace_across(
    tenant_id: int,
    call_id: str,
    segments: Sequence[Segment],
    *,
    places: Sequence[int],
    changed: Callable[[Sequence[Segment]], list[Document]],
    of_call: Document,
    ids: Sequence[str] = (),
) -> bool:
    """The same for a call whose buckets it concerns: each document takes what is at its places, in one transaction."""

    def replace(session: ClientSession) -> Mapping[str, Any] | None:
        head = calls().find_one(of_one(tenant_id, call_id), {"spilled": True}, session=session)
        if head is None:
            return None
        until = cast("Spilled", head.get("spilled", {"until": 0}))["until"]
        known = buckets.ranges(tenant_id, call_id, session) if until else []
        shares: dict[int, list[Segment]] = {buckets.bucket_of(place, known): [] for place in places if place < until}
        if ids and until:
            shares |= {first: [] for first in buckets.with_segments(tenant_id, call_id, ids, session)}
        at_end: list[Segment] = []
        for segment in segments:
            place = place_of(segment)
            (shares[buckets.bucket_of(place, known)] if place < until else at_end).append(segment)
        for first, share in shares.items():
            buckets.update(tenant_id, call_id, first, [{"$set": one} for one in changed(share)], session)
        if shares:
            buckets.count_anew(tenant_id, call_id, until, session)
        return _update(of_one(tenant_id, call_id), [*changed(at_end), of_call, CONCLUSIONS], session)

    told = in_transaction(replace)
    if told is not None:
        _spill_if_too_long(tenant_id, call_id, told)
    return told is not None


def _replacing(parts: Sequence[str], segments: Sequence[Segment], others: Sequence[Segment]) -> list[Document]:
    staying = _with_others(of_other_parts("$conversation", parts), others)
    return [_said(staying, segments) | {"emotions": of_other_parts("$emotions", parts)}]


def _upserting(ids: Sequence[str], segments: Sequence[Segment], others: Sequence[Segment]) -> list[Document]:
    staying = _with_others(of_other_ids("$conversation", ids), others)
    return [_said(staying, segments) | {"emotions": of_other_ids("$emotions", ids)}]


def _said(staying: Document, segments: Sequence[Segment]) -> Document:
    there = {"$concatArrays": [staying, literal(list(segments))]}
    return {"conversation": sorted_by_time(there, "segment_id")}


def _with_others(staying: Document, others: Sequence[Segment]) -> Document:
    """The same with some segments in the place of those of their ids."""
    if not others:
        return staying
    mine = {"$eq": ["$$theirs.segment_id", "$$this.segment_id"]}
    given = {"$filter": {"input": literal(list(others)), "as": "theirs", "cond": mine}}
    return {"$map": {"input": staying, "in": {"$ifNull": [{"$first": given}, "$$this"]}}}


def _update(
    wanted: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], session: ClientSession | None = None
) -> Mapping[str, Any] | None:
    """How large the call is after the update; None when there is none such."""
    found: Mapping[str, Any] | None = calls().find_one_and_update(
        dict(wanted), stages(*steps), projection=buckets.SIZE, return_document=True, session=session
    )
    return found


def _spill_if_too_long(tenant_id: int, call_id: str, told: Mapping[str, Any]) -> None:
    if buckets.is_too_long(told):
        buckets.spill(tenant_id, call_id)


@reachable()
def finish(*, tenant_id: int, call_id: str, values: Mapping[str, Any]) -> bool:
    """Set fields of one call, of which nothing is provisional any more. False when there is no such call."""
    literals = {name: literal(value) for name, value in values.items()}
    update = [*stages(literals), {"$unset": "conversation.provisional"}]
    told = calls().find_one_and_update(
        of_one(tenant_id, call_id), update, projection=buckets.SIZE, return_document=True
    )
    if told is not None and "spilled" in told:
        provisional = {**buckets.of_call(tenant_id, call_id), "conversation.provisional": True}
        collection(BUCKETS).update_many(provisional, [{"$unset": "conversation.provisional"}])
    return told is not None


@reachable()
def change(*, tenant_id: int, call_id: str, values: Mapping[str, Any]) -> bool:
    """Set fields of one call, as its source says. False when there is no such call."""
    update = {"$set": {**values}, "$currentDate": {"updated_at": True}}
    return calls().update_one(of_one(tenant_id, call_id), update).matched_count == 1
