"""What the workers do with a stored chunk, job by job: one way of doing it, whatever comes of it."""

from collections.abc import Callable

import structlog
from django.db import OperationalError

from audio import acoustics, interpretation, jobs, progress, transcoding, transcripts
from audio.errors import AudioError, RetryableAudioError, TooLong, Undecodable, UnknownSession
from audio.models import AnalysisJob, AudioChunk
from audio.states import HEARING, JobKind
from calls.errors import CallError, PersonForgotten, RetryableCallError, UnknownCall
from metrics.errors import RetryableMetricsError

log = structlog.get_logger("earshot.hearing")

# Nothing is wrong with the chunk: a store is away. Such attempts do not count.
PASSING = (RetryableAudioError, RetryableCallError, RetryableMetricsError, OperationalError)
# Trying again is no use: the bytes will not change …
UNDECODABLE = (Undecodable, TooLong)
# … and a call that was deleted does not come back.
LASTING = (UnknownCall,)
# The chunk, or whoever is heard in it, has been erased meanwhile: what was found out is dropped.
GONE = (UnknownSession, PersonForgotten, AnalysisJob.DoesNotExist, AudioChunk.DoesNotExist)


def work(job_id: int, *, task_id: str) -> None:
    """Do one job, if it is still to be done."""
    try:
        job = progress.begin(job_id, task_id=task_id)
        if job is not None:
            with structlog.contextvars.bound_contextvars(
                session_id=str(job.chunk.session_id), chunk_index=job.chunk.chunk_index, attempt=job.attempts
            ):
                _attempt(job)
    except GONE:
        log.info("chunk_gone", job_id=job_id)
    except RetryableMetricsError as error:
        # Whether somebody has been erased cannot be told at this moment. The sweep sends the job again.
        log.warning("job_postponed", job_id=job_id, error=type(error).__name__)


def _attempt(job: AnalysisJob) -> None:
    try:
        with jobs.lease_kept(job):
            WORK[JobKind(job.kind)](job)
    except GONE:
        raise
    except PASSING as error:
        log.warning("job_postponed", kind=job.kind, error=type(error).__name__)
        jobs.put_back(job, error=_said_of(error), attempt_counts=False)
    except UNDECODABLE as error:
        found = {"decoded_seconds": 0.0} if job.kind in HEARING else {}
        progress.give_up(job, error=error.message, code=error.code, **found)
    except LASTING as error:
        progress.give_up(job, error=error.message, code=error.code)
    except Exception as error:
        log.exception("job_attempt_failed", kind=job.kind)
        if jobs.is_exhausted(job):
            progress.give_up(job, error=_said_of(error))
        else:
            jobs.put_back(job, error=_said_of(error), attempt_counts=True)


WORK: dict[JobKind, Callable[[AnalysisJob], None]] = {
    JobKind.ANALYSIS: acoustics.analyse,
    JobKind.TRANSCRIPTION: transcripts.transcribe,
    JobKind.INTERPRETATION: interpretation.interpret,
    JobKind.TRANSCODING: transcoding.transcode,
}


def _said_of(error: Exception) -> str:
    """For the row's `error`: our own messages as they are, of others' only the kind, which holds nobody's data."""
    return error.message if isinstance(error, AudioError | CallError) else f"Unexpected {type(error).__name__}."
