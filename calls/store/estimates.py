"""What is estimated and flagged of a conversation, and who is heard speaking in it."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from calls.documents import Emotion, Flag, Speaker, Spilled, part_of, place_of_part
from calls.store import buckets
from calls.store.client import BUCKETS, calls, collection, in_transaction, reachable
from calls.store.expressions import (
    CONCLUSIONS,
    SEGMENT_IDS,
    Document,
    literal,
    of_one,
    of_other_parts,
    sorted_by_time,
    stages,
)


@reachable()
def replace_estimates(
    *,
    tenant_id: int,
    call_id: str,
    parts: Sequence[str],
    emotions: Sequence[Emotion] | None,
    flags: Sequence[Flag] | None,
) -> bool:
    """Put what is estimated and flagged of parts in the place of what was before; None leaves it as it is.

    Emotions of segments that are not there any more are left out. False when there is no such call.
    """
    flagged = {} if flags is None else {"suspicion.reasons": _flagged(parts, flags)}
    # Flags are all in the call itself; emotions are where their segments are.
    places = [place for part in parts if (place := place_of_part(part)) is not None] if emotions is not None else []
    guard = buckets.begins_at(min(places)) if places else {}
    update = stages(_estimated(parts, emotions), flagged, CONCLUSIONS)
    if calls().update_one({**of_one(tenant_id, call_id), **guard}, update).matched_count == 1:
        return True
    return bool(places) and _estimate_across(tenant_id, call_id, parts, emotions or [], flagged)


def _estimate_across(
    tenant_id: int, call_id: str, parts: Sequence[str], emotions: Sequence[Emotion], flagged: Document
) -> bool:
    """The same for a call some of whose parts are in buckets, in one transaction."""

    def replace(session: ClientSession) -> bool:
        head = calls().find_one(of_one(tenant_id, call_id), {"spilled": True}, session=session)
        if head is None:
            return False
        until = cast("Spilled", head.get("spilled", {"until": 0}))["until"]
        known = buckets.ranges(tenant_id, call_id, session) if until else []
        by_bucket: dict[int, list[str]] = {}
        at_end = []
        for part in parts:
            place = place_of_part(part)
            if place is not None and place < until:
                by_bucket.setdefault(buckets.bucket_of(place, known), []).append(part)
            else:
                at_end.append(part)
        for first, own in by_bucket.items():
            share = [one for one in emotions if part_of(one["segment_id"]) in own]
            buckets.update(tenant_id, call_id, first, [{"$set": _estimated(own, share)}], session)
        if by_bucket:
            buckets.count_anew(tenant_id, call_id, until, session)
        share = [one for one in emotions if part_of(one["segment_id"]) in at_end]
        update = stages(_estimated(at_end, share), flagged, CONCLUSIONS)
        return calls().update_one(of_one(tenant_id, call_id), update, session=session).matched_count == 1

    return in_transaction(replace)


def _estimated(parts: Sequence[str], emotions: Sequence[Emotion] | None) -> Document:
    if emotions is None:
        return {}
    known = {"$filter": {"input": literal(list(emotions)), "cond": {"$in": ["$$this.segment_id", SEGMENT_IDS]}}}
    there = {"$concatArrays": [of_other_parts("$emotions", parts), known]}
    return {"emotions": sorted_by_time(there, "segment_id")}


def _flagged(parts: Sequence[str], flags: Sequence[Flag]) -> Document:
    others = of_other_parts("$suspicion.reasons", parts, identity="flag_id")
    return sorted_by_time({"$concatArrays": [others, literal(list(flags))]}, "flag_id")


@reachable()
def correct_speakers(
    *, tenant_id: int, call_id: str, corrections: Mapping[str, Sequence[str]], speakers: Sequence[Speaker]
) -> bool:
    """Give segments other speakers: speaker → ids of the segments. False when there is no such call."""
    of_call = {"speakers": literal(list(speakers))}
    usual = {**of_one(tenant_id, call_id), "spilled": {"$exists": False}}
    told = calls().update_one(usual, stages({**of_call, **_respoken(corrections)}))
    if told.matched_count == 1:
        return True
    return _correct_across(tenant_id, call_id, corrections, of_call)


def _correct_across(tenant_id: int, call_id: str, corrections: Mapping[str, Sequence[str]], of_call: Document) -> bool:
    """The same for a long call: every document is told of its own segments alone, of which the others would search."""
    speaker_of = {identity: speaker for speaker, ids in corrections.items() for identity in ids}

    def of_document(found: Mapping[str, Any]) -> dict[str, list[str]]:
        own: dict[str, list[str]] = {}
        for segment in found["conversation"]:
            if (speaker := speaker_of.get(segment["segment_id"])) is not None:
                own.setdefault(speaker, []).append(segment["segment_id"])
        return own

    def correct(session: ClientSession) -> bool:
        only_ids = {"conversation.segment_id": True}
        head = calls().find_one(of_one(tenant_id, call_id), only_ids, session=session)
        if head is None:
            return False
        found = collection(BUCKETS).find(buckets.of_call(tenant_id, call_id), only_ids, session=session)
        there = [
            UpdateOne({"_id": one["_id"]}, [{"$set": _respoken(own)}]) for one in found if (own := of_document(one))
        ]
        if there:
            collection(BUCKETS).bulk_write(there, session=session)
        update = stages({**of_call, **_respoken(of_document(head))})
        return calls().update_one({"_id": head["_id"]}, update, session=session).matched_count == 1

    return in_transaction(correct)


def _respoken(corrections: Mapping[str, Sequence[str]]) -> Document:
    branches = [
        {"case": {"$in": ["$$this.segment_id", literal(list(ids))]}, "then": literal(speaker)}
        for speaker, ids in corrections.items()
    ]
    if not branches:
        return {}
    corrected = {"$switch": {"branches": branches, "default": "$$this.speaker"}}
    return {
        "conversation": {
            "$map": {"input": "$conversation", "in": {"$mergeObjects": ["$$this", {"speaker": corrected}]}}
        }
    }
