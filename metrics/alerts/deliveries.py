"""What is sent of alerts, to whom: ordered with the alert, sent by a worker, tried again until taken or time is up.

One worker at a time sends, and sends many at once, of each company some: places that do not answer keep neither others
waiting nor more than one worker.
"""

import time
from collections import Counter
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
import structlog
from celery import current_app
from django.db import transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from metrics import counters, notify, timings
from metrics.alerts import destinations, wording
from metrics.errors import DeliveryBusy, UnknownDelivery
from metrics.lanes import Lane
from metrics.locks import held_alone
from metrics.models import (
    Alert,
    AlertDelivery,
    AlertDeliveryQuerySet,
    AlertEvent,
    DeliveryError,
    DeliveryState,
    Destination,
    DestinationKind,
)
from metrics.notify import Outcome

log = structlog.get_logger("earshot.alerts")

SEND_TASK: Final = "metrics.send_deliveries"
QUEUE: Final = "notify"
# The wait after each attempt; after the last, it has failed. Two days in all, so that a weekend's outage loses nothing.
WAITS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600, 24 * 3600)
)
MOST_ATTEMPTS: Final = len(WAITS) + 1
AT_ONCE: Final = 20
# Of them, to one company's destinations: they may all hang, and others are not to wait for them.
AT_ONCE_OF_COMPANY: Final = 10
# A telegram goes on for so long while there is something to send; another one is seconds away.
WORK_SECONDS: Final = 60.0
# Longer than an attempt can take. What a worker that died was sending is taken up by another one then.
CLAIM: Final = timedelta(seconds=60)
_LARGEST_ID = 2**63 - 1
# Another attempt leads to the same.
_FINAL = frozenset({DeliveryError.PRIVATE_ADDRESS, DeliveryError.MAIL_OFF})
_broker = Lane("alerts")


def order(alert: Alert, event: AlertEvent) -> None:
    """Have an alert's destinations told, once the transaction that this is in is done.

    Those chosen for its rule, or all; that it is over, those who were told that it opened.
    """
    theirs = Destination.objects.filter(tenant=alert.tenant_id, is_on=True)
    if event == AlertEvent.RESOLVED:
        theirs = theirs.filter(deliveries__alert=alert, deliveries__event=AlertEvent.OPENED)
    elif alert.rule.destinations.exists():
        theirs = theirs.filter(rules=alert.rule_id)
    now = timezone.now()
    payload = wording.payload_of(alert, event, at=now)
    made = AlertDelivery.objects.bulk_create(
        [
            AlertDelivery(
                tenant_id=alert.tenant_id,
                destination=destination,
                alert=alert,
                event=event,
                payload=payload,
                next_attempt_at=now,
            )
            for destination in theirs
        ]
    )
    if made:
        _send_on_commit()


def order_test(destination: Destination) -> AlertDelivery:
    """Send a message that says it is a test. Raises DeliveryBusy while one is on its way there."""
    now = timezone.now()
    with transaction.atomic():
        Destination.objects.select_for_update().get(pk=destination.pk, tenant=destination.tenant_id)
        tests = destination.deliveries.filter(event=AlertEvent.TEST, state=DeliveryState.WAITING)
        if tests.exists():
            raise DeliveryBusy("A test is on its way there already.")
        delivery = AlertDelivery.objects.create(
            tenant_id=destination.tenant_id,
            destination=destination,
            event=AlertEvent.TEST,
            payload=wording.payload_of_test(destination.tenant_id, at=now),
            next_attempt_at=now,
        )
        _send_on_commit()
    return delivery


def send_again(tenant_id: int, delivery_id: int) -> AlertDelivery:
    """Send what was delivered or has failed once more, as the same message; what waits is sent at once.

    Raises UnknownDelivery, DeliveryBusy while a worker is at it.
    """
    now = timezone.now()
    with transaction.atomic():
        theirs = of(tenant_id).select_for_update(of=["self"])
        delivery = theirs.filter(pk=delivery_id).first() if 0 < delivery_id <= _LARGEST_ID else None
        if delivery is None:
            raise UnknownDelivery(f"There is no delivery {delivery_id}.")
        if delivery.claimed_until is not None and delivery.claimed_until > now:
            raise DeliveryBusy("It is being sent right now.")
        delivery.state, delivery.attempts, delivery.ended_at = DeliveryState.WAITING, 0, None
        delivery.error, delivery.status_code = "", None
        delivery.next_attempt_at = now
        delivery.save()
        _send_on_commit()
    return delivery


def of(tenant_id: int) -> AlertDeliveryQuerySet:
    """What was sent for a company, newest first."""
    named = AlertDelivery.objects.of(tenant_id).select_related("destination", "alert__rule")
    return named.order_by("-created_at", "-pk")


def webhook_id_of(delivery: AlertDelivery) -> str:
    """By which a receiver knows a message that it has had already."""
    return f"msg_{delivery.message_id.hex}"


def send_due() -> int:
    """Send all that is due, unless another worker is at it. How many attempts that took, well or not."""
    attempts = 0
    ends = time.monotonic() + WORK_SECONDS
    in_hand: dict[Future[Outcome], AlertDelivery] = {}
    with held_alone("alerts.deliveries") as is_ours, ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
        while is_ours:
            if time.monotonic() < ends:
                claimed = _claimed(in_hand.values())
                in_hand |= {threads.submit(_send, delivery): delivery for delivery in claimed}
            if not in_hand:
                break
            for sent in wait(in_hand, return_when=FIRST_COMPLETED).done:
                _write_down(in_hand.pop(sent), sent.result())
                attempts += 1
    return attempts


def forget(before: datetime) -> None:
    """Take what ended before that out of the log."""
    AlertDelivery.objects.filter(ended_at__lt=before).delete()


def _claimed(in_hand: Collection[AlertDelivery]) -> list[AlertDelivery]:
    """What is due and there is room for beside what is in hand, of each company in turn; taken for as long as CLAIM."""
    now = timezone.now()
    due = AlertDelivery.objects.due(now)
    of_company = Counter(delivery.tenant_id for delivery in in_hand)
    busy = [tenant_id for tenant_id, number in of_company.items() if number >= AT_ONCE_OF_COMPANY]
    turn = Window(RowNumber(), partition_by=F("tenant"), order_by=[F("next_attempt_at"), F("pk")])
    in_turn = due.exclude(tenant__in=busy).annotate(turn=turn).filter(turn__lte=AT_ONCE_OF_COMPANY)
    wanted: list[int] = []
    for pk, tenant_id in in_turn.order_by("turn", "next_attempt_at", "pk").values_list("pk", "tenant")[: 2 * AT_ONCE]:
        if len(in_hand) + len(wanted) < AT_ONCE and of_company[tenant_id] < AT_ONCE_OF_COMPANY:
            of_company[tenant_id] += 1
            wanted.append(pk)
    taken = [pk for pk in wanted if due.filter(pk=pk).update(claimed_until=now + CLAIM, attempts=F("attempts") + 1)]
    return list(AlertDelivery.objects.filter(pk__in=taken).select_related("destination", "alert__rule"))


def _send(delivery: AlertDelivery) -> Outcome:
    began = time.perf_counter()
    outcome = _attempt(delivery)
    is_mail = delivery.destination.kind == DestinationKind.EMAIL
    timings.record(
        "alerts.send_mail" if is_mail else "alerts.send_webhook",
        time.perf_counter() - began,
        failed=not outcome.is_delivered,
    )
    return outcome


def _attempt(delivery: AlertDelivery) -> Outcome:
    destination = delivery.destination
    if destination.kind == DestinationKind.EMAIL:
        subject, text = wording.mail_of(delivery)
        return notify.mail(destination.address, subject=subject, text=text, message_id=str(delivery.message_id))
    return notify.post(
        destination.address,
        body=orjson.dumps(delivery.payload),
        secret=destinations.secret_of(destination),
        message_id=webhook_id_of(delivery),
        timestamp=int(time.time()),
    )


def _write_down(delivery: AlertDelivery, outcome: Outcome) -> None:
    now = timezone.now()
    values: dict[str, Any] = {
        "claimed_until": None,
        "status_code": outcome.status_code,
        "error": outcome.error or "",
    }
    if outcome.is_delivered:
        values |= {"state": DeliveryState.DELIVERED, "ended_at": now}
    elif delivery.attempts >= MOST_ATTEMPTS or outcome.error in _FINAL:
        values |= {"state": DeliveryState.FAILED, "ended_at": now}
    else:
        values |= {"next_attempt_at": now + WAITS[delivery.attempts - 1]}
    # Whoever took it over since, because this took too long, writes down what comes of theirs.
    mine = AlertDelivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING, attempts=delivery.attempts)
    if mine.update(**values) and values.get("state") == DeliveryState.FAILED:
        counters.add(counters.DELIVERIES_FAILED)
    log.info(
        "delivery_attempted",
        delivery_id=delivery.pk,
        attempt=delivery.attempts,
        status_code=outcome.status_code,
        error=outcome.error,
    )


def _send_on_commit() -> None:
    """Tell a worker, if the broker is to be had at once; beat tells again what was not heard."""

    def send() -> None:
        current_app.send_task(SEND_TASK, queue=QUEUE, retry=False)

    transaction.on_commit(lambda: _broker.do(send, what="deliveries"), robust=True)
