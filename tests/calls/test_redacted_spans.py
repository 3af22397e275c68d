"""When something is said that is masked, for those who let a recording be heard."""

import itertools
from datetime import UTC, datetime

import pytest

from calls import conversations, editing, opening, redacted_spans
from calls.documents import Segment, segment_id_of
from calls.errors import UnknownCall
from calls.redacted_spans import RedactedSpan
from calls.store.client import BUCKETS, collection
from tests.calls.old_rows import old_installation

_calls = itertools.count(1)
CARD = "4111 1111 1111 1111"


@pytest.fixture
def call_id(agent):
    made = f"spans-{next(_calls)}"
    opening.open_call(user=agent, call_id=made, start_time=datetime.now(UTC), session_id=made)
    return made


def hear(agent, call_id, text, *, number=0, start=0.0, speaker="client", has_words=True):
    """One second for each word, the first of which begins at `start`."""
    words = text.split()
    segment = Segment(
        segment_id=segment_id_of("s", f"{number:04d}", 0),
        speaker=speaker,
        text=text,
        start_time=start,
        end_time=start + len(words),
        confidence=0.9,
        chunk_index=number,
    )
    if has_words:
        segment["words"] = [
            {"text": word, "start_time": start + at, "end_time": start + at + 1.0, "confidence": 0.9}
            for at, word in enumerate(words)
        ]
    conversations.store_segments(
        tenant_id=agent.tenant_id,
        call_id=call_id,
        parts=[f"{number:04d}"],
        segments=[segment],
        end_time=segment["end_time"],
    )
    return segment["segment_id"]


def spans(agent, call_id):
    return redacted_spans.of_call(tenant_id=agent.tenant_id, call_id=call_id)


def test_of_a_call_that_there_is_not_nobody_knows_what_is_masked(agent, stranger, call_id):
    hear(agent, call_id, f"It is {CARD} thanks")
    with pytest.raises(UnknownCall):
        spans(agent, "no-such-call")
    with pytest.raises(UnknownCall):
        spans(stranger, call_id)
    assert spans(agent, call_id)


def test_the_words_that_a_mask_hides_are_told_and_no_others(agent, call_id):
    hear(agent, call_id, "Good morning to you", speaker="agent")
    hear(agent, call_id, f"It is {CARD} thanks", number=1, start=30.0)
    assert spans(agent, call_id) == [RedactedSpan(start=32.0, end=36.0, speaker="client", kind="card")]


def test_without_times_of_words_it_is_the_whole_segment(agent, call_id):
    hear(agent, call_id, f"It is {CARD} thanks", start=30.0, has_words=False)
    assert spans(agent, call_id) == [RedactedSpan(start=30.0, end=37.0, speaker="client", kind="card")]


def test_what_is_in_buckets_is_told_too(agent, call_id, settings):
    settings.EARSHOT_BUCKET_SEGMENTS = 4
    for number in range(12):
        hear(agent, call_id, f"It is {CARD} thanks", number=number, start=number * 30.0)
    assert collection(BUCKETS).count_documents({"tenant_id": agent.tenant_id, "call_id": call_id})
    assert spans(agent, call_id) == [
        RedactedSpan(start=number * 30.0 + 2, end=number * 30.0 + 6, speaker="client", kind="card")
        for number in range(12)
    ]


def test_whom_people_call_otherwise_is_still_named_as_the_source_does(agent, call_id):
    hear(agent, call_id, f"It is {CARD} thanks")
    editing.rename_speaker(agent, call_id, name="client", to="Dana")
    assert {span.speaker for span in spans(agent, call_id)} == {"client"}


def test_a_number_that_a_person_writes_is_masked_between_the_words_that_were_heard(agent, call_id):
    segment_id = hear(agent, call_id, "it is for one one one one thanks")
    assert spans(agent, call_id) == []
    editing.correct(agent, call_id, segment_id, text=f"it is {CARD} thanks")
    assert spans(agent, call_id) == [RedactedSpan(start=2.0, end=7.0, speaker="client", kind="card")]


def test_what_was_heard_stays_masked_when_a_person_writes_something_else(agent, call_id):
    segment_id = hear(agent, call_id, f"It is {CARD} thanks")
    before = spans(agent, call_id)
    editing.correct(agent, call_id, segment_id, text="It is nothing thanks")
    assert spans(agent, call_id) == before != []


def test_a_deleted_call_lets_no_more_be_heard_than_before(agent, supervisor, call_id):
    hear(agent, call_id, f"It is {CARD} thanks")
    before = spans(agent, call_id)
    editing.delete(supervisor, call_id)
    assert spans(agent, call_id) == before != []


def test_what_an_older_program_keeps_of_a_call_is_told_too(agent, call_id):
    with old_installation():
        collection("call_segments_client").insert_one(
            {"call_id": call_id, "tenant_id": agent.tenant_id, "text": f"It is {CARD}", "start_time": 5, "end_time": 9}
        )
        assert spans(agent, call_id) == [RedactedSpan(start=5.0, end=9.0, speaker="client", kind="card")]
