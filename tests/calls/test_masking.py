"""Wherever words enter a call, what is nobody's business is masked before anybody reads it."""

import itertools
from datetime import UTC, datetime

import pytest

from calls import conversations, opening, store
from calls.documents import Segment, segment_id_of
from calls.models import RedactionPolicy

_calls = itertools.count(1)


@pytest.fixture
def call_id(agent):
    made = f"masked-{next(_calls)}"
    opening.open_call(user=agent, call_id=made, start_time=datetime.now(UTC), session_id=made)
    return made


def hear(agent, call_id, number, text, *, start=0.0):
    said = Segment(
        segment_id=segment_id_of("s", f"{number:04d}", 0),
        speaker="client",
        text=text,
        start_time=number * 30.0 + start,
        end_time=number * 30.0 + start + 4,
        confidence=0.9,
        chunk_index=number,
        words=[
            {
                "text": word,
                "start_time": number * 30.0 + start,
                "end_time": number * 30.0 + start + 4,
                "confidence": 0.9,
            }
            for word in text.split()
        ],
    )
    return conversations.store_segments(
        tenant_id=agent.tenant_id,
        call_id=call_id,
        parts=[f"{number:04d}"],
        segments=[said],
        end_time=(number + 1) * 30.0,
    )


def shown(agent, call_id):
    return [segment["text"] for segment in conversations.read_call(agent, call_id)["conversation"]]


def test_what_was_taken_in_is_answered_masked_and_without_what_the_mask_hides(agent, call_id):
    (told,) = hear(agent, call_id, 0, "four one one one one one one one one one one one one one one one")
    assert told["text"] == "[card number]"
    assert "original" not in told["redactions"][0]
    kept = store.find({"tenant_id": agent.tenant_id, "call_id": call_id})["conversation"][0]
    assert kept["redactions"][0]["original"].startswith("four one")
    assert kept["text"] == "[card number]"


def test_a_number_that_is_cut_by_the_end_of_a_chunk_is_masked_on_both_sides(agent, call_id):
    hear(agent, call_id, 0, "it is four one one", start=25.0)
    assert shown(agent, call_id) == ["it is four one one"]
    hear(agent, call_id, 1, "one one one one one one one one one one one one one")
    assert shown(agent, call_id) == ["it is [card number]", "[card number]"]


def test_hearing_a_part_again_does_not_unmask_it(agent, call_id):
    for _ in range(2):
        hear(agent, call_id, 0, "write to ada@example.com please")
    assert shown(agent, call_id) == ["write to [e-mail] please"]


def test_the_chunks_own_text_is_masked(agent, call_id):
    hear(agent, call_id, 0, "write to ada@example.com please")
    texts = conversations.texts_of_chunks(tenant_id=agent.tenant_id, call_id=call_id, indexes=[0])
    assert texts == {0: "write to [e-mail] please"}


def test_a_company_that_keeps_nothing_of_it_has_nothing_of_it(agent, call_id):
    RedactionPolicy.objects.create(tenant=agent.tenant, keep_originals=False)
    hear(agent, call_id, 0, "write to ada@example.com please")
    kept = store.find({"tenant_id": agent.tenant_id, "call_id": call_id})
    assert "ada@" not in repr(kept)


def test_a_company_may_have_some_kinds_left_as_they_are(agent, call_id):
    RedactionPolicy.objects.create(tenant=agent.tenant, redact_emails=False)
    hear(agent, call_id, 0, "write to ada@example.com please")
    assert shown(agent, call_id) == ["write to ada@example.com please"]


def test_digits_are_masked_in_any_language_where_nobody_said_which_it_is(agent, call_id):
    hear(agent, call_id, 0, "die Nummer ist vier eins eins eins eins eins eins eins")
    assert "eins" not in shown(agent, call_id)[0]


def test_what_goes_on_from_a_segment_that_is_masked_in_part_is_masked_on_both_sides(agent, call_id):
    hear(agent, call_id, 0, "write to ada@example.com and my card is 4111 1111", start=25.0)
    assert shown(agent, call_id) == ["write to [e-mail] and my card is 4111 1111"]
    hear(agent, call_id, 1, "1111 1111")
    assert shown(agent, call_id) == ["write to [e-mail] and my card is [card number]", "[card number]"]
    first, _ = store.find({"tenant_id": agent.tenant_id, "call_id": call_id})["conversation"]
    assert [one["original"] for one in first["redactions"]] == ["ada@example.com", "4111 1111"]
    assert " ".join(word["text"] for word in first["words"]) == first["text"]


def test_so_it_is_where_a_company_keeps_nothing_of_it(agent, call_id):
    RedactionPolicy.objects.create(tenant=agent.tenant, keep_originals=False)
    hear(agent, call_id, 0, "write to ada@example.com and my card is 4111 1111", start=25.0)
    hear(agent, call_id, 1, "1111 1111")
    assert shown(agent, call_id) == ["write to [e-mail] and my card is [card number]", "[card number]"]
    assert "1111" not in repr(store.find({"tenant_id": agent.tenant_id, "call_id": call_id})["conversation"])


def test_digits_in_any_language_are_masked_beside_what_every_language_has(agent, call_id):
    (told,) = hear(agent, call_id, 0, "ada@example.com, die Nummer ist vier eins eins eins eins eins eins eins")
    assert "eins" not in told["text"]
    assert {one["kind"] for one in told["redactions"]} == {"email", "spoken_digits"}
    assert shown(agent, call_id) == [told["text"]]


def test_a_number_is_found_in_whatever_order_its_segments_are_given(agent, call_id):
    def spoken(number, text):
        return Segment(
            segment_id=f"said-{9 - number}",
            speaker="client",
            text=text,
            start_time=number * 3.0,
            end_time=number * 3.0 + 2,
            confidence=0.9,
        )

    given = [spoken(2, "and that is all"), spoken(1, "1111 1111"), spoken(0, "it is 4111 1111")]
    told = conversations.upsert_segments(tenant_id=agent.tenant_id, call_id=call_id, segments=given)
    assert [segment["segment_id"] for segment in told] == [segment["segment_id"] for segment in given]
    assert shown(agent, call_id) == ["it is [card number]", "[card number]", "and that is all"]
