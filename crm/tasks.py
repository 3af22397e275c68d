"""Telegrams of the desk: each calls one verb."""

import uuid

from celery import shared_task

from audio.errors import RetryableAudioError
from calls.errors import RetryableCallError
from crm import matching, retention, sign_in
from crm.audit import sealing, verifying
from crm.erasure import reminding, replaying, running, states
from crm.models import Tenant
from crm.person_exports import making, requests
from metrics.alerts import watching
from metrics.errors import RetryableMetricsError


@shared_task(name="crm.seal_audit_log", queue="privacy", autoretry_for=(RetryableMetricsError,), max_retries=1)
def seal_audit_log() -> None:
    sealing.seal()


@shared_task(name=verifying.VERIFY_TASK, queue="privacy", autoretry_for=(RetryableMetricsError,), max_retries=5)
def verify_audit_chain(tenant_id: int, run: str) -> None:
    verifying.go_on(tenant_id, run)


@shared_task(name="crm.sweep_sign_ins", queue="privacy")
def sweep_sign_ins() -> None:
    sign_in.sweep()


@shared_task(
    name=matching.MATCH_TASK, queue="rollup", autoretry_for=(RetryableCallError, RetryableMetricsError), max_retries=1
)
def match_calls() -> None:
    matching.match()


@shared_task(name="crm.watch_figures", queue="metrics")
def watch_figures() -> None:
    watching.watch([*Tenant.objects.order_by("pk").values_list("pk", flat=True)])


# Hours of sound are decoded in one go; a worker that was ended in between would begin anew.
@shared_task(name=requests.MAKE_TASK, queue="privacy", time_limit=12 * 3600, soft_time_limit=11 * 3600)
def make_person_export(export_id: str) -> None:
    making.make(uuid.UUID(export_id))


@shared_task(name="crm.sweep_person_exports", queue="privacy", autoretry_for=(RetryableAudioError,), max_retries=1)
def sweep_person_exports() -> None:
    requests.sweep()


@shared_task(name=states.RUN_TASK, queue="privacy")
def run_erasure(request_id: str) -> None:
    running.run(request_id, seconds=running.SLICE_SECONDS)


@shared_task(
    name="crm.run_due_erasures",
    queue="privacy",
    autoretry_for=(RetryableCallError, RetryableAudioError),
    max_retries=1,
)
def run_due_erasures() -> None:
    running.run_due()


@shared_task(
    name="crm.replay_erasures",
    queue="privacy",
    autoretry_for=(RetryableMetricsError, RetryableCallError, RetryableAudioError),
    max_retries=1,
)
def replay_erasures() -> None:
    replaying.replay()


@shared_task(name="crm.remind_of_erasures", queue="privacy")
def remind_of_erasures() -> None:
    reminding.remind()


@shared_task(name="crm.apply_retention", queue="privacy")
def apply_retention() -> None:
    retention.apply_to_all()


@shared_task(
    name=retention.APPLY_TASK,
    queue="privacy",
    autoretry_for=(RetryableAudioError, RetryableCallError, RetryableMetricsError),
    max_retries=5,
)
def apply_retention_of(tenant_id: int) -> None:
    retention.apply_in_part(tenant_id)
