"""Telegrams to the workers: an id in, one verb called."""

import uuid
from typing import Any

from celery import shared_task

from audio import chunks, figures, hearing, objects, peaks, progress, rollups, sockets


@shared_task(name="audio.analyse_chunk", queue="analysis", bind=True)
def analyse_chunk(self: Any, job_id: int) -> None:
    hearing.work(job_id, task_id=self.request.id)


@shared_task(name="audio.transcribe_chunk", queue="transcription", bind=True)
def transcribe_chunk(self: Any, job_id: int) -> None:
    hearing.work(job_id, task_id=self.request.id)


@shared_task(name="audio.interpret_chunk", queue="analysis", bind=True)
def interpret_chunk(self: Any, job_id: int) -> None:
    hearing.work(job_id, task_id=self.request.id)


@shared_task(name="audio.transcode_chunk", queue="storage", bind=True)
def transcode_chunk(self: Any, job_id: int) -> None:
    hearing.work(job_id, task_id=self.request.id)


@shared_task(name="audio.roll_up_session", queue="rollup")
def roll_up_session(session_id: str) -> None:
    rollups.make_for(uuid.UUID(session_id))


@shared_task(name="audio.make_peaks", queue="storage")
def make_peaks(session_id: str) -> None:
    peaks.make_for(uuid.UUID(session_id))


@shared_task(name="audio.sweep_jobs", queue="storage")
def sweep_jobs() -> None:
    progress.sweep()
    chunks.settle_claims()


@shared_task(name="audio.end_abandoned_sessions", queue="storage")
def end_abandoned_sessions() -> None:
    progress.end_abandoned()


@shared_task(name="audio.remove_orphaned_objects", queue="storage")
def remove_orphaned_objects() -> None:
    objects.remove_orphans()


@shared_task(name="audio.forget_dead_sockets", queue="storage")
def forget_dead_sockets() -> None:
    sockets.forget_dead()


@shared_task(name="audio.tell_gauges", queue="metrics")
def tell_gauges() -> None:
    figures.tell_gauges()


@shared_task(name="audio.tell_sizes", queue="metrics")
def tell_sizes() -> None:
    figures.tell_sizes()
