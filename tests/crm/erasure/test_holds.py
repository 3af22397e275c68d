"""A legal hold stops an erasure that has not begun, and what it stopped goes on by itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from crm import contacts
from crm.contacts import Identity
from crm.erasure import holds, requests, running, subjects
from crm.errors import ErasureOnHold, UnknownHold, UnknownSubject
from crm.models import ErasureRequest, HoldKind, LegalHold, PrivacyPolicy
from metrics.erasing import Identity as Named
from tests.builders import make_contact
from tests.crm.erasure.people import call_of, make_customer

WHY = "Court file 12/26"


@pytest.fixture
def dana(tenant):
    return make_contact(tenant, "Dana", identities=[Identity("chat", "dana")])


def asked_of(contact):
    return subjects.asked_of(contact.tenant_id, contact_id=contact.pk)


def state_of(request):
    return ErasureRequest.objects.get(pk=request.pk).state


def test_what_is_held_is_blocked_from_the_first_moment(officer, dana):
    holds.place(officer, HoldKind.CONTACT, contact_id=dana.pk, reason=WHY)
    request = requests.ask(officer, asked_of(dana), reason="")
    assert request.state == "blocked"
    assert running.run(request.pk) is None
    running.run_due()
    assert state_of(request) == "blocked"
    assert [hold.reason for hold in requests.preview(officer.tenant_id, asked_of(dana)).holds] == [WHY]


@pytest.mark.parametrize(
    ("policy", "standing"),
    [({}, "approved"), ({"waiting_hours": 5}, "waiting"), ({"four_eyes": True, "waiting_hours": 5}, "pending")],
)
def test_a_hold_stops_what_has_not_begun_and_it_goes_on_from_where_it_was(officer, dana, policy, standing):
    PrivacyPolicy.objects.create(tenant=officer.tenant, **policy)
    request = requests.ask(officer, asked_of(dana), reason="")
    assert state_of(request) == standing
    first = holds.place(officer, HoldKind.CONTACT, contact_id=dana.pk, reason=WHY)
    second = holds.place(officer, HoldKind.EXTERNAL, platform="chat", external_user_id="dana", reason=WHY)
    assert state_of(request) == "blocked"
    holds.lift(officer, first.pk)
    assert state_of(request) == "blocked"
    holds.lift(officer, second.pk)
    holds.lift(officer, second.pk)
    assert state_of(request) == standing


def test_a_waiting_time_goes_on_while_a_hold_stands(officer, dana):
    PrivacyPolicy.objects.create(tenant=officer.tenant, waiting_hours=5)
    request = requests.ask(officer, asked_of(dana), reason="")
    hold = holds.place(officer, HoldKind.CONTACT, contact_id=dana.pk, reason=WHY)
    ErasureRequest.objects.update(waits_until=timezone.now() - timedelta(seconds=1))
    holds.lift(officer, hold.pk)
    assert state_of(request) == "approved"


def test_what_is_held_cannot_be_approved_and_can_be_cancelled(officer, colleague, dana):
    PrivacyPolicy.objects.create(tenant=officer.tenant, four_eyes=True)
    holds.place(officer, HoldKind.CONTACT, contact_id=dana.pk, reason=WHY)
    request = requests.ask(officer, asked_of(dana), reason="")
    with pytest.raises(ErasureOnHold):
        requests.approve(colleague, request.pk)
    assert requests.cancel(officer, request.pk).state == "cancelled"


def test_a_hold_on_a_call_or_on_who_else_is_in_it_stops_it_too(tenant, officer, agent):
    dana, call_id = make_customer(tenant, agent)
    on_call = holds.place(officer, HoldKind.CALL, call_id=call_id, reason=WHY)
    request = requests.ask(officer, asked_of(dana), reason="")
    assert request.state == "blocked"
    on_agent = holds.place(officer, HoldKind.USER, user_id=agent.pk, reason=WHY)
    holds.lift(officer, on_call.pk)
    assert state_of(request) == "blocked"
    holds.lift(officer, on_agent.pk)
    assert state_of(request) == "approved"


@pytest.mark.parametrize("held_by", ["contact", "id"])
def test_a_hold_is_on_calls_by_all_that_somebody_goes_by(tenant, officer, agent, held_by):
    """Also on those of which it has yet to be found out whose they are."""
    contact, call_id = make_customer(tenant, agent, ident="dana")
    contacts.change(tenant.pk, contact.pk, {"identities": [Identity("chat", "dana"), Identity("web", "rivera")]})
    assert call_of(tenant, call_id)["contact_id"] is None
    if held_by == "contact":
        holds.place(officer, HoldKind.CONTACT, contact_id=contact.pk, reason=WHY)
    else:
        holds.place(officer, HoldKind.EXTERNAL, platform="web", external_user_id="rivera", reason=WHY)
    asked = subjects.asked_of(tenant.pk, user_id=agent.pk)
    assert requests.ask(officer, asked, reason="").state == "blocked"


def test_holds_of_others_stop_nothing(tenant, officer, stranger, dana):
    other = make_contact(tenant, "Other")
    theirs = make_contact(stranger.tenant, "Theirs")
    holds.place(officer, HoldKind.CONTACT, contact_id=other.pk, reason=WHY)
    holds.place(stranger, HoldKind.CONTACT, contact_id=theirs.pk, reason=WHY)
    assert requests.ask(officer, asked_of(dana), reason="").state == "approved"


def test_a_hold_that_comes_too_late_stops_nothing_and_is_gone_with_them(officer, dana):
    request = requests.ask(officer, asked_of(dana), reason="")
    ErasureRequest.objects.update(state="running")
    holds.place(officer, HoldKind.CONTACT, contact_id=dana.pk, reason=WHY)
    assert running.run(request.pk).state == "completed"
    assert not LegalHold.objects.exists()


def test_retention_is_told_all_that_somebody_goes_by(officer, agent, dana):
    holds.place(officer, HoldKind.EXTERNAL, platform="chat", external_user_id="dana", reason=WHY)
    holds.place(officer, HoldKind.USER, user_id=agent.pk, reason=WHY)
    holds.place(officer, HoldKind.CALL, call_id="call-1", reason=WHY)
    lifted = holds.place(officer, HoldKind.CALL, call_id="call-2", reason=WHY)
    holds.lift(officer, lifted.pk)
    held = holds.held(officer.tenant_id)
    assert (held.user_ids, held.contact_ids, held.call_ids) == ({agent.pk}, {dana.pk}, {"call-1"})
    assert held.identities == {Named("chat", "dana")}


def test_nobody_holds_or_lifts_anything_of_another_company(officer, stranger, dana):
    hold = holds.place(officer, HoldKind.CONTACT, contact_id=dana.pk, reason=WHY)
    with pytest.raises(UnknownHold):
        holds.lift(stranger, hold.pk)
    with pytest.raises(UnknownSubject):
        holds.place(stranger, HoldKind.CONTACT, contact_id=dana.pk, reason=WHY)
