"""A chunk that has been heard, or given up, told to the metrics as a segment of the pipeline `audio`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from audio.models import AudioChunk
from audio.states import KIND_OF_STAGE, STAGES, JobKind
from metrics import intake, telling
from metrics.segments import Group, Pipeline, Segment

# Recordings come over one channel, from the browser.
CHANNEL: Final = "recorder"
PLATFORM: Final = "web"


def tell(chunk: AudioChunk, *, error: str = "") -> None:
    """Have the chunk counted, once however often it is heard within 24 hours. `error` is a short code.

    Best effort; call it after the commit.
    """
    session = chunk.session
    now = timezone.now()
    received_at = chunk.stored_at or chunk.received_at
    stages = _stages(chunk.analysis_results)
    telling.tell(
        session.tenant_id,
        Segment(
            group=Group(
                channel_id=CHANNEL,
                session_id=str(session.pk),
                user_id=session.person_key,
                platform=PLATFORM,
                pipeline=str(Pipeline.AUDIO),
            ),
            segment_id=str(chunk.pk),
            # A backlog of more than a day is counted in the hour in which it was worked off.
            received_at=received_at if now - intake.OLDEST < received_at <= now else now,
            processing_started_at=_began(chunk, stages),
            processing_ended_at=chunk.processed_at,
            stages=stages,
            total_us=sum(stages.values()) if stages else None,
            duration_us=round((chunk.decoded_seconds or chunk.duration_seconds) * 1_000_000),
            original_bytes=chunk.file_size_bytes,
            error=error[: intake.LONGEST_CODE],
            retry_count=max(chunk.attempts - 1, 0),
        ),
    )


def _stages(results: Mapping[str, Any]) -> dict[str, int]:
    """Microseconds of each stage of the hearing that ran to its end."""
    return {
        name: round(result["ms"] * 1000)
        for name, result in results.items()
        if name in KIND_OF_STAGE and result.get("state") == "completed"
    }


def _began(chunk: AudioChunk, stages: Mapping[str, int]) -> datetime | None:
    """When the first stage did, reckoned from when the sound was measured; None where it was not."""
    if chunk.analysed_at is None:
        return None
    measuring = sum(stages.get(name, 0) for name in STAGES[JobKind.ANALYSIS])
    return chunk.analysed_at - timedelta(microseconds=measuring)
