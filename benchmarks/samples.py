"""Calls to measure with: the same ones in every run."""

import random
from datetime import UTC, datetime, timedelta
from typing import cast

from calls.documents import Call, HistoryEntry, Segment, Word, segment_id_of

SEGMENTS = 40
# A recording is heard in parts; ten segments are what one of half a minute has when two talk fast.
SEGMENTS_OF_A_PART = 10
SECONDS = 3.0
# Of a conversation that comes as text.
LINES = 8
_SOME_WORDS = (
    "the and that have for not with you this but his from they say her she will one all would there their what out "
    "about who get which when make can like time just him know take people into year your good some could them see "
    "other than then now look only come its over think also back after use two how our work first well way even new "
    "want because any these give day most order invoice refund delivery contract account payment address number "
    "question problem solution ticket meeting offer price discount morning afternoon moment please thank sorry"
)


def make_segments(
    count: int, *, first: int = 0, seed: int = 0, words: bool = False, by_parts: bool = True
) -> list[Segment]:
    """Two people take turns, three seconds each. By parts of a recording, or named as a source of text names them."""
    chance = random.Random(f"{seed}-{first}")  # noqa: S311
    return [_segment(chance, number, words=words, by_parts=by_parts) for number in range(first, first + count)]


def make_conversation(seed: int) -> str:
    """What a person and a bot write to one another, as a platform sends it."""
    said = make_segments(LINES, seed=seed)
    return "\n".join(f"{('AI', 'User')[at % 2]}: {segment['text']}" for at, segment in enumerate(said))


def make_call(tenant_id: int, number: int, segments: list[Segment], *, user_id: int = 1) -> Call:
    """A call as `calls.opening` makes it, with these words in it."""
    moment = datetime(2026, 3, 1, 8, tzinfo=UTC) + timedelta(seconds=97 * number)
    return Call(
        call_id=f"call-{tenant_id}-{number}",
        id=number,
        tenant_id=tenant_id,
        session_id=f"session-{number}",
        subject=f"About order {number}",
        type="call",
        direction="inbound",
        platform="web",
        language="en",
        status_id=str(number % 7 + 1),
        start_time=moment,
        end_time=moment + timedelta(seconds=len(segments) * SECONDS),
        duration=len(segments) * SECONDS,
        owner_id=user_id,
        user_id=user_id,
        assigned_to_id=None,
        contact_id=number,
        external_user_id=None,
        deleted=0,
        status="completed",
        summary="",
        metadata={"campaign": "spring", "queue": number % 5},
        conversation=segments,
        history=[HistoryEntry(act="opened", by=user_id, at=moment)],
        version=1,
        created_at=moment,
        updated_at=moment,
    )


def _segment(chance: random.Random, number: int, *, words: bool, by_parts: bool) -> Segment:
    said = chance.choices(_SOME_WORDS.split(), k=chance.randint(6, 14))
    start, length = number * SECONDS, SECONDS - 0.4
    part, position = divmod(number, SEGMENTS_OF_A_PART)
    segment = Segment(
        segment_id=segment_id_of("recording", f"{part:04d}", position) if by_parts else f"said-{number}",
        speaker=("agent", "client")[number % 2],
        text=" ".join(said),
        start_time=start,
        end_time=start + length,
        confidence=round(chance.uniform(0.6, 1.0), 3),
    )
    if by_parts:
        segment["chunk_index"] = part
    if words:
        each = length / len(said)
        segment["words"] = [
            cast(
                "Word",
                {
                    "text": word,
                    "start_time": round(start + at * each, 2),
                    "end_time": round(start + (at + 1) * each, 2),
                    "confidence": round(chance.uniform(0.6, 1.0), 3),
                },
            )
            for at, word in enumerate(said)
        ]
    return segment
