import uuid
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audio import progress, sockets
from audio.errors import ChunkBusy
from audio.models import AnalysisJob, AudioChunk, AudioSession
from crm.admin import words
from crm.admin.scoping import TenantScoped
from crm.models import User

# A search for chunks or jobs goes by so many recordings at most, the newest.
MOST_SESSIONS = 200


def sessions_meant(rows: QuerySet[AudioSession], term: str) -> QuerySet[AudioSession]:
    """Whose id, call id or reference the term is; when it is somebody's username, all that they recorded."""
    person = User.objects.filter(username=term).select_related("tenant").first()
    if person is not None:
        # With their tenant: a viewer of another has nothing to read then.
        return rows.filter(user=person, tenant=person.tenant)
    named = Q(call_id=term) | Q(test_session_id=term)
    identity = as_uuid(term)
    return rows.filter(named | Q(pk=identity) if identity else named)


def as_uuid(term: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(term)
    except ValueError:
        return None


def list_link(text: str, page: str, **lookups: object) -> SafeString:
    query = {name: str(value) for name, value in lookups.items()}
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{page}_changelist", query=query), text)


def row_link(text: object, page: str, pk: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{page}_change", args=[pk]), text)


@admin.register(AudioSession)
class SessionAdmin(TenantScoped):
    kind = "recording"
    tenant_path = "tenant"
    list_display = ("short_id", "user", "created_at", "status", "duration", "channels", "chunks", "on_page")
    list_filter = ("status", "created_at")
    list_select_related = ("user",)
    sortable_by = ("created_at",)
    lookups = frozenset({"status__exact", "created_at__gte", "created_at__lt", "user__id__exact", "call_id__exact"})
    search_fields = ("id",)
    search_help_text = "Session id, call id, reference or username, whole"
    readonly_fields = ("chunks", "jobs", "watched_by", "on_page")

    def searched(self, request: HttpRequest, rows: QuerySet[AudioSession], term: str) -> QuerySet[AudioSession]:
        return sessions_meant(rows, term)

    @admin.display(description="Id")
    def short_id(self, session: AudioSession) -> str:
        return str(session.pk)[:8]

    @admin.display(description="Duration")
    def duration(self, session: AudioSession) -> str:
        return words.duration(session.total_duration_seconds)

    @admin.display(description="Chunks")
    def chunks(self, session: AudioSession) -> SafeString:
        return list_link("Chunks", "audio_audiochunk", session__id__exact=session.pk)

    @admin.display(description="Jobs")
    def jobs(self, session: AudioSession) -> SafeString:
        return list_link("Jobs", "audio_analysisjob", chunk__session__id__exact=session.pk)

    @admin.display(description="Watched by", empty_value="unknown for a moment")
    def watched_by(self, session: AudioSession) -> int | None:
        return sockets.watchers(session)

    @admin.display(description="Page")
    def on_page(self, session: AudioSession) -> SafeString:
        return format_html('<a href="{}">Open</a>', reverse("session-page", args=[session.pk]))


class PartsOfSessions(TenantScoped):
    """Chunks, and what is done with them: searched for by the recording they belong to."""

    kind = "recording"

    def chunks_meant(self, request: HttpRequest, term: str) -> Q:
        """The chunks of the newest recordings that are meant, of those that the viewer may see."""
        sessions = self.admin_site.get_model_admin(AudioSession).get_queryset(request)
        meant = sessions_meant(sessions, term).order_by("-created_at").values_list("pk", flat=True)
        # Read first: the database then goes from these few to their chunks, and not through all chunks there are.
        return Q(session__in=list(meant[:MOST_SESSIONS]))


@admin.register(AudioChunk)
class ChunkAdmin(PartsOfSessions):
    tenant_path = "session__tenant"
    list_display = (
        "chunk_index",
        "of_session",
        "upload_status",
        "processing_status",
        "received_at",
        "duration",
        "size",
        "attempts",
        "error",
    )
    list_display_links = ("chunk_index",)
    list_filter = ("processing_status", "upload_status", ("session__created_at", admin.DateFieldListFilter))
    list_select_related = ("session",)
    lookups = frozenset(
        {
            "processing_status__exact",
            "upload_status__exact",
            "session__created_at__gte",
            "session__created_at__lt",
            "session__id__exact",
        }
    )
    search_fields = ("id",)
    search_help_text = (
        "Chunk id; or session id, call id, reference or username of the recording, whole (the newest 200 recordings)"
    )
    # Along the sessions' index, and within each along that of its chunks: a page reads no more than it shows,
    # whatever else there is in the table.
    ordering = ("-session__created_at", "chunk_index")
    readonly_fields = ("of_session", "jobs")
    actions = ("analyse_again",)

    def searched(self, request: HttpRequest, rows: QuerySet[AudioChunk], term: str) -> QuerySet[AudioChunk]:
        of_sessions = self.chunks_meant(request, term)
        identity = as_uuid(term)
        return rows.filter(of_sessions | Q(pk=identity) if identity else of_sessions)

    def subject_of(self, row: AudioChunk) -> str:
        return f"recording:{row.session_id}"

    @admin.display(description="Duration")
    def duration(self, chunk: AudioChunk) -> str:
        return words.duration(chunk.duration_seconds)

    @admin.display(description="Size")
    def size(self, chunk: AudioChunk) -> str:
        return words.size(chunk.file_size_bytes)

    @admin.display(description="Recording")
    def of_session(self, chunk: AudioChunk) -> SafeString:
        return row_link(chunk.session, "audio_audiosession", chunk.session_id)

    @admin.display(description="Jobs")
    def jobs(self, chunk: AudioChunk) -> SafeString:
        return list_link("Jobs", "audio_analysisjob", chunk__id__exact=chunk.pk)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated and request.user.may("recordings.retry"))

    @admin.action(description="Analyse again", permissions=["retry"])
    def analyse_again(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        retried = left = 0
        for chunk in chosen:
            try:
                progress.try_again(chunk)
                self.write_down(request, "analysed_again", chunk)
                retried += 1
            except ChunkBusy:
                left += 1
        self.message_user(request, f"{retried} sent to the workers again.", messages.SUCCESS)
        if left:
            self.message_user(request, f"{left} left alone: still being worked on.", messages.WARNING)


@admin.register(AnalysisJob)
class JobAdmin(PartsOfSessions):
    tenant_path = "chunk__session__tenant"
    list_display = ("id", "kind", "state", "of_chunk", "attempts", "error", "dispatched_at", "lease_until", "ended_at")
    list_filter = ("state",)
    list_select_related = ("chunk__session",)
    lookups = frozenset({"state__exact", "chunk__session__id__exact", "chunk__id__exact"})
    search_fields = ("id",)
    search_help_text = "Session id, call id, reference or username of the recording, whole (the newest 200 recordings)"
    ordering = ("-chunk__session__created_at", "chunk__chunk_index", "kind")
    readonly_fields = ("of_chunk",)

    def searched(self, request: HttpRequest, rows: QuerySet[AnalysisJob], term: str) -> QuerySet[AnalysisJob]:
        chunks = AudioChunk.objects.filter(self.chunks_meant(request, term))
        return rows.filter(chunk__in=chunks)

    def subject_of(self, row: AnalysisJob) -> str:
        return f"recording:{row.chunk.session_id}"

    @admin.display(description="Chunk")
    def of_chunk(self, job: AnalysisJob) -> SafeString:
        return row_link(f"{job.chunk.session}, {job.chunk.chunk_index}", "audio_audiochunk", job.chunk_id)
