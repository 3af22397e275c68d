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

from audio import jobs, live, rollups, sessions, telling
from audio.analysis.stages import StageResults
from audio.errors import ChunkBusy, UnknownSession
from audio.models import AnalysisJob, AudioChunk, ChunkSignal
from audio.serializers import told_of
from audio.states import HEARING, KIND_OF_STAGE, PROCESSING_MOVES, STAGES, JobKind, JobState, ProcessingStatus

log = structlog.get_logger("earshot.progress")

WORKER_DIED = "The worker died on every attempt."
UNEXPECTED = "unexpected"
_UNINTERPRETED: dict[str, Any] = {
    "processing_status": ProcessingStatus.PENDING,
    "error": "",
    "announced_at": None,
    "processed_at": None,
}
# What is not known any more of a chunk that is heard again from some kind of job on.
UNHEARD: dict[JobKind, dict[str, Any]] = {
    JobKind.INTERPRETATION: _UNINTERPRETED,
    JobKind.TRANSCRIPTION: {**_UNINTERPRETED, "transcribed_at": None},
    JobKind.ANALYSIS: {**_UNINTERPRETED, "transcribed_at": None, "analysed_at": None},
}


def begin(job_id: int, *, task_id: str) -> AnalysisJob | None:
    """Claim the job and show its chunk as being worked on, both or neither. None when it is not to be had.

    Raises UnknownSession when whoever recorded it has been erased.
    """
    with transaction.atomic():
        waiting = AnalysisJob.objects.select_related("chunk__session").filter(pk=job_id).first()
        if waiting is not None:
            sessions.refuse_forgotten(waiting.chunk.session)
            sessions.lock(waiting.chunk.session)
        job = jobs.claim(job_id, task_id=task_id)
        if job is not None:
            status = {"processing_status": ProcessingStatus.PROCESSING} if job.kind in HEARING else {}
            change(job.chunk, _all_stages(job, "running"), **status)
        return job


def change(chunk: AudioChunk, stages: StageResults, **values: Any) -> AudioChunk:
    """Write values and stage results to the row as it is now, along the table of states.

    Call it within a transaction that has locked the session (`sessions.lock`).
    """
    session = chunk.session
    chunk = AudioChunk.objects.select_for_update(no_key=True).get(pk=chunk.pk)
    # What is announced names its company, and need not ask for it.
    chunk.session = session
    target = values.get("processing_status")
    if target and target not in PROCESSING_MOVES[chunk.processing_status]:
        raise ChunkBusy(f"Chunk {chunk.chunk_index} is {chunk.processing_status}, so it cannot become {target}.")
    for name, value in values.items():
        setattr(chunk, name, value)
    chunk.analysis_results = {**chunk.analysis_results, **stages}
    chunk.attempts = chunk.jobs.aggregate(most=Max("attempts"))["most"] or 0
    chunk.save(update_fields=[*values, "analysis_results", "attempts"])
    return chunk


def give_up(job: AnalysisJob, *, error: str, code: str = UNEXPECTED, **found: Any) -> None:
    """End the job without a result, and its chunk with it when it was to be heard; visibly, and nothing else waits.

    `code` says for figures what `error` says for people; `found` are columns of the chunk that are known all the same.
    """
    session = job.chunk.session
    with transaction.atomic():
        sessions.refuse_forgotten(session)
        sessions.lock(session)
        if not jobs.fail(job, error=error):
            return
        stages = _all_stages(job, "failed", error=error)
        if job.kind in HEARING:
            ended = {"processing_status": ProcessingStatus.FAILED, "error": error, "processed_at": timezone.now()}
            chunk = change(job.chunk, stages, **ended, **found)
            transaction.on_commit(lambda: announce("chunk_processed", chunk, parts=[], emotions=None, flags=None))
            transaction.on_commit(lambda: telling.tell(chunk, error=code))
            _leave_boundary(chunk)
        else:
            change(job.chunk, stages, **found)
        sessions.settle(session)
    rollups.order(session)
    log.error("job_given_up", kind=job.kind, job_id=job.pk, attempts=job.attempts)


def try_again(chunk: AudioChunk, *, stage: str | None = None) -> None:
    """Hear a chunk again, at a person's wish: from the start, or from a stage on, with all that hangs on it.

    What the sound itself tells hangs together, so that its stages are run again together. Raises ChunkBusy unless the
    chunk's hearing has ended, SoundRemoved when it takes sound that is not kept any more.
    """
    session = chunk.session
    with transaction.atomic():
        sessions.refuse_forgotten(session)
        session = sessions.lock(session)
        kind = KIND_OF_STAGE[stage] if stage else JobKind.ANALYSIS
        if not ChunkSignal.objects.filter(chunk=chunk).exists():
            # Of what has never been measured nothing can be made.
            kind = JobKind.ANALYSIS
        if kind != JobKind.INTERPRETATION:
            sessions.refuse_without_sound(session)
        _hear_again(chunk, kind)
        sessions.settle(session)


def move(chunk: AudioChunk, *, start: float) -> None:
    """Let the chunk begin elsewhere on the recording, in seconds, within a transaction that has locked the session.

    Who hears it at this moment notices (`hearing.transcribe`); what was heard where it lay is heard again.
    """
    chunk.start_time_seconds, chunk.end_time_seconds = start, start + chunk.duration_seconds
    chunk.save(update_fields=["start_time_seconds", "end_time_seconds"])
    if chunk.processing_status == ProcessingStatus.COMPLETED:
        _hear_again(chunk)


def _leave_boundary(chunk: AudioChunk) -> None:
    """Its predecessor left to it what is said across the boundary between them, and has to do without it now."""
    transcribed = AnalysisJob.objects.filter(
        chunk__in=chunk.session.chunks.stored().filter(chunk_index=chunk.chunk_index - 1),
        kind=JobKind.TRANSCRIPTION,
        state=JobState.COMPLETED,
    )
    left = transcribed.select_related("chunk__session").first()
    if chunk.is_joined or left is None:
        return
    if left.chunk.processing_status == ProcessingStatus.COMPLETED:
        _hear_again(left.chunk, JobKind.TRANSCRIPTION)
    else:
        # What is made of its words waits still, and is made of the new ones.
        jobs.create(left.chunk, JobKind.TRANSCRIPTION)


def _hear_again(chunk: AudioChunk, kind: JobKind = JobKind.ANALYSIS) -> None:
    # For watchers it is as it was when it had just been stored; they hear of it before the workers do.
    transaction.on_commit(lambda: announce("chunk_stored", changed))
    jobs.create(chunk, kind)
    changed = change(chunk, {}, **UNHEARD[kind])


def sweep() -> None:
    """Make good what was lost on the way. One that cannot be helped now does not keep the others waiting."""
    for job in jobs.overdue():
        with one_of_many("job", job.pk):
            if jobs.is_exhausted(job):
                give_up(job, error=WORKER_DIED, code="worker_died")
            else:
                jobs.dispatch_again(job)
    for session in sessions.unsettled():
        with one_of_many("session", session.pk):
            sessions.refuse_forgotten(session)
            sessions.settle(session)


def end_abandoned() -> None:
    """End the recordings whose recorders have not been heard of for too long."""
    for session in sessions.abandoned():
        with one_of_many("session", session.pk):
            sessions.abandon(session)


@contextmanager
def one_of_many(kind: str, identity: object) -> Iterator[None]:
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
        company=chunk.session.tenant_id,
        chunk_index=chunk.chunk_index,
        chunk=told_of(chunk),
        **content,
    )


def _all_stages(job: AnalysisJob, state: str, **told: str) -> StageResults:
    """Every stage of the job in one state, without a result."""
    return {name: {"state": state, **told} for name in STAGES[JobKind(job.kind)]}
