"""Calls too long for one document: the same to whoever reads or writes them."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connections

from calls import conversations, editing, opening, store
from calls.documents import Emotion, Segment, segment_id_of
from calls.store import buckets
from calls.store.client import BUCKETS, calls, collection
from tests.builders import bearer
from tests.scale import scaled

_calls = itertools.count(1)
SEGMENTS = scaled(1200, 20_000)
EACH = 10


@pytest.fixture
def call_id(agent):
    made = f"long-{next(_calls)}"
    opening.open_call(user=agent, call_id=made, start_time=datetime.now(UTC), session_id=made)
    return made


def said_in(number, *, word="word"):
    """Ten segments of one chunk, each with its words."""
    return [
        Segment(
            segment_id=segment_id_of("s", f"{number:04d}", position),
            speaker="client" if position % 2 else "agent",
            text=f"{word} {number} {position}",
            start_time=number * 30.0 + position * 3,
            end_time=number * 30.0 + position * 3 + 2,
            confidence=0.5,
            chunk_index=number,
            words=[
                {"text": word, "start_time": number * 30.0, "end_time": number * 30.0 + 1, "confidence": 0.5}
                for _ in range(5)
            ],
        )
        for position in range(EACH)
    ]


def hear(agent, call_id, number, **options):
    conversations.store_segments(
        tenant_id=agent.tenant_id,
        call_id=call_id,
        parts=[f"{number:04d}"],
        segments=said_in(number, **options),
        end_time=(number + 1) * 30.0,
    )


def texts(agent, call_id):
    return [segment["text"] for segment in conversations.read_call(agent, call_id)["conversation"]]


def document_of(agent, call_id):
    return calls().find_one({"tenant_id": agent.tenant_id, "call_id": call_id})


def buckets_of(agent, call_id):
    return list(collection(BUCKETS).find({"tenant_id": agent.tenant_id, "call_id": call_id}).sort("first"))


@pytest.fixture
def long_call(agent, call_id):
    """Twenty chunks in small buckets would prove little: some thousand segments, in buckets of a few hundred."""
    for number in range(SEGMENTS // EACH):
        hear(agent, call_id, number)
    return call_id


def test_a_long_call_is_read_whole_and_kept_in_buckets_of_a_few_hundred(agent, long_call):
    expected = [segment["text"] for number in range(SEGMENTS // EACH) for segment in said_in(number)]
    assert texts(agent, long_call) == expected
    assert len(document_of(agent, long_call)["conversation"]) <= buckets.most_segments()
    kept = buckets_of(agent, long_call)
    assert len(kept) >= SEGMENTS // buckets.most_segments() - 1
    assert all(len(one["conversation"]) <= buckets.most_segments() for one in kept)
    assert [one["until"] for one in kept[:-1]] == [one["first"] for one in kept[1:]]
    told = bearer(agent).get(f"/api/calls/{long_call}").json()
    assert len(told["conversation"]) == SEGMENTS
    assert "spilled" not in told


def test_what_is_heard_again_in_the_middle_takes_its_own_place(agent, long_call):
    for number in (0, 7, SEGMENTS // EACH - 1):
        hear(agent, long_call, number, word="again")
    said = texts(agent, long_call)
    assert len(said) == SEGMENTS
    changed = {number for number in range(SEGMENTS // EACH) if f"again {number} 0" in said}
    assert changed == {0, 7, SEGMENTS // EACH - 1}


def test_chunks_in_any_order_make_the_same_call(agent, call_id):
    numbers = list(range(120))
    random.Random(7).shuffle(numbers)  # noqa: S311
    for number in numbers:
        hear(agent, call_id, number)
    assert texts(agent, call_id) == [segment["text"] for number in range(120) for segment in said_in(number)]


def test_what_has_ids_of_its_own_is_found_in_its_bucket_and_never_twice(agent, call_id):
    def send(numbers, text):
        conversations.upsert_segments(
            tenant_id=agent.tenant_id,
            call_id=call_id,
            segments=[
                Segment(
                    segment_id=f"line-{number}",
                    speaker="client",
                    text=text,
                    start_time=number * 2.0,
                    end_time=number * 2.0 + 1,
                    confidence=1.0,
                )
                for number in numbers
            ],
        )

    send(range(1000), "first")
    assert buckets_of(agent, call_id)
    send([5, 995, 1000], "second")
    said = conversations.read_call(agent, call_id)["conversation"]
    assert [segment["segment_id"] for segment in said] == [f"line-{number}" for number in range(1001)]
    assert [segment["segment_id"] for segment in said if segment["text"] == "second"] == [
        "line-5",
        "line-995",
        "line-1000",
    ]


def test_a_segment_that_moves_in_time_moves_to_another_bucket(agent, long_call):
    line = Segment(segment_id="moving", speaker="client", text="here", start_time=1.0, end_time=2.0, confidence=1.0)
    for start in (1.0, SEGMENTS / EACH * 30.0, 100.0):
        moved = {**line, "start_time": start, "end_time": start + 1}
        conversations.upsert_segments(tenant_id=agent.tenant_id, call_id=long_call, segments=[moved])
        said = conversations.read_call(agent, long_call)["conversation"]
        assert [one["start_time"] for one in said if one["segment_id"] == "moving"] == [start]
        assert said == sorted(said, key=lambda one: (one["start_time"], one["segment_id"]))


def test_estimates_speakers_and_corrections_reach_what_is_in_buckets(agent, long_call):
    where = {"tenant_id": agent.tenant_id, "call_id": long_call}
    last = SEGMENTS // EACH - 1
    for number, name in ((0, "tense"), (last, "positive")):
        first = said_in(number)[1]
        estimate = Emotion(
            segment_id=first["segment_id"],
            start_time=first["start_time"],
            end_time=first["end_time"],
            emotion=name,
            score=0.5,
            method="words",
            engine="ours",
            model="rules",
            version="1",
        )
        conversations.store_estimates(**where, parts=[f"{number:04d}"], emotions=[estimate], flags=None)
    ids = [said_in(number)[0]["segment_id"] for number in (0, last)]
    conversations.correct_speakers(**where, corrections={"speaker_3": ids}, speakers=[])
    editing.correct(agent, long_call, said_in(1)[0]["segment_id"], text="What was really said")
    call = conversations.read_call(agent, long_call)
    assert [one["emotion"] for one in call["emotions"]] == ["tense", "positive"]
    assert call["final_emotions"] == {"tense": 0.5, "positive": 0.5}
    assert [one["segment_id"] for one in call["conversation"] if one["speaker"] == "speaker_3"] == ids
    assert "What was really said" in [one["text"] for one in call["conversation"]]
    hear(agent, long_call, 0, word="again")
    assert conversations.read_call(agent, long_call)["final_emotions"] == {"positive": 1.0}


def test_figures_of_a_long_call_are_of_all_of_it(agent, long_call):
    words, changes = conversations.words_and_changes(tenant_id=agent.tenant_id, call_id=long_call)
    assert words == {"agent": SEGMENTS / 2 * 5, "client": SEGMENTS / 2 * 5}
    assert changes == SEGMENTS - 1
    near = conversations.segments_of_chunks(tenant_id=agent.tenant_id, call_id=long_call, indexes=[0, 1])
    assert [segment["chunk_index"] for segment in near] == [0] * EACH + [1] * EACH


def test_ending_a_long_call_leaves_nothing_provisional(agent, call_id):
    for number in range(100):
        conversations.store_segments(
            tenant_id=agent.tenant_id,
            call_id=call_id,
            parts=[f"{number:04d}"],
            segments=[{**segment, "provisional": True} for segment in said_in(number)],
            end_time=(number + 1) * 30.0,
        )
    assert buckets_of(agent, call_id)
    conversations.finish_call(
        tenant_id=agent.tenant_id, call_id=call_id, state="completed", end_time=datetime.now(UTC), duration=3000.0
    )
    assert not any("provisional" in one for one in conversations.read_call(agent, call_id)["conversation"])


def test_many_writers_of_one_long_call_lose_and_double_nothing(agent, call_id):
    """Each hears other chunks, so that moving into buckets meets writing all the time."""

    def work(worker):
        try:
            for number in range(worker, 120, 4):
                hear(agent, call_id, number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, worker) for worker in range(4)]:
            done.result()
    assert texts(agent, call_id) == [segment["text"] for number in range(120) for segment in said_in(number)]
    assert store.find({"tenant_id": agent.tenant_id, "call_id": call_id})["duration"] == 3600.0
