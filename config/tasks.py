"""Telegrams to the workers: one verb called."""

from celery import shared_task

from config import figures


@shared_task(name="config.tell_queues", queue="metrics")
def tell_queues() -> None:
    figures.tell_queues()


@shared_task(name="config.tell_stores", queue="metrics")
def tell_stores() -> None:
    figures.tell_stores()
