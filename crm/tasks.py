"""Telegrams of the desk: each calls one verb."""

from celery import shared_task

from crm.audit import sealing
from metrics.errors import RetryableMetricsError


@shared_task(name="crm.seal_audit_log", queue="privacy", autoretry_for=(RetryableMetricsError,), max_retries=1)
def seal_audit_log() -> None:
    sealing.seal()
