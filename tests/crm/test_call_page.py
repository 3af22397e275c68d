"""What the page of a call shows, in one answer."""

import pytest
from django.test import Client

from audio import gaps
from audio.states import GapCause
from calls import board, conversations, customers, editing, statuses
from crm import call_page
from crm.models import AuditEntry
from tests.builders import bearer, make_contact, make_flag, make_segment, make_session, make_user


@pytest.fixture
def desk(supervisor):
    return bearer(supervisor)


@pytest.fixture
def call_id(session):
    make_segment(session)
    return session.call_id


def signed_in(user):
    """A browser in which somebody is signed in."""
    client = Client()
    client.force_login(user)
    return client


def view(client, call_id, **query):
    response = client.get(f"/api/crm/calls/{call_id}", query)
    assert response.status_code == 200, response.content
    return response.json()


def test_people_are_called_by_their_names(desk, supervisor, agent, call_id):
    agent.name = "Dana Agent"
    agent.save()
    status = statuses.create(agent.tenant_id, {"name": "Won"})
    board.move(supervisor, call_id, status_id=status.pk, version=None)
    editing.change(supervisor, call_id, {"assigned_to_id": agent.pk, "subject": "A refund"}, version=2)
    editing.note(agent, call_id, "Call back")
    shown = view(desk, call_id)
    assert shown["names"] == {str(agent.pk): "Dana Agent", str(supervisor.pk): supervisor.username}
    assert [(note["by"], note["text"]) for note in shown["notes"]] == [("Dana Agent", "Call back")]
    assert [(one["by"], one["did"], one["before"], one["after"]) for one in shown["history"][:4]] == [
        ("Dana Agent", "wrote a note", None, None),
        (supervisor.username, "changed the subject", "nothing", "A refund"),
        (supervisor.username, "changed the assignee", "nobody", "Dana Agent"),
        (supervisor.username, "changed the status", "no status", "Won"),
    ]


def test_a_recording_comes_with_what_it_lacks(desk, session, call_id):
    gaps.declare(session, start=3.0, end=8.0, cause=GapCause.OFFLINE)
    make_flag(session)
    shown = view(desk, call_id)
    assert shown["recording"] == {"session_id": str(session.pk), "channels": 1, "duration": 8.0, "has_sound": False}
    assert [(gap["start"], gap["cause"]) for gap in shown["verdict"]["gaps"]] == [(3.0, "offline")]
    assert [(flag["kind"], flag["verdict"]) for flag in shown["suspicion"]["flags"]] == [("long_silence", None)]
    assert shown["figures"]["parts"][0]["speaker"] == "client"


def test_a_verdict_on_a_flag_is_told_with_what_was_said_of_it_before(desk, supervisor, session, call_id):
    make_flag(session)
    [flag] = view(desk, call_id)["suspicion"]["flags"]
    for verdict in ("wrong", "right"):
        conversations.review_flag(supervisor, call_id, flag["flag_id"], verdict)
    shown = view(desk, call_id)["history"][:2]
    assert [(one["did"], one["before"], one["after"]) for one in shown] == [
        (f"judged the flag “{flag['rule']}”", "wrong", "right"),
        (f"judged the flag “{flag['rule']}”", None, "wrong"),
    ]


def test_a_call_tells_its_phone_why_nobody_is_found_by_it_and_which_side_is_renamed(desk, supervisor, call_id):
    editing.change(supervisor, call_id, {"phone": "+1 555 0100"}, version=1)
    editing.rename_speaker(supervisor, call_id, name="client", to="Maria")
    shown = view(desk, call_id)
    assert shown["call"]["phone"] == "+1 555 0100"
    assert "contact_match" in shown["call"]
    assert shown["sides"] == {"Maria": "client"}


def test_what_is_said_can_be_left_out(desk, call_id):
    assert [line["text"] for line in view(desk, call_id)["lines"]] == ["Good morning."]
    assert "lines" not in view(desk, call_id, lines="false")


def test_who_may_not_see_colleagues_calls_finds_none(tenant, call_id):
    colleague = make_user(tenant, "agent")
    assert bearer(colleague).get(f"/api/crm/calls/{call_id}").status_code == 404
    assert signed_in(colleague).get(f"/calls/{call_id}/").status_code == 404


def test_who_looks_at_a_call_for_minutes_has_read_it_once(desk, supervisor, call_id):
    signed_in(supervisor).get(f"/calls/{call_id}/")
    for _ in range(3):
        view(desk, call_id)
    assert AuditEntry.objects.of_chain(supervisor.tenant_id).filter(act="call.read").count() == 1


def test_a_call_is_given_to_those_who_can_sign_in_and_whoever_has_it_stays_in_the_list(tenant, supervisor, agent):
    gone = make_user(tenant, "agent", is_active=False)
    make_user(tenant, "integration")
    assert {person_id for person_id, _ in call_page.colleagues_of(supervisor, also=gone.pk)} == {
        supervisor.pk,
        agent.pk,
        gone.pk,
    }
    assert gone.pk not in dict(call_page.colleagues_of(supervisor, also=None))


def test_the_head_names_the_contact_and_offers_what_one_may(tenant, supervisor, agent):
    contact = make_contact(tenant, "Ada Lovelace")
    session = make_session(agent, call={"subject": "A refund"})
    customers.choose(supervisor, session.call_id, contact.pk, version=None)
    page = signed_in(supervisor).get(f"/calls/{session.call_id}/").content.decode()
    assert "Ada Lovelace" in page
    assert 'id="remove"' in page
    own = signed_in(agent).get(f"/calls/{session.call_id}/").content.decode()
    assert 'id="remove"' not in own
    assert 'id="subject-edit"' in own
    assert 'id="choose-contact"' in page
    assert 'id="choose-contact"' not in own
    read_only = signed_in(make_user(tenant, "privacy")).get(f"/calls/{session.call_id}/").content.decode()
    assert 'id="subject-edit"' not in read_only


def test_a_changed_call_comes_back_without_its_conversation_to_who_prefers_it(desk, call_id):
    changed = desk.patch(
        f"/api/calls/{call_id}", {"subject": "B", "version": 1}, format="json", HTTP_PREFER="return=minimal"
    )
    assert changed.status_code == 200, changed.content
    assert "conversation" not in changed.json()
    assert changed.json()["subject"] == "B"
