"""How much there is to hear, and who records now, told to whoever watches the figures of the server."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Min, Q, Sum
from django.utils import timezone

from audio import live_state
from audio.models import AnalysisJob, AudioChunk, AudioSession
from audio.states import HEARING, JobKind, JobState, SessionStatus, UploadStatus
from metrics import gauges

_NOTHING: Mapping[str, Any] = {"waiting": 0, "running": 0, "oldest": None}


def tell_gauges() -> None:
    """Say so now. However many recordings there are, it looks at what is unfinished or has failed alone."""
    for kind, unfinished in _unfinished().items():
        gauges.set("audio.jobs", unfinished["waiting"], kind=kind, state=JobState.WAITING)
        gauges.set("audio.jobs", unfinished["running"], kind=kind, state=JobState.RUNNING)
        gauges.set("audio.jobs", unfinished["failed"], kind=kind, state=JobState.FAILED)
        gauges.set("audio.oldest_job_seconds", unfinished["seconds"], kind=kind)
    waiting = AnalysisJob.objects.unfinished().filter(kind__in=HEARING)
    gauges.set("audio.chunks_waiting", waiting.aggregate(chunks=Count("chunk", distinct=True))["chunks"])
    recording = AudioSession.objects.filter(status=SessionStatus.RECORDING, abandoned_at=None)
    gauges.set("audio.recordings", recording.count())
    sockets = live_state.count_sockets()
    if sockets is not None:
        gauges.set("audio.sockets", sockets)


def tell_sizes() -> None:
    """Say how much the recordings take up in the object store, by what the rows say."""
    stored = AudioChunk.objects.filter(upload_status=UploadStatus.UPLOADED)
    gauges.set("store.bytes", stored.aggregate(bytes=Sum("compressed_size_bytes"))["bytes"] or 0, store="recordings")


def _unfinished() -> dict[str, dict[str, Any]]:
    """Kind → how many jobs wait, are being done and have failed, and how long ago the oldest that waits was sent."""
    now = timezone.now()
    is_waiting = Q(state=JobState.WAITING)
    by_kind = AnalysisJob.objects.unfinished().order_by().values("kind")
    counted = by_kind.annotate(
        waiting=Count("pk", filter=is_waiting),
        running=Count("pk", filter=Q(state=JobState.RUNNING)),
        oldest=Min("dispatched_at", filter=is_waiting),
    )
    found = {row["kind"]: row for row in counted}
    failed = AnalysisJob.objects.filter(state=JobState.FAILED).order_by().values_list("kind").annotate(Count("pk"))
    gone_wrong = dict(failed)
    told = {kind.value: {**_NOTHING, **found.get(kind, {})} for kind in JobKind}
    return {
        kind: {
            **one,
            "failed": gone_wrong.get(kind, 0),
            "seconds": max((now - one["oldest"]).total_seconds(), 0.0) if one["oldest"] else 0.0,
        }
        for kind, one in told.items()
    }
