"""Whom the calls of a company name."""

from calls import editing, intake, store
from calls.erasing import candidates
from tests.builders import make_user
from tests.calls.erasing.talks import give_to_contact, hold_talk, work


def test_everybody_is_named_by_whatever_names_them(agent, supervisor, tenant, intake_queue):
    owner, assignee, program = (make_user(tenant, role) for role in ("agent", "agent", "integration"))
    call_id = hold_talk(agent, client="a:b")
    give_to_contact(agent, call_id, 91)
    work(supervisor, call_id)
    for name, user in (("owner_id", owner), ("assigned_to_id", assignee)):
        store.change(tenant_id=tenant.pk, call_id=call_id, values={name: user.pk})
    intake.queue_conversation("x", "telegram", "User: hello", tenant_id=tenant.pk, sent_by=program.pk)
    assert candidates(tenant.pk) == {
        *(f"user:{user.pk}" for user in (agent, supervisor, owner, assignee, program)),
        "contact:91",
        "external:whatsapp:a:b",
        "external:telegram:x",
    }


def test_deleted_calls_name_people_too_and_other_companies_do_not(agent, supervisor, stranger, intake_queue):
    hold_talk(stranger)
    assert candidates(agent.tenant_id) == set()
    call_id = hold_talk(agent, client="gone")
    give_to_contact(agent, call_id, 92)
    editing.delete(supervisor, call_id)
    expected = {f"user:{agent.pk}", f"user:{supervisor.pk}", "contact:92", "external:whatsapp:gone"}
    assert candidates(agent.tenant_id) == expected


def test_what_cannot_be_a_key_is_nobodys(agent, intake_queue):
    call_id = hold_talk(agent)
    store.change(tenant_id=agent.tenant_id, call_id=call_id, values={"platform": "", "external_user_id": "x" * 600})
    assert candidates(agent.tenant_id) == {f"user:{agent.pk}"}
