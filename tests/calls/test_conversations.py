"""A call's words: in time order, each once, whatever comes when and how often."""

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls import conversations, opening, store
from calls.documents import Segment, segment_id_of
from calls.errors import MalformedCall, RetryableCallError, UnknownCall
from tests.builders import bearer, make_user
from tests.scale import scaled

_calls = itertools.count(1)


def open_call(user):
    call_id = f"call-{next(_calls)}"
    opening.open_call(user=user, call_id=call_id, start_time=datetime.now(UTC), session_id=f"s-{call_id}")
    return call_id


def segments_of(chunk_index, texts):
    return [
        Segment(
            segment_id=segment_id_of("s", f"{chunk_index:04d}", position),
            speaker="agent",
            text=text,
            start_time=chunk_index * 30.0 + position,
            end_time=chunk_index * 30.0 + position + 0.9,
            confidence=0.8,
            chunk_index=chunk_index,
        )
        for position, text in enumerate(texts)
    ]


def store_chunk(user, call_id, chunk_index, texts):
    conversations.store_segments(
        tenant_id=user.tenant_id,
        call_id=call_id,
        parts=[f"{chunk_index:04d}"],
        segments=segments_of(chunk_index, texts),
        end_time=(chunk_index + 1) * 30.0,
    )


TEXTS = st.lists(st.sampled_from(["yes", "$no", "a.b", "{}", "café ☕", "$$ROOT"]), max_size=4)
DELIVERIES = st.lists(st.tuples(st.integers(0, 4), TEXTS), max_size=12)


@given(deliveries=DELIVERIES)
@settings(max_examples=scaled(40, 400), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_last_hearing_of_each_chunk_is_what_counts_in_time_order(agent, deliveries):
    call_id = open_call(agent)
    last = {}
    for chunk_index, texts in deliveries:
        store_chunk(agent, call_id, chunk_index, texts)
        last[chunk_index] = texts
    call = conversations.read_call(agent, call_id)
    expected = [text for chunk_index in sorted(last) for text in last[chunk_index]]
    assert [segment["text"] for segment in call["conversation"]] == expected
    assert call["duration"] == max((index + 1 for index in last), default=0) * 30.0


def test_opening_a_call_again_changes_nothing(agent):
    call_id = open_call(agent)
    store_chunk(agent, call_id, 0, ["yes"])
    before = conversations.read_call(agent, call_id)
    opening.open_call(user=agent, call_id=call_id, start_time=datetime.now(UTC), session_id=f"s-{call_id}")
    assert conversations.read_call(agent, call_id) == before


def test_calls_are_numbered(agent):
    first, second = (conversations.read_call(agent, open_call(agent))["id"] for _ in range(2))
    assert second > first


def test_what_is_stored_for_one_company_is_not_written_into_anothers_call_of_the_same_name(agent, stranger):
    for user in (agent, stranger):
        opening.open_call(user=user, call_id="same", start_time=datetime.now(UTC), session_id=user.username)
    store_chunk(agent, "same", 0, ["secret"])
    assert conversations.read_call(stranger, "same")["conversation"] == []


def test_words_for_a_call_that_is_not_there_are_refused(agent):
    with pytest.raises(UnknownCall):
        store_chunk(agent, "absent", 0, ["yes"])


def test_the_server_itself_refuses_a_malformed_call(agent):
    call_id = open_call(agent)
    with pytest.raises(MalformedCall):
        store.change(tenant_id=agent.tenant_id, call_id=call_id, values={"deleted": 7})


def test_a_database_that_is_away_is_an_error_that_says_try_again(agent, settings):
    call_id = open_call(agent)
    store.close()
    settings.EARSHOT_MONGODB_URL, before = (
        "mongodb://127.0.0.1:9/earshot?serverSelectionTimeoutMS=200",
        (settings.EARSHOT_MONGODB_URL),
    )
    try:
        response = bearer(agent).get(f"/api/calls/{call_id}")
        with pytest.raises(RetryableCallError):
            conversations.read_call(agent, call_id)
    finally:
        store.close()
        settings.EARSHOT_MONGODB_URL = before
    assert (response.status_code, response.json()["error"]["code"]) == (503, "calls_unavailable")
    assert int(response["Retry-After"]) > 0


def test_a_call_is_read_over_rest_by_its_owner_and_a_supervisor_only(tenant, agent, supervisor, stranger):
    call_id = open_call(agent)
    store_chunk(agent, call_id, 0, ["yes"])
    for user, status in [(agent, 200), (supervisor, 200), (stranger, 404), (make_user(tenant, "agent"), 404)]:
        assert bearer(user).get(f"/api/calls/{call_id}").status_code == status
    body = bearer(agent).get(f"/api/calls/{call_id}").json()
    assert body["conversation"][0]["text"] == "yes"
    assert "tenant_id" not in body
