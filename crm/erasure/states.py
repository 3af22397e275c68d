"""The one function that moves a request from state to state, and what follows of it."""

from datetime import datetime
from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from django.utils import timezone

from crm.models import ERASURE_MOVES, ErasureRequest, ErasureState
from crm.models.privacy import ErasureRequestQuerySet
from metrics.lanes import Lane

log = structlog.get_logger("earshot.erasure")

RUN_TASK = "crm.run_erasure"
# Where nothing has been removed yet, so that it can be stopped.
UNBEGUN = (ErasureState.PENDING, ErasureState.WAITING, ErasureState.APPROVED, ErasureState.BLOCKED)
# Whom it was about is known no more once it has ended.
EMPTIED = {"subject": {}, "subject_name": "", "reason": "", "plan": {}}
_broker = Lane("erasures")


def move(requests: ErasureRequestQuerySet, target: ErasureState, **values: Any) -> bool:
    """Take the one request to `target` if the table allows it from where it is, with values that go with it.

    `requests` finds that one, and only as the caller knows it. False when it is elsewhere, or gone.
    """
    allowed = [source for source, targets in ERASURE_MOVES.items() if target in targets]
    moved = requests.filter(state__in=allowed).update(state=target, **values) == 1
    if moved:
        log.info("erasure_moved", state=target.value)
    return moved


def standing_of(request: ErasureRequest, *, is_held: bool, at: datetime | None = None) -> ErasureState:
    """Where a request that has not begun has to be: `approved_at` is None while somebody has to approve it."""
    if is_held:
        return ErasureState.BLOCKED
    if request.approved_at is None:
        return ErasureState.PENDING
    waits = request.waits_until is not None and request.waits_until > (at or timezone.now())
    return ErasureState.WAITING if waits else ErasureState.APPROVED


def settle(request: ErasureRequest, *, is_held: bool) -> ErasureRequest:
    """Put a request that has not begun where it has to be, and send it off once it may run."""
    target = standing_of(request, is_held=is_held)
    if target != request.state and move(as_read(request), target):
        request.state = target
        if target == ErasureState.APPROVED:
            send(request)
    return request


def send(request: ErasureRequest) -> None:
    """Tell a worker after the commit, if the broker is to be had at once; beat tells again what was not heard."""
    request_id = str(request.pk)
    transaction.on_commit(lambda: _send(request_id), robust=True)


def _send(request_id: str) -> None:
    def tell() -> None:
        current_app.send_task(RUN_TASK, args=[request_id], queue="privacy", retry=False)

    _broker.do(tell, what=RUN_TASK)


def as_read(request: ErasureRequest) -> ErasureRequestQuerySet:
    """The request while it stands where it did when it was read."""
    return ErasureRequest.objects.filter(pk=request.pk, state=request.state, attempts=request.attempts)
