"""Which state may follow which. Verbs move along these tables and nothing else does."""

from django.db import models


class SessionStatus(models.TextChoices):
    RECORDING = "recording"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class UploadStatus(models.TextChoices):
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    FAILED = "failed"


class ProcessingStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class JobState(models.TextChoices):
    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class JobKind(models.TextChoices):
    """Each kind has the Celery queue of its name."""

    ANALYSIS = "analysis"
    TRANSCRIPTION = "transcription"


# A late chunk takes a completed or failed session back into processing.
SESSION_MOVES: dict[str, frozenset[str]] = {
    SessionStatus.RECORDING: frozenset({SessionStatus.PROCESSING}),
    SessionStatus.PROCESSING: frozenset({SessionStatus.COMPLETED, SessionStatus.FAILED}),
    SessionStatus.COMPLETED: frozenset({SessionStatus.PROCESSING}),
    SessionStatus.FAILED: frozenset({SessionStatus.PROCESSING}),
}

JOB_MOVES: dict[str, frozenset[str]] = {
    JobState.WAITING: frozenset({JobState.RUNNING, JobState.FAILED}),
    # Back to waiting when a worker gives the job up for another attempt.
    JobState.RUNNING: frozenset({JobState.WAITING, JobState.COMPLETED, JobState.FAILED}),
    # By a person, from the admin or over REST.
    JobState.COMPLETED: frozenset({JobState.WAITING}),
    JobState.FAILED: frozenset({JobState.WAITING}),
}


def sources(moves: dict[str, frozenset[str]], target: str) -> list[str]:
    """The states from which `target` may be reached; for `filter(state__in=…)` in a conditional update."""
    return [source for source, targets in moves.items() if target in targets]
