"""Where calls too long for one document keep what was said: buckets of some hundred segments each.

A document that grows is written anew with every change, so a call keeps only its end: once it has more than
`EARSHOT_BUCKET_SEGMENTS`, the older ones move into buckets, and `spilled.until` in the call says up to which place
(`place_of`).
What has one place is never torn apart, so a part of a recording is either in the call or in one bucket, and which of
them is told by its name. Every bucket has a range of places, `first` to below `until`; together they are all places
below `spilled.until`.

What concerns the call's end alone is one update of one document, as with any call: it is guarded by `spilled.until`.
Everything else is a transaction over the documents that it concerns.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, cast

from django.conf import settings
from pymongo.client_session import ClientSession

from calls.documents import Call, Emotion, EmotionSeconds, Segment, Spilled, by_time, place_of
from calls.store.client import BUCKETS, calls, collection, in_transaction
from calls.store.expressions import Document, of_one
from metrics.mongo_clients import DEADLINE_MS

# Of so many, one stays in the call itself when the others move out.
KEPT_SHARE = 4
# Segments with many words are large; a document may have 16 MB.
MOST_BYTES = 2 * 2**20

# What `find_one_and_update` is to tell of a call that has been written.
SIZE = {
    "segments": {"$size": "$conversation"},
    "bytes": {"$bsonSize": "$$ROOT"},
    "spilled": True,
    "_id": False,
}


def most_segments() -> int:
    """How many a call, or one of its buckets, holds before it is divided."""
    return int(settings.EARSHOT_BUCKET_SEGMENTS)


def begins_at(until: int) -> Document:
    """The guard of an update that concerns places from `until` on: they are in the call itself."""
    return {"spilled.until": {"$not": {"$gt": until}}}


def of_call(tenant_id: int, call_id: str) -> Document:
    return {"tenant_id": tenant_id, "call_id": call_id}


def is_too_long(told: Mapping[str, Any]) -> bool:
    return bool(told["segments"] > most_segments() or told["bytes"] > MOST_BYTES)


def spill(tenant_id: int, call_id: str) -> None:
    """Move the older part of a call's conversation into buckets, if it still is too long."""

    def move(session: ClientSession) -> None:
        head = calls().find_one(
            of_one(tenant_id, call_id),
            {"conversation": True, "emotions": True, "spilled": True, "size": {"$bsonSize": "$$ROOT"}},
            session=session,
        )
        if head is None:
            return
        said = cast("list[Segment]", head["conversation"])
        if not is_too_long({"segments": len(said), "bytes": head["size"]}):
            return
        until = _place_to_keep_from(said)
        going = [segment for segment in said if place_of(segment) < until]
        if not going:
            return
        ids = {segment["segment_id"] for segment in going}
        estimates = cast("list[Emotion]", head.get("emotions", []))
        moved = [one for one in estimates if one["segment_id"] in ids]
        before = cast("Spilled", head.get("spilled") or Spilled(until=0, segments=0, emotions=[]))
        _insert(session, of_call(tenant_id, call_id), going, moved, first=before["until"], until=until)
        calls().update_one(
            {"_id": head["_id"]},
            {
                "$set": {
                    "conversation": [segment for segment in said if segment["segment_id"] not in ids],
                    "emotions": [one for one in estimates if one["segment_id"] not in ids],
                    "spilled": _with(before, until, going, moved),
                }
            },
            session=session,
        )

    in_transaction(move)


def laid_out(session: ClientSession, call: Call, *, size: int) -> Document:
    """Of a whole call that is too long, put the older part into new buckets; the document that the call keeps.

    `size` in bytes of all of it. Buckets of the call from before are gone by then.
    """
    head: Document = {**call}
    said = call["conversation"]
    if not said or not is_too_long({"segments": len(said), "bytes": size}):
        return head
    until = _place_to_keep_from(said)
    going = [segment for segment in said if place_of(segment) < until]
    if not going:
        return head
    ids = {segment["segment_id"] for segment in going}
    estimates = call.get("emotions", [])
    moved = [one for one in estimates if one["segment_id"] in ids]
    _insert(session, of_call(call["tenant_id"], call["call_id"]), going, moved, first=0, until=until)
    return head | {
        "conversation": [segment for segment in said if segment["segment_id"] not in ids],
        "emotions": [one for one in estimates if one["segment_id"] not in ids],
        "spilled": _with(Spilled(until=0, segments=0, emotions=[]), until, going, moved),
    }


def ranges(tenant_id: int, call_id: str, session: ClientSession) -> list[tuple[int, int]]:
    """Each bucket's `first` and `until`, in order."""
    found = collection(BUCKETS).find(
        of_call(tenant_id, call_id), {"first": True, "until": True, "_id": False}, session=session
    )
    return sorted((one["first"], one["until"]) for one in found)


def with_segments(tenant_id: int, call_id: str, identities: Sequence[str], session: ClientSession | None) -> list[int]:
    """The `first` of each bucket that holds one of the segments."""
    wanted = {**of_call(tenant_id, call_id), "conversation.segment_id": {"$in": list(identities)}}
    found = collection(BUCKETS).find(wanted, {"first": True, "_id": False}, session=session, max_time_ms=DEADLINE_MS)
    return [one["first"] for one in found]


def update(tenant_id: int, call_id: str, first: int, pipeline: Sequence[Document], session: ClientSession) -> None:
    """Change the bucket that begins there, and divide it when it has become too long."""
    told = collection(BUCKETS).find_one_and_update(
        {**of_call(tenant_id, call_id), "first": first},
        list(pipeline),
        projection={"segments": {"$size": "$conversation"}, "bytes": {"$bsonSize": "$$ROOT"}},
        return_document=True,
        session=session,
    )
    if told is not None and (told["segments"] > 2 * most_segments() or told["bytes"] > 2 * MOST_BYTES):
        _divide(session, told["_id"])


def count_anew(tenant_id: int, call_id: str, until: int, session: ClientSession) -> None:
    """Write into the call what its buckets hold by now."""
    told = _counted(session, tenant_id, call_id, until)
    calls().update_one(of_one(tenant_id, call_id), {"$set": {"spilled": told}}, session=session)


def bucket_of(place: int, known: Sequence[tuple[int, int]]) -> int:
    """The `first` of the bucket for a place; the buckets' ranges leave none out."""
    return known[max(bisect_right(known, (place, 2**63)) - 1, 0)][0]


def _place_to_keep_from(said: Iterable[Segment]) -> int:
    """The place from which on what is said stays: the last ones that are few enough, and one at least."""
    by_place: dict[int, int] = {}
    for segment in said:
        place = place_of(segment)
        by_place[place] = by_place.get(place, 0) + 1
    places = sorted(by_place, reverse=True)
    keep, count = places[0], by_place[places[0]]
    for place in places[1:]:
        count += by_place[place]
        if count > most_segments() // KEPT_SHARE:
            break
        keep = place
    return keep


def _insert(
    session: ClientSession,
    call: Document,
    said: Sequence[Segment],
    estimates: Sequence[Emotion],
    *,
    first: int,
    until: int,
) -> None:
    """Put segments into new buckets, which share the places from `first` to below `until` among them."""
    at_places = [list(run) for _, run in groupby(sorted(said, key=place_of), key=place_of)]
    shares: list[list[Segment]] = [[]]
    for run in at_places:
        if shares[-1] and len(shares[-1]) + len(run) > most_segments():
            shares.append([])
        shares[-1] += run
    begins = [first, *(place_of(share[0]) for share in shares[1:])]
    ends = [*begins[1:], until]
    documents = []
    for share, begin, end in zip(shares, begins, ends, strict=True):
        ids = {segment["segment_id"] for segment in share}
        documents.append(
            {
                **call,
                "first": begin,
                "until": end,
                "conversation": sorted(share, key=by_time),
                "emotions": [one for one in estimates if one["segment_id"] in ids],
            }
        )
    collection(BUCKETS).insert_many(documents, session=session)


def _divide(session: ClientSession, bucket_id: Any) -> None:
    there = collection(BUCKETS)
    found = there.find_one({"_id": bucket_id}, session=session)
    if found is None or len({place_of(segment) for segment in found["conversation"]}) == 1:
        return
    there.delete_one({"_id": bucket_id}, session=session)
    call = of_call(found["tenant_id"], found["call_id"])
    _insert(session, call, found["conversation"], found["emotions"], first=found["first"], until=found["until"])


def _with(before: Spilled, until: int, going: Sequence[Segment], moved: Sequence[Emotion]) -> Spilled:
    """What a call knows of its buckets without reading them, once more has moved there."""
    seconds = {one["emotion"]: one["end_time"] for one in before["emotions"]}
    for one in moved:
        if one["emotion"] != "unknown":
            length = one["end_time"] - one["start_time"]
            seconds[one["emotion"]] = seconds.get(one["emotion"], 0.0) + length
    return _spilled(until, before["segments"] + len(going), seconds)


def _spilled(until: int, segments: int, seconds: Mapping[str, float]) -> Spilled:
    return Spilled(
        until=until,
        segments=segments,
        emotions=[
            EmotionSeconds(emotion=emotion, start_time=0.0, end_time=length)
            for emotion, length in sorted(seconds.items())
        ],
    )


def _counted(session: ClientSession, tenant_id: int, call_id: str, until: int) -> Spilled:
    seconds = {"$subtract": ["$emotions.end_time", "$emotions.start_time"]}
    known = {"$match": {"emotions.emotion": {"$ne": "unknown"}}}
    pipeline: list[Document] = [
        {"$match": of_call(tenant_id, call_id)},
        {
            "$facet": {
                "segments": [{"$group": {"_id": None, "count": {"$sum": {"$size": "$conversation"}}}}],
                "emotions": [
                    {"$unwind": "$emotions"},
                    known,
                    {"$group": {"_id": "$emotions.emotion", "seconds": {"$sum": seconds}}},
                    {"$sort": {"_id": 1}},
                ],
            }
        },
    ]
    told = next(iter(collection(BUCKETS).aggregate(pipeline, session=session)))
    segments = sum(one["count"] for one in told["segments"])
    return _spilled(until, segments, {one["_id"]: one["seconds"] for one in told["emotions"]})
