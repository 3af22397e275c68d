"""One side taken out of a call, whatever the call is: calls that nobody would think of, sides in any order."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as some

from calls.corrections import as_people_say
from calls.erasing.sides import OTHER, Going, is_nobodys, without

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SIDES = some.sampled_from(["agent", "client"])
EMAIL = "ann@example.com"


@some.composite
def segments(draw, first=0):
    count = draw(some.integers(0, 6))
    return [
        {
            "segment_id": f"s:{first + position:04d}:000",
            "speaker": (speaker := draw(SIDES)),
            "text": f"{speaker} says {draw(some.sampled_from(['yes', 'no', f'write to {EMAIL}', 'ok']))}",
            "start_time": float(first + position),
            "end_time": first + position + 0.9,
            "confidence": 0.9,
        }
        for position in range(count)
    ]


@some.composite
def talks(draw):
    """A call and its buckets, with corrections, names, flags and history as people may make them."""
    own, outside = draw(segments()), draw(segments(first=100))
    said = [*own, *outside]
    corrections = [
        {
            "correction_id": f"c{position}",
            "segment_id": segment["segment_id"],
            "start_time": segment["start_time"],
            "end_time": segment["end_time"],
            "heard_as": segment["speaker"],
            "by": draw(some.sampled_from([1, 2])),
            "at": NOW,
            **draw(
                some.sampled_from(
                    [{"text": f"{segment['speaker']} corrected"}, {"speaker": "agent"}, {"speaker": "Dana"}]
                )
            ),
        }
        for position, segment in enumerate(said)
        if draw(some.booleans())
    ]
    head = {
        "call_id": "c",
        "user_id": draw(some.sampled_from([1, 2, None])),
        "owner_id": draw(some.sampled_from([1, 2, None])),
        "external_user_id": draw(some.sampled_from(["dana", None])),
        "subject": f"From {EMAIL}",
        "renamed": draw(some.sampled_from([{}, {"client": "Dana"}, {"agent": "Ann"}, {"client": "D", "agent": "D"}])),
        "conversation": own,
        "corrections": corrections,
        "emotions": [
            {**{n: one[n] for n in ("segment_id", "start_time", "end_time")}, "emotion": "joy"} for one in own
        ],
        "notes": [{"note_id": "n", "text": "noted", "by": draw(some.sampled_from([1, 2])), "at": NOW}],
        "history": [
            {"act": "text_corrected", "by": 1, "at": NOW, "about": one["segment_id"], "before": one["text"]}
            for one in said
        ],
    }
    buckets = []
    if outside:
        head["spilled"] = {"until": 200, "segments": len(outside), "emotions": []}
        buckets = [{"first": 0, "until": 200, "conversation": outside, "emotions": []}]
    return head, buckets


def spoken(talk):
    head, buckets = talk
    return [segment for one in (head, *buckets) for segment in one["conversation"]]


@given(talks(), SIDES)
def test_nothing_that_a_side_said_is_left(talk, side):
    after = without(*talk, Going(side, user_id=1, emails=(EMAIL,)))
    assert side not in {segment["speaker"] for segment in spoken(after)}
    assert f"{side} says" not in repr(after)
    assert f"{side} corrected" not in repr(after)
    assert EMAIL not in repr(after)
    assert after[0]["user_id"] != 1 or side == "client"


@given(talks(), SIDES)
def test_what_the_other_side_said_stays_unless_people_say_that_this_one_did(talk, side):
    kept = {segment["segment_id"]: segment for segment in spoken(without(*talk, Going(side)))}
    head = talk[0]
    claimed = {
        correction["segment_id"]
        for correction in head["corrections"]
        if correction.get("speaker") in {side, head["renamed"].get(side)}
    }
    for segment in spoken(talk):
        if segment["speaker"] == OTHER[side] and segment["segment_id"] not in claimed:
            assert kept[segment["segment_id"]] == segment


@given(talks(), SIDES)
def test_again_is_the_same_as_once(talk, side):
    going = Going(side, user_id=1, emails=(EMAIL,))
    once = without(*talk, going)
    assert without(*once, going) == once


@given(talks(), SIDES)
def test_after_both_sides_nothing_of_either_is_left(talk, first):
    if talk[0]["user_id"] == 2:
        talk[0]["user_id"] = 1
    after = without(*talk, Going(first, user_id=1 if first == "agent" else None))
    after = without(*after, Going(OTHER[first], user_id=1 if first == "client" else None))
    assert is_nobodys(*after, "agent")
    assert is_nobodys(*after, "client")
    assert spoken(after) == []


@given(talks(), SIDES)
def test_what_is_left_is_a_call_that_can_be_shown(talk, side):
    head, buckets = without(*talk, Going(side, user_id=1))
    shown = as_people_say({**head, "conversation": spoken((head, buckets))})
    assert {segment["segment_id"] for segment in shown["conversation"]} >= {
        segment["segment_id"] for segment in spoken((head, buckets))
    }
    assert head.get("spilled", {"segments": 0})["segments"] == sum(len(one["conversation"]) for one in buckets)
