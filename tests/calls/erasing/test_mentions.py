"""A colleague in the calls of others: named no more, and what they wrote stays."""

from calls import conversations, editing, store
from calls.erasing import mentions
from calls.store.client import calls
from crm import call_page
from metrics.erasing import Subject
from tests.builders import bearer, make_user
from tests.calls.erasing.talks import document_of, documents_of, hold_talk, work


def of(user):
    return Subject(tenant_id=user.tenant_id, user_id=user.pk)


def erase(subject):
    before = mentions.count(subject)
    done = mentions.erase(subject)
    assert (mentions.count(subject), mentions.search(subject)) == (0, 0)
    assert done == before
    return done


def test_who_has_a_call_has_it_no_more(agent, supervisor, tenant):
    other = make_user(tenant, "agent")
    call_id = hold_talk(agent)
    editing.change(supervisor, call_id, {"owner_id": other.pk, "assigned_to_id": other.pk}, version=1)
    editing.change(supervisor, call_id, {"owner_id": supervisor.pk}, version=2)
    assert erase(of(other)) == 1
    after = document_of(agent, call_id)
    assert (after["user_id"], after["owner_id"], after["assigned_to_id"]) == (agent.pk, supervisor.pk, None)
    told = [(entry.get("before"), entry.get("after")) for entry in after["history"][1:]]
    assert told[0][1] == {"owner_id": None, "assigned_to_id": None}
    assert told[1][0] == {"owner_id": None}
    assert after["version"] == 4


def test_what_they_wrote_stays_without_their_name(agent, supervisor):
    call_id = hold_talk(agent)
    work(supervisor, call_id)
    before = document_of(agent, call_id)
    assert erase(of(supervisor)) == 1
    after = document_of(agent, call_id)
    for name in ("notes", "corrections", "history"):
        assert [{**one, "by": None} for one in after[name]] == [{**one, "by": None} for one in before[name]], (
            "but for the name it is as it was"
        )
        assert supervisor.pk not in {one["by"] for one in after[name]}
    assert [one["by"] for one in after["suspicion"]["reviews"]] == [None]
    assert after["conversation"] == before["conversation"]
    assert after["history"][0]["by"] == agent.pk


def test_pages_and_programs_are_told_of_a_note_that_nobody_wrote(agent, supervisor):
    call_id = hold_talk(agent)
    work(supervisor, call_id)
    erase(of(supervisor))
    api = bearer(agent)
    assert [one["by"] for one in api.get(f"/api/calls/{call_id}/notes").json()] == [None]
    assert None in [one["by"] for one in api.get(f"/api/calls/{call_id}/history").json()]
    shown = call_page.view(agent, call_id)
    assert [one["by"] for one in shown["notes"]] == ["Somebody"]
    assert "Somebody" in {one["by"] for one in shown["history"]}
    editing.note(agent, call_id, "and so on")
    assert len(conversations.read_call(agent, call_id)["notes"]) == 2


def test_deleted_calls_name_them_no_more_either(agent, supervisor):
    call_id = hold_talk(agent)
    editing.delete(supervisor, call_id)
    assert erase(of(supervisor)) == 1
    assert str(supervisor.pk) not in [str(one["by"]) for one in document_of(agent, call_id)["history"]]


def test_others_and_other_companies_are_named_as_before(agent, supervisor, stranger, tenant):
    other = make_user(tenant, "agent")
    call_id, elsewhere = hold_talk(agent), hold_talk(stranger)
    for user, call in ((agent, call_id), (stranger, elsewhere)):
        store.change(tenant_id=user.tenant_id, call_id=call, values={"assigned_to_id": other.pk})
    work(supervisor, call_id)
    theirs, ours = documents_of(stranger, elsewhere), document_of(agent, call_id)
    assert erase(of(other)) == 1
    assert documents_of(stranger, elsewhere) == theirs
    after = document_of(agent, call_id)
    for name in ours.keys() - {"assigned_to_id", "version", "updated_at"}:
        assert after[name] == ours[name]


def test_again_is_the_same_as_once_and_a_customer_is_named_by_nobody(agent, supervisor):
    call_id = hold_talk(agent)
    work(supervisor, call_id)
    erase(of(supervisor))
    before = documents_of(agent, call_id)
    assert mentions.erase(of(supervisor)) == 0
    assert documents_of(agent, call_id) == before
    nobody = Subject(tenant_id=agent.tenant_id, contact_id=supervisor.pk)
    assert (mentions.count(nobody), mentions.erase(nobody), mentions.search(nobody)) == (0, 0, 0)


def test_the_second_look_sees_whose_a_call_is_as_well(agent):
    hold_talk(agent)
    calls().update_many({"tenant_id": agent.tenant_id}, {"$set": {"history": [], "owner_id": None}})
    assert mentions.count(of(agent)) == 0
    assert mentions.search(of(agent)) == 1
