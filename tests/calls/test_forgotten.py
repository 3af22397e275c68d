"""What comes late about somebody who has been erased stays out of the call."""

from datetime import UTC, datetime

import pytest

from calls import conversations, forgotten, opening, store
from calls.documents import Segment
from calls.errors import PersonForgotten
from tests.builders import make_user

CLIENT = {"platform": "whatsapp", "external_user_id": "972:55"}
CLIENT_KEY = "external:whatsapp:972:55"


def open_call(user, call_id, **details):
    opening.open_call(
        user=user, call_id=call_id, start_time=datetime.now(UTC), session_id=f"s-{call_id}", details=details
    )


def said(*speakers):
    return [
        Segment(
            segment_id=f"s:{position}",
            speaker=speaker,
            text=f"from {speaker}",
            start_time=position,
            end_time=position + 0.9,
            confidence=0.8,
            chunk_index=0,
        )
        for position, speaker in enumerate(speakers)
    ]


def take_in(user, call_id, segments):
    return conversations.store_segments(
        tenant_id=user.tenant_id, call_id=call_id, parts=["0000"], segments=segments, end_time=30.0
    )


def texts(user, call_id):
    return [segment["text"] for segment in conversations.read_call(user, call_id)["conversation"]]


@pytest.mark.parametrize("who", ["agent", "client"])
def test_no_call_is_opened_about_somebody_who_has_been_erased(agent, who):
    forgotten.forget(agent.tenant_id, f"user:{agent.pk}" if who == "agent" else CLIENT_KEY)
    with pytest.raises(PersonForgotten):
        open_call(agent, "late", **CLIENT)
    assert store.find({"tenant_id": agent.tenant_id, "call_id": "late"}) is None


def test_a_call_about_others_is_opened(agent, stranger):
    forgotten.forget(agent.tenant_id, "external:web:972:55")
    forgotten.forget(stranger.tenant_id, CLIENT_KEY)
    open_call(agent, "ours", **CLIENT)
    assert take_in(agent, "ours", said("unknown")) == said("unknown")


@pytest.mark.parametrize("who", ["agent", "client"])
def test_words_go_whole_where_nobody_knows_who_speaks(agent, supervisor, who):
    open_call(agent, "mono", **CLIENT)
    before = conversations.read_call(supervisor, "mono")
    forgotten.forget(agent.tenant_id, f"user:{agent.pk}" if who == "agent" else CLIENT_KEY)
    with pytest.raises(PersonForgotten):
        take_in(agent, "mono", said("unknown"))
    assert conversations.read_call(supervisor, "mono") == before


@pytest.mark.parametrize(("gone", "kept"), [("agent", "client"), ("client", "agent")])
def test_of_two_known_sides_only_the_words_of_the_one_erased_are_left_out(agent, supervisor, gone, kept):
    open_call(agent, "two", **CLIENT)
    forgotten.forget(agent.tenant_id, f"user:{agent.pk}" if gone == "agent" else CLIENT_KEY)
    taken = take_in(agent, "two", said("agent", "client", "agent"))
    assert {segment["speaker"] for segment in taken} == {kept}
    assert set(texts(supervisor, "two")) == {f"from {kept}"}


def test_a_contact_who_has_been_erased_is_the_clients_side(agent, tenant):
    open_call(agent, "contact")
    store.change(tenant_id=tenant.pk, call_id="contact", values={"contact_id": 7})
    forgotten.forget(tenant.pk, "contact:7")
    assert take_in(agent, "contact", said("agent", "client")) == said("agent")


def test_a_colleague_who_has_been_erased_holds_nobody_up(agent, tenant):
    forgotten.forget(tenant.pk, f"user:{make_user(tenant, 'agent').pk}")
    open_call(agent, "others")
    assert take_in(agent, "others", said("unknown"))
