"""What lies in Redis by a colleague's id goes."""

import pytest

from audio import live_state
from crm import tickets
from crm.credentials import Credential
from crm.erasure import account
from crm.erasure import passes as step
from crm.models import Token
from metrics.erasing import Subject
from tests.builders import make_user
from tests.sockets import ticket_of


@pytest.fixture(autouse=True)
def no_tickets(db):
    for ticket, _ in list(tickets.waiting()):
        tickets.redeem(ticket)


@pytest.fixture
def them(agent):
    return Subject(agent.tenant_id, user_id=agent.pk)


def test_their_tickets_and_uploads_go_and_others_stay(agent, tenant, them):
    other = make_user(tenant, "agent")
    ticket_of(agent)
    kept = ticket_of(other)
    for person in (agent, other):
        live_state.count_upload(person.pk)
    assert (step.count(them), step.search(them)) == (2, 2)
    assert [step.erase(them), step.erase(them)] == [2, 0]
    assert (step.count(them), step.search(them)) == (0, 0)
    assert live_state.has_uploads(other.pk)
    assert tickets.redeem(kept) == Credential(token_id=Token.objects.get(user=other).pk)


def test_a_ticket_whose_owner_is_gone_already_goes(agent, them):
    ticket = ticket_of(agent)
    account.erase(them)
    assert step.count(them) == 1
    assert step.erase(them) == 1
    assert tickets.redeem(ticket) is None


def test_a_customer_has_no_passes(tenant, agent):
    ticket_of(agent)
    nobody = Subject(tenant.pk, contact_id=3)
    assert (step.count(nobody), step.erase(nobody), step.search(nobody)) == (0, 0, 0)
