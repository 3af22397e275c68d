from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audio import progress
from audio.errors import ChunkBusy
from audio.models import AnalysisJob, AudioChunk, AudioSession
from crm.admin.scoping import TenantScoped


@admin.register(AudioSession)
class SessionAdmin(TenantScoped):
    tenant_path = "tenant"
    list_display = ("id", "user", "start_time", "status", "duration", "chunks", "on_page")
    list_filter = ("status", "channels")
    list_select_related = ("user",)
    search_fields = ("id", "call_id", "test_session_id", "user__username")
    search_help_text = "Session id, call id, reference or username"
    date_hierarchy = "created_at"
    list_per_page = 50

    @admin.display(description="Duration", ordering="total_duration_seconds")
    def duration(self, session: AudioSession) -> str:
        return f"{session.total_duration_seconds:.1f} s"

    @admin.display(description="Chunks")
    def chunks(self, session: AudioSession) -> SafeString:
        return format_html(
            '<a href="{}?session__id__exact={}">Chunks</a>',
            reverse("admin:audio_audiochunk_changelist"),
            session.pk,
        )

    @admin.display(description="Page")
    def on_page(self, session: AudioSession) -> SafeString:
        return format_html('<a href="{}">Open</a>', reverse("session-page", args=[session.pk]))


@admin.register(AudioChunk)
class ChunkAdmin(TenantScoped):
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
    list_filter = ("processing_status", "upload_status")
    list_select_related = ("session",)
    search_fields = ("=session__id", "=session__call_id")
    search_help_text = "Session id or call id"
    ordering = ("-created_at",)
    list_per_page = 50
    actions = ("analyse_again",)

    @admin.display(description="Duration", ordering="duration_seconds")
    def duration(self, chunk: AudioChunk) -> str:
        return f"{chunk.duration_seconds:.1f} s"

    @admin.display(description="Size", ordering="file_size_bytes")
    def size(self, chunk: AudioChunk) -> str:
        return filesizeformat(chunk.file_size_bytes)

    @admin.display(description="Session", ordering="session")
    def of_session(self, chunk: AudioChunk) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:audio_audiosession_change", args=[chunk.session_id]),
            chunk.session,
        )

    @admin.action(description="Analyse again", permissions=["view"])
    def analyse_again(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        retried = left = 0
        for chunk in chosen:
            try:
                progress.try_again(chunk)
                retried += 1
            except ChunkBusy:
                left += 1
        self.message_user(request, f"{retried} sent to the workers again.", messages.SUCCESS)
        if left:
            self.message_user(request, f"{left} left alone: still being worked on.", messages.WARNING)


@admin.register(AnalysisJob)
class JobAdmin(TenantScoped):
    tenant_path = "chunk__session__tenant"
    list_display = ("id", "kind", "state", "attempts", "error", "dispatched_at", "lease_until", "ended_at")
    list_filter = ("state", "kind")
    list_select_related = ("chunk",)
    search_fields = ("=chunk__session__id",)
    search_help_text = "Session id"
    list_per_page = 50
