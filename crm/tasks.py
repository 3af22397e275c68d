"""Telegrams of the desk: each calls one verb."""

from celery import shared_task

from crm import sign_in
from crm.audit import sealing
from metrics.errors import RetryableMetricsError


@shared_task(name="crm.seal_audit_log", queue="privacy", autoretry_for=(RetryableMetricsError,), max_retries=1)
def seal_audit_log() -> None:
    sealing.seal()


@shared_task(name="crm.sweep_sign_ins", queue="privacy")
def sweep_sign_ins() -> None:
    sign_in.sweep()
