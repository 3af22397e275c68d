"""Telegrams to the workers: one verb called."""

from celery import shared_task

from metrics import archived, dubbing, rollups, sizes
from metrics.alerts import deliveries, standing
from metrics.archived.archiving import ARCHIVE_TASK
from metrics.errors import RetryableMetricsError

# No hour or day is begun after it, well before a worker would be ended; the next one goes on.
_SECONDS = 120.0


@shared_task(name="metrics.end_idle_dubbing", queue="rollup", autoretry_for=(RetryableMetricsError,), max_retries=1)
def end_idle_dubbing() -> None:
    dubbing.end_idle()


@shared_task(name="metrics.fill_hours", queue="rollup", autoretry_for=(RetryableMetricsError,), max_retries=1)
def fill_hours() -> None:
    rollups.fill_hours(patient=True, seconds=_SECONDS)


@shared_task(name="metrics.roll_days", queue="rollup", autoretry_for=(RetryableMetricsError,), max_retries=1)
def roll_days() -> None:
    rollups.roll_days(seconds=_SECONDS)


@shared_task(name=deliveries.SEND_TASK, queue=deliveries.QUEUE)
def send_deliveries() -> None:
    deliveries.send_due()


@shared_task(name="metrics.forget_old_alerts", queue=deliveries.QUEUE)
def forget_old_alerts() -> None:
    standing.forget_old()


@shared_task(name=ARCHIVE_TASK, queue="rollup", autoretry_for=(RetryableMetricsError,), max_retries=3)
def archive_days() -> None:
    """What there was no time for is for a task of its own."""
    report = archived.archive_days(seconds=_SECONDS)
    if report is not None and report.left:
        archive_days.apply_async(retry=False)


@shared_task(name="metrics.hold_hours", queue="rollup", autoretry_for=(RetryableMetricsError,), max_retries=3)
def hold_hours() -> None:
    archived.hold()


@shared_task(name="metrics.retire_archived_days", queue="rollup", autoretry_for=(RetryableMetricsError,), max_retries=3)
def retire_archived_days() -> None:
    archived.retire()


@shared_task(name="metrics.tell_gauges", queue="metrics")
def tell_gauges() -> None:
    sizes.tell_gauges()
