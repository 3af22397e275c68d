"""Whose a call is, and which side of it."""

import pytest

from calls import editing, store
from calls.erasing import find
from calls.store.client import calls, collection
from metrics.erasing import Identity, Share
from tests.builders import make_user
from tests.calls.erasing.talks import PLATFORM, give_to_contact, hold_talk, say
from tests.calls.old_rows import old_installation


def facts(found):
    return {one.call_id: (one.side, one.sides_known, one.other_side_is_gone) for one in found}


def test_a_colleague_is_the_agents_side_of_their_calls_and_of_no_others(agent, tenant):
    own, others = hold_talk(agent), hold_talk(make_user(tenant, "agent"))
    found = find(tenant.pk, user_id=agent.pk)
    assert facts(found) == {own: (Share.AGENT, True, False)}
    assert found[0].session_id == f"s-{own}"
    assert others not in facts(found)


def test_a_customer_is_the_clients_side_by_whatever_they_go_by(agent, tenant):
    by_id, by_contact, by_other_id = hold_talk(agent), hold_talk(agent, client=None), hold_talk(agent, client="x")
    give_to_contact(agent, by_contact, 77)
    found = find(tenant.pk, contact_id=77, identities=[Identity(PLATFORM, "dana-55")])
    assert facts(found) == {by_id: (Share.CLIENT, True, False), by_contact: (Share.CLIENT, True, False)}
    assert facts(find(tenant.pk, identities=[Identity("telegram", "x")])) == {}
    assert list(facts(find(tenant.pk, identities=[Identity(PLATFORM, "x")]))) == [by_other_id]


def test_a_phone_finds_the_calls_whose_contact_nobody_knows_yet(agent, tenant):
    open_, known = (
        hold_talk(agent, client=None, phone="+972 50 555"),
        hold_talk(agent, client=None, phone="+972 50 555"),
    )
    give_to_contact(agent, known, 78)
    key = calls().find_one({"call_id": open_})["phone_key"]
    assert list(facts(find(tenant.pk, phone_keys=[key]))) == [open_]


def test_who_is_found_as_both_sides_has_the_whole_call(agent, tenant):
    call_id = hold_talk(agent)
    found = find(tenant.pk, user_id=agent.pk, identities=[Identity(PLATFORM, "dana-55")])
    assert facts(found) == {call_id: (Share.WHOLE, True, True)}


def test_deleted_calls_are_somebodys_too(agent, supervisor, tenant):
    call_id = hold_talk(agent)
    give_to_contact(agent, call_id, 79)
    editing.delete(supervisor, call_id)
    assert list(facts(find(tenant.pk, user_id=agent.pk))) == [call_id]
    assert list(facts(find(tenant.pk, contact_id=79))) == [call_id]


def test_another_companys_calls_are_never_found(agent, stranger):
    hold_talk(stranger)
    assert find(agent.tenant_id, identities=[Identity(PLATFORM, "dana-55")]) == []


@pytest.mark.parametrize("where", ["call", "bucket"])
def test_sides_are_not_known_where_anybody_else_speaks(agent, tenant, settings, where):
    settings.EARSHOT_BUCKET_SEGMENTS = 4
    call_id = hold_talk(agent, speakers=("speaker_1",) if where == "bucket" else ("agent", "client"))
    for number in range(1, 4):
        say(agent, call_id, number=number)
    if where == "call":
        say(agent, call_id, number=4, speakers=("speaker_1",))
    assert facts(find(tenant.pk, user_id=agent.pk)) == {call_id: (Share.AGENT, False, False)}


def test_a_side_of_which_nothing_is_there_is_gone(agent, tenant):
    call_id = hold_talk(agent, client=None, speakers=("agent",))
    assert facts(find(tenant.pk, user_id=agent.pk)) == {call_id: (Share.AGENT, True, True)}
    store.change(tenant_id=tenant.pk, call_id=call_id, values={"phone": "555"})
    assert facts(find(tenant.pk, user_id=agent.pk)) == {call_id: (Share.AGENT, True, False)}


def test_what_an_older_program_keeps_of_the_other_side_is_there(agent, tenant):
    with old_installation():
        call_id = hold_talk(agent, client=None, speakers=("agent",))
        collection("call_segments_client").insert_one(
            {"call_id": call_id, "tenant_id": tenant.pk, "text": "hello", "start_time": 1, "end_time": 2}
        )
        assert facts(find(tenant.pk, user_id=agent.pk)) == {call_id: (Share.AGENT, True, False)}
