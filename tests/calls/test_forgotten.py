"""What comes late about somebody who has been erased stays out of the call."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audio.models import AudioSession
from calls import conversations, forgotten, opening, store
from calls.documents import Segment
from calls.errors import CallExists, PersonForgotten
from calls.opening import NewCall
from metrics.models import Forgotten
from metrics.registers import Entry
from tests.builders import bearer, make_user

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


def erased(user, call_id):
    forgotten.forget_calls([Entry(user.tenant_id, forgotten.digest_of_call(user.tenant_id, call_id), timezone.now())])


def conversation(user, call_id):
    return NewCall(
        tenant_id=user.tenant_id,
        call_id=call_id,
        user_id=user.pk,
        platform="whatsapp",
        external_user_id="somebody else",
        start_time=datetime.now(UTC),
        type="conversation",
        summary="",
        metadata={},
        segments=said("client"),
        duration=1.0,
    )


def test_a_call_that_was_erased_does_not_come_back_for_a_recording(agent, supervisor):
    erased(agent, "gone")
    with pytest.raises(CallExists):
        open_call(agent, "gone")
    assert store.find_kept(agent.tenant_id, "gone") is None


def test_a_recording_that_asks_for_an_erased_call_leaves_no_row(api, agent):
    erased(agent, "gone")
    answer = api.post("/api/audio/sessions", {"call": {"call_id": "gone"}}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "call_exists")
    assert not AudioSession.objects.exists()


def test_a_call_that_was_erased_does_not_come_back_from_a_program(tenant):
    program = make_user(tenant, "integration")
    erased(program, "gone")
    told = {"call_id": "gone", "summary": "as it was", "segments": []}
    answer = bearer(program).post("/api/calls", told, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "call_exists")
    assert store.find_kept(tenant.pk, "gone") is None


def test_of_a_batch_of_conversations_those_that_were_erased_are_left_out(agent, stranger):
    erased(agent, "gone")
    done = opening.insert_calls(
        [conversation(agent, "gone"), conversation(agent, "new"), conversation(stranger, "gone")]
    )
    assert (done.new, done.forgotten) == ({"new", "gone"}, {"gone"})
    assert store.find_kept(agent.tenant_id, "gone") is None
    assert store.find_kept(stranger.tenant_id, "gone") is not None


def test_what_is_left_of_a_call_of_which_a_side_was_erased_takes_its_recording_and_stays(agent):
    open_call(agent, "two")
    erased(agent, "two")
    open_call(agent, "two")
    there, is_new = opening.create_call(agent, {"call_id": "two", "summary": "as it was"})
    assert (is_new, there["summary"], there["session_id"]) == (False, "", "s-two")


def test_the_register_of_erased_calls_names_none(agent):
    erased(agent, "call of Dana")
    assert "Dana" not in str(Forgotten.objects.values().get())


def test_while_a_call_is_being_made_it_is_not_yet_erased(agent):
    """An erasure waits for who has asked already, and so finds what was written."""
    seen = []

    def erase():
        erased(agent, "now")
        seen.append(store.find_kept(agent.tenant_id, "now"))
        connection.close()

    with transaction.atomic():
        open_call(agent, "now")
        thread = threading.Thread(target=erase)
        thread.start()
        thread.join(timeout=0.2)
        assert thread.is_alive()
    thread.join(timeout=30)
    assert seen[0]["call_id"] == "now"
