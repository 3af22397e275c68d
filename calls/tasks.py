"""Telegrams to the workers: one verb called."""

from celery import shared_task

from calls import board, duplicates, figures, indexing, reconciling
from calls.errors import RetryableCallError


@shared_task(name="calls.index_stale", queue="rollup")
def index_stale() -> None:
    indexing.index_stale()


@shared_task(name="calls.embed_waiting", queue="rollup")
def embed_waiting() -> None:
    indexing.embed_waiting()


@shared_task(
    name="calls.reconcile_search",
    queue="rollup",
    autoretry_for=(RetryableCallError,),
    max_retries=3,
    default_retry_delay=60,
)
def reconcile_search() -> None:
    reconciling.reconcile()


@shared_task(name="calls.reconcile_counters", queue="rollup", autoretry_for=(RetryableCallError,), max_retries=1)
def reconcile_counters() -> None:
    board.reconcile()


@shared_task(name="calls.find_duplicate_calls", queue="rollup", autoretry_for=(RetryableCallError,), max_retries=1)
def find_duplicate_calls() -> None:
    """Only says how many there are; people decide what becomes of them."""
    duplicates.analyse()


@shared_task(name="calls.tell_gauges", queue="metrics")
def tell_gauges() -> None:
    figures.tell_gauges()


@shared_task(name="calls.tell_sizes", queue="metrics")
def tell_sizes() -> None:
    figures.tell_sizes()
