"""Who looks after privacy hears in time that an erasure is due, once a day, and not of whom."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from crm.erasure import reminding, requests, subjects
from crm.models import ErasureRequest, PrivacyPolicy
from tests.builders import make_contact, make_user


@pytest.fixture
def mailing(settings):
    settings.EARSHOT_EMAIL_URL = "smtp://mail.example.org"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def request_of(officer, tenant):
    PrivacyPolicy.objects.create(tenant=tenant, four_eyes=True)
    officer.email = "officer@example.org"
    officer.save()
    make_user(tenant, "privacy", email="away@example.org", is_active=False)
    make_user(tenant, "agent", email="agent@example.org")
    contact = make_contact(tenant, "Dana Rivera")
    return requests.ask(officer, subjects.asked_of(tenant.pk, contact_id=contact.pk), reason="Dana wrote.")


def due_in(days):
    ErasureRequest.objects.update(due_at=timezone.now() + timedelta(days=days))


def test_nobody_is_reminded_while_there_is_time(request_of, mailing):
    due_in(8)
    assert reminding.remind() == 0
    assert mail.outbox == []


def test_who_may_erase_is_reminded_once_a_day_and_not_of_whom(request_of, mailing):
    due_in(6)
    assert reminding.remind() == 1
    assert reminding.remind() == 0
    (message,) = mail.outbox
    assert message.to == ["officer@example.org"]
    assert str(request_of.pk)[:8] in message.body
    assert "needs approval" in message.body
    assert "Dana" not in message.body + message.subject
    ErasureRequest.objects.update(reminded_at=timezone.now() - timedelta(hours=24))
    assert reminding.remind() == 1


def test_what_is_overdue_is_told_as_such(request_of, mailing):
    due_in(-1)
    reminding.remind()
    assert "should have been complete" in mail.outbox[0].body
    assert list(reminding.overdue()) == [request_of]


def test_what_has_ended_is_brought_to_nobodys_mind(request_of, officer, mailing):
    due_in(-1)
    requests.cancel(officer, request_of.pk)
    assert reminding.remind() == 0


def test_without_a_mail_server_the_page_alone_tells(request_of):
    due_in(1)
    assert reminding.remind() == 1
    assert mail.outbox == []
    assert list(reminding.due_soon(request_of.tenant_id, at=timezone.now())) == [request_of]
