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
    ANALYSIS = "analysis"
    TRANSCRIPTION = "transcription"
    INTERPRETATION = "interpretation"
    TRANSCODING = "transcoding"


class VerdictState(models.TextChoices):
    """Whether all of a recording is here."""

    RECORDING = "recording"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


class GapCause(models.TextChoices):
    """Why a stretch of the recording has no sound."""

    PAUSE = "pause"
    DEVICE = "device"
    OFFLINE = "offline"
    NEVER_ARRIVED = "never_arrived"


class ErasedSide(models.TextChoices):
    """Whose channel of a two-channel recording has been erased."""

    AGENT = "agent"
    CLIENT = "client"


# A late chunk takes a completed or failed session back into processing.
SESSION_MOVES: dict[str, frozenset[str]] = {
    SessionStatus.RECORDING: frozenset({SessionStatus.PROCESSING}),
    SessionStatus.PROCESSING: frozenset({SessionStatus.COMPLETED, SessionStatus.FAILED}),
    SessionStatus.COMPLETED: frozenset({SessionStatus.PROCESSING}),
    SessionStatus.FAILED: frozenset({SessionStatus.PROCESSING}),
}

ENDED = frozenset({SessionStatus.COMPLETED, SessionStatus.FAILED})

UPLOAD_MOVES: dict[str, frozenset[str]] = {
    # To itself: a claim that went stale is taken over.
    UploadStatus.UPLOADING: frozenset({UploadStatus.UPLOADING, UploadStatus.UPLOADED, UploadStatus.FAILED}),
    # Straight to uploaded: its object, which was lost, is there again.
    UploadStatus.FAILED: frozenset({UploadStatus.UPLOADING, UploadStatus.UPLOADED}),
    # When its object turned out to be lost or damaged: the chunk is owed again.
    UploadStatus.UPLOADED: frozenset({UploadStatus.FAILED}),
}

PROCESSING_MOVES: dict[str, frozenset[str]] = {
    # Straight to failed: a job that was given up before anybody began it.
    ProcessingStatus.PENDING: frozenset({ProcessingStatus.PROCESSING, ProcessingStatus.FAILED}),
    # To itself: the next job of the chunk, or the next attempt.
    ProcessingStatus.PROCESSING: frozenset(
        {ProcessingStatus.PROCESSING, ProcessingStatus.COMPLETED, ProcessingStatus.FAILED}
    ),
    # By a person's wish.
    ProcessingStatus.COMPLETED: frozenset({ProcessingStatus.PENDING}),
    ProcessingStatus.FAILED: frozenset({ProcessingStatus.PENDING}),
}

JOB_MOVES: dict[str, frozenset[str]] = {
    # To itself: it is dispatched once more.
    JobState.WAITING: frozenset({JobState.WAITING, JobState.RUNNING, JobState.FAILED}),
    # Back to waiting for another attempt; to itself when another task takes over a lease that ran out.
    JobState.RUNNING: frozenset({JobState.WAITING, JobState.RUNNING, JobState.COMPLETED, JobState.FAILED}),
    # By a person, from the admin or over REST.
    JobState.COMPLETED: frozenset({JobState.WAITING}),
    JobState.FAILED: frozenset({JobState.WAITING}),
}


# The stages of each kind of job, under whose names their states and results stand in a chunk's `analysis_results`.
STAGES: dict[str, tuple[str, ...]] = {
    JobKind.ANALYSIS: ("decode", "voice_activity", "speakers", "prosody", "fingerprint"),
    JobKind.TRANSCRIPTION: ("transcription",),
    JobKind.INTERPRETATION: ("emotion", "suspicion"),
    JobKind.TRANSCODING: ("transcoding",),
}
# Those that make up the hearing of a chunk, in order; transcoding goes on beside it and changes nothing of what was
# heard.
HEARING = (JobKind.ANALYSIS, JobKind.TRANSCRIPTION, JobKind.INTERPRETATION)
KIND_OF_STAGE: dict[str, JobKind] = {stage: kind for kind in HEARING for stage in STAGES[kind]}


def sources(moves: dict[str, frozenset[str]], target: str) -> list[str]:
    """The states from which `target` may be reached; for `filter(state__in=…)` in a conditional update."""
    return [source for source, targets in moves.items() if target in targets]
