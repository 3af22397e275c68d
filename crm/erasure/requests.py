"""What people do with a request to erase somebody: look first, ask, approve, cancel, run again."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from crm.erasure import holds, states, steps, subjects
from crm.erasure.subjects import Asked
from crm.errors import ErasureNotAllowed, ErasureOnHold, LastAdmin, UnknownErasure
from crm.models import ErasureRequest, ErasureState, LegalHold, PrivacyPolicy, StoreRow, SubjectKind, User


@dataclass(frozen=True, slots=True)
class Preview:
    """What an erasure would find, step by step, and the holds that would stop it."""

    subject_name: str
    rows: list[StoreRow]
    holds: list[LegalHold]


def preview(tenant_id: int, asked: Asked) -> Preview:
    """Count what is theirs in every store. Changes nothing. Raises a floor's Retryable… error while a store is away."""
    subject = subjects.look(tenant_id, asked)
    rows = [step.row(found=step.module.count(subject)) for step in steps.STEPS]
    return Preview(subjects.name_of(tenant_id, asked), rows, holds.blocking(subject))


def ask(user: User | None, asked: Asked, *, reason: str, tenant_id: int | None = None) -> ErasureRequest:
    """Have somebody erased; the request that is open already where there is one. None for a command, of a company.

    Where nobody has to approve it and nothing is waited for, it is sent off at once. Raises LastAdmin rather than leave
    a company without anybody who manages it.
    """
    company = tenant_id if user is None else user.tenant_id
    if company is None:
        raise ErasureNotAllowed("Who runs the site works in no company, and has nobody erased there.")
    policy = PrivacyPolicy.of(company)
    now = timezone.now()
    with transaction.atomic():
        # Of two who ask for the same person at once, one is answered with the other's request.
        holds.lock(company)
        there = ErasureRequest.objects.of(company).open().filter(kind=asked.kind, subject=asked.named).first()
        if there is not None:
            return there
        _refuse_last_admin(company, asked)
        request = ErasureRequest(
            tenant_id=company,
            kind=asked.kind,
            subject=asked.named,
            subject_name=subjects.name_of(company, asked),
            reason=reason,
            plan=subjects.remembered(company, asked),
            requested_by=user,
            requested_at=now,
            # Where nobody has to, it counts as approved.
            approved_at=None if policy.four_eyes else now,
            waits_until=now + timedelta(hours=policy.waiting_hours) if policy.waiting_hours else None,
            due_at=now + timedelta(days=policy.deadline_days),
        )
        request.state = states.standing_of(request, is_held=holds.is_held(request), at=now)
        request.save(force_insert=True)
        if request.state == ErasureState.APPROVED:
            states.send(request)
    return request


def find(tenant_id: int, request_id: uuid.UUID | str) -> ErasureRequest:
    """A request of the company, whatever became of it. Raises UnknownErasure."""
    try:
        wanted = uuid.UUID(str(request_id))
    except ValueError:
        wanted = None
    request = ErasureRequest.objects.of(tenant_id).filter(pk=wanted).first() if wanted else None
    if request is None:
        raise UnknownErasure("There is no erasure with this id in your company.")
    return request


def approve(user: User, request_id: uuid.UUID | str) -> ErasureRequest:
    """Say as a second person that it may go on. Raises UnknownErasure, ErasureNotAllowed, ErasureOnHold."""
    with transaction.atomic():
        request = _locked(user, request_id)
        if request.approved_at is not None or request.state not in states.UNBEGUN:
            raise ErasureNotAllowed("This erasure needs nobody's approval, or not any more.")
        if request.requested_by_id == user.pk:
            raise ErasureNotAllowed("Somebody other than who asked for it has to approve it.")
        if holds.is_held(request):
            raise ErasureOnHold("A legal hold is on it. Once that is lifted it can be approved.")
        request.approved_by, request.approved_at = user, timezone.now()
        request.save(update_fields=["approved_by", "approved_at"])
        return states.settle(request, is_held=False)


def cancel(user: User | None, request_id: uuid.UUID | str, *, tenant_id: int | None = None) -> ErasureRequest:
    """Give it up before anything was removed; again is the same as once. Raises UnknownErasure, ErasureNotAllowed."""
    with transaction.atomic():
        request = _locked(user, request_id, tenant_id)
        if request.state == ErasureState.CANCELLED:
            return request
        done = states.move(states.as_read(request), ErasureState.CANCELLED, ended_at=timezone.now(), **states.EMPTIED)
        if not done:
            raise ErasureNotAllowed("It has begun, and what is erased cannot be brought back.")
    request.refresh_from_db()
    return request


def run_again(user: User | None, request_id: uuid.UUID | str, *, tenant_id: int | None = None) -> ErasureRequest:
    """Have one that did not complete tried again now, not when its turn comes. Raises as `cancel`."""
    with transaction.atomic():
        request = _locked(user, request_id, tenant_id)
        if request.state != ErasureState.FAILED:
            raise ErasureNotAllowed("Only an erasure that was not complete can be run again.")
        request.ended_at = None
        request.save(update_fields=["ended_at"])
        states.send(request)
    return request


def _locked(user: User | None, request_id: uuid.UUID | str, tenant_id: int | None = None) -> ErasureRequest:
    """The request, with nobody else changing whether it may go on until the transaction ends."""
    company = tenant_id if user is None else user.tenant_id
    if company is None:
        raise UnknownErasure("There is no erasure with this id in your company.")
    holds.lock(company)
    request = find(company, request_id)
    return ErasureRequest.objects.select_for_update().get(pk=request.pk)


def _refuse_last_admin(tenant_id: int, asked: Asked) -> None:
    if asked.kind != SubjectKind.USER:
        return
    admins = set(User.objects.of(tenant_id).admins().values_list("pk", flat=True))
    if admins == {asked.user_id}:
        raise LastAdmin("This is the last active admin of the company. Make somebody else an admin first.")
