"""How far a chunk has come: shown as running, changed by what its stages found, given up, tried again, swept up.

Of the models and engines that hear nothing is loaded here, so that the web server need not carry them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from audio import jobs, live, sessions
from audio.errors import ChunkBusy, UnknownSession
from audio.models import AnalysisJob, AudioChunk
from audio.serializers import ChunkSerializer
from audio.states import PROCESSING_MOVES, JobKind, ProcessingStatus

log = structlog.get_logger("earshot.progress")

WORKER_DIED = "The worker died on every attempt."
# The stages of each kind of job, under whose names their states and results stand in `analysis_results`.
STAGES = {JobKind.ANALYSIS: ("decode", "voice_activity"), JobKind.TRANSCRIPTION: ("transcription",)}
# Stage → {"state", "ms", "engine", "model", "version", …what it found}
StageResults = dict[str, dict[str, Any]]
_UNHEARD: dict[str, Any] = {
    "processing_status": ProcessingStatus.PENDING,
    "error": "",
    "analysed_at": None,
    "transcribed_at": None,
    "announced_at": None,
    "processed_at": None,
}


def begin(job_id: int, *, task_id: str) -> AnalysisJob | None:
    """Claim the job and show its chunk as being worked on, both or neither. None when it is not to be had.

    Raises UnknownSession when whoever recorded it has been erased.
    """
    with transaction.atomic():
        waiting = AnalysisJob.objects.select_related("chunk__session").filter(pk=job_id).first()
        if waiting is not None:
            sessions.refuse_forgotten(waiting.chunk.session)
        job = jobs.claim(job_id, task_id=task_id)
        if job is not None:
            change(job.chunk, _all_stages(job, "running"), processing_status=ProcessingStatus.PROCESSING)
        return job


def change(chunk: AudioChunk, stages: StageResults, **values: Any) -> AudioChunk:
    """Write values and stage results to the row as it is now, along the table of states.

    Call it within a transaction that has changed the job before, so that everybody locks in the same order.
    """
    chunk = AudioChunk.objects.select_for_update(no_key=True).get(pk=chunk.pk)
    target = values.get("processing_status")
    if target and target not in PROCESSING_MOVES[chunk.processing_status]:
        raise ChunkBusy(f"Chunk {chunk.chunk_index} is {chunk.processing_status}, so it cannot become {target}.")
    for name, value in values.items():
        setattr(chunk, name, value)
    chunk.analysis_results = {**chunk.analysis_results, **stages}
    chunk.attempts = chunk.jobs.aggregate(most=Max("attempts"))["most"] or 0
    chunk.save(update_fields=[*values, "analysis_results", "attempts"])
    return chunk


def give_up(job: AnalysisJob, *, error: str) -> None:
    """End the job and its chunk without a result, visibly; nothing else waits for them."""
    session = job.chunk.session
    with transaction.atomic():
        sessions.refuse_forgotten(session)
        if not jobs.fail(job, error=error):
            return
        chunk = change(
            job.chunk,
            _all_stages(job, "failed", error=error),
            processing_status=ProcessingStatus.FAILED,
            error=error,
            processed_at=timezone.now(),
        )
        transaction.on_commit(lambda: announce("chunk_processed", chunk))
        sessions.settle(session)
    log.error("chunk_failed", kind=job.kind, job_id=job.pk, attempts=job.attempts)


def try_again(chunk: AudioChunk) -> None:
    """Hear a chunk again from the start, at a person's wish. Raises ChunkBusy unless its hearing has ended."""
    session = chunk.session
    with transaction.atomic():
        sessions.refuse_forgotten(session)
        # For watchers it is as it was when it had just been stored; they hear of it before the workers do.
        transaction.on_commit(lambda: announce("chunk_stored", chunk))
        jobs.create(chunk, JobKind.ANALYSIS)
        chunk = change(chunk, {}, **_UNHEARD)
        sessions.settle(session)


def sweep() -> None:
    """Make good what was lost on the way. One that cannot be helped now does not keep the others waiting."""
    for job in jobs.overdue():
        with _one_of_many("job", job.pk):
            if jobs.is_exhausted(job):
                give_up(job, error=WORKER_DIED)
            else:
                jobs.dispatch_again(job)
    for session in sessions.unsettled():
        with _one_of_many("session", session.pk):
            sessions.refuse_forgotten(session)
            sessions.settle(session)


@contextmanager
def _one_of_many(kind: str, identity: object) -> Iterator[None]:
    try:
        yield
    except UnknownSession:
        log.info("session_gone", kind=kind, id=str(identity))
    except Exception:
        # Whatever is wrong with this one, the next sweep tries it again.
        log.exception("not_swept", kind=kind, id=str(identity))


def announce(kind: str, chunk: AudioChunk, **content: Any) -> None:
    live.announce(
        kind,
        str(chunk.session_id),
        chunk_index=chunk.chunk_index,
        chunk=ChunkSerializer(chunk).data,
        **content,
    )


def _all_stages(job: AnalysisJob, state: str, **told: str) -> StageResults:
    """Every stage of the job in one state, without a result."""
    return {name: {"state": state, **told} for name in STAGES[JobKind(job.kind)]}
