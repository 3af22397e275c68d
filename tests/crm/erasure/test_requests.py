"""What people may do with a request to erase somebody, and when."""

from datetime import timedelta

import pytest
from django.utils import timezone

from crm.erasure import requests, running, subjects
from crm.errors import ErasureNotAllowed, LastAdmin, UnknownErasure, UnknownSubject
from crm.models import Contact, ErasureRequest, PrivacyPolicy, User
from tests.builders import make_contact, make_user
from tests.crm.erasure.people import make_customer

WHY = "Asked by letter."


@pytest.fixture
def dana(tenant):
    return make_contact(tenant, "Dana")


@pytest.fixture
def asked(dana):
    return subjects.asked_of(dana.tenant_id, contact_id=dana.pk)


def set_policy(tenant, **values):
    PrivacyPolicy.objects.create(tenant=tenant, **values)


def test_where_nobody_has_to_approve_it_is_about_to_run_at_once(officer, asked):
    request = requests.ask(officer, asked, reason=WHY)
    assert (request.state, request.subject_name, request.reason) == ("approved", "Dana", WHY)
    assert request.due_at - request.requested_at == timedelta(days=30)


def test_asking_again_answers_the_request_that_is_open(officer, colleague, asked):
    first = requests.ask(officer, asked, reason=WHY)
    assert requests.ask(colleague, asked, reason="Another one.") == first
    requests.cancel(officer, first.pk)
    assert requests.ask(colleague, asked, reason=WHY) != first


def test_a_second_person_has_to_approve_where_the_company_has_it_so(officer, colleague, asked):
    set_policy(officer.tenant, four_eyes=True)
    request = requests.ask(officer, asked, reason=WHY)
    assert request.state == "pending"
    assert running.run(request.pk) is None
    with pytest.raises(ErasureNotAllowed, match="Somebody other"):
        requests.approve(officer, request.pk)
    assert requests.approve(colleague, request.pk).state == "approved"
    assert ErasureRequest.objects.get().approved_by == colleague
    with pytest.raises(ErasureNotAllowed, match="nobody's approval"):
        requests.approve(colleague, request.pk)


def test_who_asks_by_a_command_is_nobody_so_anybody_may_approve(officer, asked):
    set_policy(officer.tenant, four_eyes=True)
    request = requests.ask(None, asked, reason=WHY, tenant_id=officer.tenant_id)
    assert requests.approve(officer, request.pk).state == "approved"


def test_it_waits_and_can_be_cancelled_until_the_time_is_over(officer, asked):
    set_policy(officer.tenant, waiting_hours=24)
    request = requests.ask(officer, asked, reason=WHY)
    assert request.state == "waiting"
    assert running.run(request.pk) is None
    running.run_due()
    request.refresh_from_db()
    assert request.state == "waiting"
    ErasureRequest.objects.update(waits_until=timezone.now() - timedelta(seconds=1))
    running.run_due()
    request.refresh_from_db()
    assert request.state == "approved"
    assert requests.cancel(officer, request.pk).state == "cancelled"


def test_what_was_cancelled_says_nothing_of_whom_it_was_about(officer, asked, dana):
    request = requests.ask(officer, asked, reason=WHY)
    cancelled = requests.cancel(officer, request.pk)
    assert requests.cancel(officer, request.pk) == cancelled
    assert (cancelled.subject, cancelled.subject_name, cancelled.reason, cancelled.plan) == ({}, "", "", {})
    assert Contact.objects.filter(pk=dana.pk).exists()
    assert running.run(request.pk) is None


@pytest.mark.parametrize("state", ["running", "verifying", "failed", "completed"])
def test_what_has_begun_cannot_be_cancelled(officer, asked, state):
    request = requests.ask(officer, asked, reason=WHY)
    ErasureRequest.objects.update(state=state)
    with pytest.raises(ErasureNotAllowed, match="has begun"):
        requests.cancel(officer, request.pk)


def test_only_what_was_not_complete_can_be_run_again(officer, asked):
    request = requests.ask(officer, asked, reason=WHY)
    with pytest.raises(ErasureNotAllowed, match="not complete"):
        requests.run_again(officer, request.pk)
    ErasureRequest.objects.update(state="failed", ended_at=timezone.now(), attempts=5)
    assert running.run_due() == 0
    requests.run_again(officer, request.pk)
    assert running.run_due() == 1


def test_the_last_admin_of_a_company_is_not_erased(tenant, officer, admin):
    asked = subjects.asked_of(tenant.pk, user_id=admin.pk)
    with pytest.raises(LastAdmin):
        requests.ask(officer, asked, reason=WHY)
    make_user(tenant, "admin")
    assert requests.ask(admin, asked, reason="I leave.").state == "approved"


def test_who_became_the_last_admin_meanwhile_is_not_erased_either(tenant, officer, admin):
    other = make_user(tenant, "admin")
    request = requests.ask(officer, subjects.asked_of(tenant.pk, user_id=admin.pk), reason=WHY)
    other.delete()
    request = running.run(request.pk)
    assert (request.state, request.stores) == ("failed", [])
    assert "last active admin" in request.error
    assert User.objects.get(pk=admin.pk).is_active


def test_nobody_of_another_company_and_nobody_who_runs_the_site_is_there(tenant, stranger):
    root = User.objects.create(username="root", is_superuser=True, tenant=tenant)
    theirs = make_contact(stranger.tenant, "Theirs")
    for named in ({"user_id": stranger.pk}, {"user_id": root.pk}, {"contact_id": theirs.pk}, {"user_id": 2**63}):
        with pytest.raises(UnknownSubject):
            subjects.asked_of(tenant.pk, **named)


def test_a_request_of_another_company_is_not_there(officer, stranger, asked):
    request = requests.ask(officer, asked, reason=WHY)
    for request_id in (request.pk, "no-id"):
        with pytest.raises(UnknownErasure):
            requests.find(stranger.tenant_id, request_id)
        with pytest.raises(UnknownErasure):
            requests.cancel(stranger, request_id)


def test_a_preview_counts_and_changes_nothing(tenant, officer, agent):
    dana, _ = make_customer(tenant, agent)
    asked = subjects.asked_of(tenant.pk, contact_id=dana.pk)
    seen = requests.preview(tenant.pk, asked)
    found = {row["step"]: row["found"] for row in seen.rows}
    assert found["the contact of a customer"] > 0
    assert found["calls"] == 1
    assert (seen.subject_name, seen.holds) == ("Dana Rivera", [])
    assert requests.preview(tenant.pk, asked) == seen
    assert not ErasureRequest.objects.exists()
