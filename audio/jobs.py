"""The jobs that analyse chunks: dispatched, claimed on a lease, completed, given up, swept up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from audio.models import AnalysisJob, AnalysisJobQuerySet, AudioChunk
from audio.states import JOB_MOVES, JobKind, JobState, sources
from metrics import timings
from metrics.lanes import Lane

log = structlog.get_logger("earshot.jobs")

# The task for each kind of job, and the queue it goes to.
TASKS = {
    JobKind.ANALYSIS: ("audio.analyse_chunk", "analysis"),
    JobKind.TRANSCRIPTION: ("audio.transcribe_chunk", "transcription"),
    JobKind.INTERPRETATION: ("audio.interpret_chunk", "analysis"),
    JobKind.TRANSCODING: ("audio.transcode_chunk", "storage"),
}
# What a job knows of how it goes; it all begins anew when the job does.
_OF_AN_ATTEMPT = ["state", "attempts", "claimed_by", "lease_until", "error", "ended_at", "dispatched_at"]
_broker = Lane("broker")
# A sweep sends at most this many; the next one is seconds away.
MOST_SWEPT = 500


def create(chunk: AudioChunk, kind: JobKind) -> AnalysisJob:
    """Make the job for a chunk, or set an ended one waiting again, and send it off after the commit."""
    fresh = AnalysisJob(chunk=chunk, kind=kind, dispatched_at=timezone.now())
    [job] = AnalysisJob.objects.bulk_create(
        [fresh], update_conflicts=True, unique_fields=["chunk", "kind"], update_fields=_OF_AN_ATTEMPT
    )
    transaction.on_commit(lambda: dispatch(job))
    return job


def dispatch(job: AnalysisJob) -> None:
    """Tell a worker, if the broker is to be had at once. Never raises: the sweep tells again what was not heard."""

    def send() -> None:
        task, queue = TASKS[JobKind(job.kind)]
        current_app.send_task(task, args=[job.pk], queue=queue, retry=False)

    with timings.measured("jobs.dispatch"):
        _broker.do(send, what=f"dispatch of job {job.pk}")


def claim(job_id: int, *, task_id: str) -> AnalysisJob | None:
    """Take the job for this task, for as long as its lease.

    None when it is gone, ended, in other hands, or has been tried so often that the sweep is to end it.
    """
    now = timezone.now()
    claimable = AnalysisJob.objects.claimable(by=task_id, at=now)
    taken = claimable.filter(pk=job_id, attempts__lt=settings.EARSHOT_MOST_ATTEMPTS).update(
        state=JobState.RUNNING,
        claimed_by=task_id,
        lease_until=now + _lease(),
        attempts=F("attempts") + 1,
    )
    if not taken:
        log.info("job_not_claimed", job_id=job_id)
        return None
    return AnalysisJob.objects.select_related("chunk__session").get(pk=job_id)


@contextmanager
def lease_kept(job: AnalysisJob) -> Iterator[None]:
    """Renews the job's lease while the block runs, from a thread of its own."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(_lease().total_seconds() / 3):
            try:
                _as_read(job).update(lease_until=timezone.now() + _lease())
            except OperationalError:
                # There are two more chances before the lease runs out.
                log.warning("lease_not_renewed", job_id=job.pk)
            finally:
                connection.close()

    thread = threading.Thread(target=renew, name=f"lease-{job.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def complete(job: AnalysisJob) -> bool:
    """End the job as done. False when it has meanwhile passed into other hands, whose result then counts."""
    return _move(job, JobState.COMPLETED, error="", ended_at=timezone.now(), lease_until=None)


def fail(job: AnalysisJob, *, error: str) -> bool:
    """End the job without a result. A person may have it tried again."""
    return _move(job, JobState.FAILED, error=error, ended_at=timezone.now(), lease_until=None)


def put_back(job: AnalysisJob, *, error: str, attempt_counts: bool) -> bool:
    """Give the job up for another attempt, which the sweep dispatches once the dispatch interval has passed."""
    return _move(
        job,
        JobState.WAITING,
        error=error,
        claimed_by="",
        lease_until=None,
        dispatched_at=timezone.now(),
        attempts=F("attempts") if attempt_counts else F("attempts") - 1,
    )


def overdue() -> list[AnalysisJob]:
    """What nobody works on and nobody was told of lately: its message was lost or its worker died. Oldest first."""
    now = timezone.now()
    found = AnalysisJob.objects.overdue(dispatched_before=now - _lease(), at=now)
    still_told = [kind for kind in JobKind if _is_still_told(kind)]
    lost = found.exclude(state=JobState.WAITING, kind__in=still_told)
    return list(lost.select_related("chunk__session").order_by("dispatched_at")[:MOST_SWEPT])


def _is_still_told(kind: JobKind) -> bool:
    """Whether the kind's queue holds a message for every job that waits: then none was lost, there is only much to do.

    Otherwise a long backlog would be told of again every minute, and its messages would outgrow its jobs.
    """
    waiting = AnalysisJob.objects.filter(state=JobState.WAITING, kind=kind).count()
    return waiting > 0 and _messages_in(TASKS[kind][1]) >= waiting


def _messages_in(queue: str) -> int:
    """How many messages wait in a queue; none, as far as one knows, while the broker does not tell."""
    try:
        with current_app.connection_for_read() as connection, connection.channel() as channel:
            return int(channel.queue_declare(queue).message_count)
    except Exception as error:
        # A broker that is away raises whatever its driver does.
        log.debug("queue_not_measured", queue=queue, error=type(error).__name__)
        return 0


def dispatch_again(job: AnalysisJob) -> None:
    """Send an overdue job out once more."""
    now = timezone.now()
    again = AnalysisJob.objects.overdue(dispatched_before=now - _lease(), at=now).filter(pk=job.pk)
    if again.update(state=JobState.WAITING, claimed_by="", lease_until=None, dispatched_at=now):
        log.info("job_dispatched_again", job_id=job.pk, kind=job.kind, attempts=job.attempts)
        dispatch(job)


def is_exhausted(job: AnalysisJob) -> bool:
    return job.attempts >= settings.EARSHOT_MOST_ATTEMPTS


def is_held(job: AnalysisJob) -> bool:
    """Whether the job is still in the hands it was read in: this task's, in this attempt."""
    return _as_read(job).filter(state=JobState.RUNNING).exists()


def _move(job: AnalysisJob, target: JobState, **values: Any) -> bool:
    """Take the job to `target` if the table allows it and it is still in the hands it was read in."""
    return bool(_as_read(job).filter(state__in=sources(JOB_MOVES, target)).update(state=target, **values))


def _as_read(job: AnalysisJob) -> AnalysisJobQuerySet:
    return AnalysisJob.objects.filter(pk=job.pk, claimed_by=job.claimed_by, attempts=job.attempts)


def _lease() -> timedelta:
    return timedelta(seconds=settings.EARSHOT_LEASE_SECONDS)
