"""Whatever people, beat and workers do in whatever order, a request moves along its table and keeps its promises."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crm.contacts import Identity
from crm.erasure import holds, requests, running, states, subjects
from crm.errors import ErasureNotAllowed, ErasureOnHold
from crm.models import ERASURE_MOVES, Contact, ErasureRequest, ErasureState, HoldKind, LegalHold, PrivacyPolicy
from tests.builders import make_contact, make_tenant, make_user

BEGUN = {ErasureState.RUNNING, ErasureState.VERIFYING, ErasureState.COMPLETED, ErasureState.FAILED}


def reachable(source, target):
    seen, ahead = set(), {source}
    while ahead:
        seen |= ahead
        ahead = {after for state in ahead for after in ERASURE_MOVES[state]} - seen
    return target in seen


@pytest.mark.parametrize("source", list(ErasureState))
@pytest.mark.parametrize("target", list(ErasureState))
def test_a_request_moves_along_its_table_and_nowhere_else(tenant, source, target):
    now = timezone.now()
    request = ErasureRequest.objects.create(tenant=tenant, kind="user", requested_at=now, due_at=now, state=source)
    is_allowed = target in ERASURE_MOVES[source]
    assert states.move(ErasureRequest.objects.filter(pk=request.pk), target) is is_allowed
    request.refresh_from_db()
    assert request.state == (target if is_allowed else source)


class Erasing(RuleBasedStateMachine):
    """One contact, one request, two who look after privacy."""

    @initialize(four_eyes=st.booleans(), waiting_hours=st.sampled_from([0, 2]))
    def begin(self, four_eyes, waiting_hours):
        self.tenant = make_tenant()
        PrivacyPolicy.objects.create(tenant=self.tenant, four_eyes=four_eyes, waiting_hours=waiting_hours)
        self.officers = [make_user(self.tenant, "privacy"), make_user(self.tenant, "privacy")]
        self.contact = make_contact(self.tenant, "Dana", identities=[Identity("chat", f"dana-{self.tenant.pk}")])
        self.four_eyes = four_eyes
        asked = subjects.asked_of(self.tenant.pk, contact_id=self.contact.pk)
        self.request = requests.ask(self.officers[0], asked, reason="Asked by letter.")
        self.seen = [ErasureState(self.request.state)]
        self.was_held = False

    @rule(who=st.sampled_from([0, 1]))
    def approve(self, who):
        try:
            approved = requests.approve(self.officers[who], self.request.pk)
        except (ErasureNotAllowed, ErasureOnHold):
            return
        assert who == 1
        assert approved.approved_by == self.officers[1]

    @rule()
    def cancel(self):
        try:
            assert requests.cancel(self.officers[0], self.request.pk).state == ErasureState.CANCELLED
        except ErasureNotAllowed:
            assert self.state in BEGUN

    @precondition(lambda self: self.standing_holds() < 2)
    @rule(by_id=st.booleans())
    def hold(self, by_id):
        ident = {"platform": "chat", "external_user_id": f"dana-{self.tenant.pk}"}
        if by_id:
            holds.place(self.officers[0], HoldKind.EXTERNAL, reason="Court", **ident)
        elif Contact.objects.filter(pk=self.contact.pk).exists():
            holds.place(self.officers[0], HoldKind.CONTACT, contact_id=self.contact.pk, reason="Court")

    @precondition(lambda self: self.standing_holds())
    @rule()
    def lift(self):
        hold = LegalHold.objects.of(self.tenant.pk).standing().first()
        holds.lift(self.officers[1], hold.pk)

    @rule()
    def time_passes(self):
        waiting = ErasureRequest.objects.filter(pk=self.request.pk, waits_until__isnull=False)
        waiting.update(waits_until=timezone.now() - timedelta(seconds=1))

    @rule()
    def beat(self):
        running.run_due()

    @rule(cut_off=st.booleans())
    def work(self, cut_off):
        before = self.state
        is_held = self.standing_holds() > 0
        done = running.run(self.request.pk, seconds=0.0 if cut_off else None)
        if before not in BEGUN and (is_held or before != ErasureState.APPROVED):
            assert done is None
        elif done is not None and not cut_off:
            assert done.state == ErasureState.COMPLETED, done.error

    @invariant()
    def moves_along_the_table(self):
        if not hasattr(self, "request"):
            return
        if self.state != self.seen[-1]:
            self.seen.append(self.state)
        assert all(reachable(before, after) for before, after in pairwise(self.seen))

    @invariant()
    def keeps_its_promises(self):
        if not hasattr(self, "request"):
            return
        row, state = ErasureRequest.objects.get(pk=self.request.pk), self.state
        assert Contact.objects.filter(pk=self.contact.pk).exists() or state in BEGUN
        if self.four_eyes and state in BEGUN:
            assert row.approved_by_id == self.officers[1].pk
        if state in {ErasureState.COMPLETED, ErasureState.CANCELLED}:
            assert (row.subject, row.subject_name, row.reason, row.plan) == ({}, "", "", {})
            assert row.ended_at is not None
        if state == ErasureState.COMPLETED:
            assert not Contact.objects.filter(pk=self.contact.pk).exists()
            assert all(one["left"] == 0 and one["found_again"] == 0 for one in row.stores)
        if state in {ErasureState.PENDING, ErasureState.WAITING, ErasureState.APPROVED}:
            assert self.standing_holds() == 0

    @property
    def state(self):
        return ErasureState(ErasureRequest.objects.get(pk=self.request.pk).state)

    def standing_holds(self):
        return LegalHold.objects.of(self.tenant.pk).standing().count()


def test_in_whatever_order_things_happen_a_request_keeps_its_promises(transactional_db):
    run_state_machine_as_test(
        Erasing,
        settings=settings(
            max_examples=12,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
