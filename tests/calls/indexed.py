"""Calls as search finds them."""

import itertools
from datetime import UTC, datetime

from calls import conversations, indexing, opening, store
from calls.documents import Emotion, Segment, segment_id_of

_calls = itertools.count(1)


def segments_of(texts, *, part="0000", speakers=("agent", "client")):
    """A text each for the speakers in turn, two seconds apart."""
    return [
        Segment(
            segment_id=segment_id_of("said", part, position),
            speaker=speakers[position % len(speakers)],
            text=text,
            start_time=position * 2.0,
            end_time=position * 2.0 + 1.5,
            confidence=0.9,
        )
        for position, text in enumerate(texts)
    ]


def hold_call(user, *texts, emotions=(), start_time=None, indexed=True, **details):
    """A call in which this was said, in the index."""
    call_id = f"held-{next(_calls)}"
    opening.open_call(
        user=user,
        call_id=call_id,
        start_time=start_time or datetime.now(UTC),
        session_id=f"s-{call_id}",
        details=details,
    )
    say(user, call_id, *texts, indexed=False)
    if emotions:
        felt = [
            Emotion(
                segment_id=segment_id_of("said", "0000", position),
                start_time=position * 2.0,
                end_time=position * 2.0 + 1.5,
                emotion=emotion,
                score=0.8,
                method="words",
                engine="test",
                model="test",
                version="1",
            )
            for position, emotion in enumerate(emotions)
        ]
        conversations.store_estimates(
            tenant_id=user.tenant_id, call_id=call_id, parts=["0000"], emotions=felt, flags=None
        )
    if indexed:
        index()
    return call_id


def say(user, call_id, *texts, part="0000", indexed=True):
    conversations.store_segments(
        tenant_id=user.tenant_id, call_id=call_id, parts=[part], segments=segments_of(texts, part=part), end_time=30.0
    )
    indexing.mark_stale(user.tenant_id, [call_id])
    if indexed:
        index()


def change(user, call_id, **values):
    """Set fields of the call's document."""
    store.change(tenant_id=user.tenant_id, call_id=call_id, values=values)
    indexing.mark_stale(user.tenant_id, [call_id])


def index():
    """What the workers do."""
    indexing.index_stale()
    indexing.embed_waiting()


def answer(client, q, **filters):
    response = client.get("/api/search", {"q": q, **filters})
    assert response.status_code == 200, response.content
    return response.json()


def found_by(client, q, **filters):
    """The texts that are found, best first."""
    return [hit["text"] for hit in answer(client, q, **filters)["results"]]
