"""Telegrams to the workers: an id in, one verb called."""

from typing import Any

from celery import shared_task

from audio import hearing, progress


@shared_task(name="audio.analyse_chunk", queue="analysis", bind=True)
def analyse_chunk(self: Any, job_id: int) -> None:
    hearing.work(job_id, task_id=self.request.id)


@shared_task(name="audio.transcribe_chunk", queue="transcription", bind=True)
def transcribe_chunk(self: Any, job_id: int) -> None:
    hearing.work(job_id, task_id=self.request.id)


@shared_task(name="audio.sweep_jobs", queue="storage")
def sweep_jobs() -> None:
    progress.sweep()
