"""Telegrams to the workers: one verb called."""

from celery import shared_task

from crm import sign_in


@shared_task(name="crm.sweep_sign_ins", queue="privacy")
def sweep_sign_ins() -> None:
    sign_in.sweep()
