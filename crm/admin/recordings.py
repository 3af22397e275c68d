import uuid
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audio import gaps, objects, progress, sessions, sockets
from audio.errors import ChunkBusy, SessionConflict, SoundRemoved, StoreUnavailable, UnknownSession
from audio.manifest import Gap, Manifest
from audio.models import AnalysisJob, AudioChunk, AudioChunkQuerySet, AudioSession, RecordingGap
from audio.objects import Finding
from audio.states import GapCause, ProcessingStatus, UploadStatus, VerdictState
from crm.admin import words
from crm.admin.scoping import TenantScoped
from crm.models import User

# A search for chunks or jobs goes by so many recordings at most, the newest.
MOST_SESSIONS = 200
# So much is done for one request, which somebody waits for: a chunk takes some milliseconds.
MOST_ANALYSED_AGAIN = 500
MOST_VERIFIED = 100
# So many gaps, consents and errors stand on the page of a recording, and so many findings in a message.
MOST_SHOWN = 50
MOST_SAID = 10
FAILED = Q(processing_status=ProcessingStatus.FAILED) | Q(upload_status=UploadStatus.FAILED)
VERDICTS = {
    VerdictState.COMPLETE: "Complete: all of it is here",
    VerdictState.INCOMPLETE: "Incomplete",
    VerdictState.RECORDING: "Being recorded",
}


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


def call_link(session: AudioSession) -> SafeString:
    address = reverse("admin:call", args=[session.tenant_id, session.call_id])
    return format_html('<a href="{}">{}</a>', address, session.call_id)


def lines(rows: list[tuple[Any, ...]], form: str, *, of: int) -> SafeString:
    """A list of the rows, and how many more there are of them."""
    more = format_html("<li>… and {} more</li>", of - len(rows)) if of > len(rows) else SafeString("")
    return (
        format_html("<ul>{}{}</ul>", format_html_join("", f"<li>{form}</li>", rows), more) if rows else SafeString("–")
    )


def _manifest_of(session: Any) -> Manifest:
    """Laid out once for a page, of which several fields tell."""
    if not hasattr(session, "laid_out"):
        session.laid_out = sessions.manifest_of(session)
    return session.laid_out  # type: ignore[no-any-return]


def _gap_in_words(gap: Gap) -> str:
    until = "on" if gap.end is None else f"to {gap.end:.3f} s"
    reason = f": {gap.reason}" if gap.reason else ""
    return f"From {gap.start:.3f} s {until}, {gap.cause.label.lower()}{reason}"


class Narrowing(admin.SimpleListFilter):
    """All rows, or only those of one kind; the kind has an index of its own, no larger than what it finds."""

    kinds: ClassVar[dict[str, tuple[str, Q]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, label) for value, (label, _) in self.kinds.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.kinds.get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset


class SessionPeculiarity(Narrowing):
    title = "peculiarity"
    parameter_name = "peculiarity"
    kinds: ClassVar = {
        "incomplete": ("Not all of it is here", Q(verdict_state=VerdictState.INCOMPLETE)),
        "abandoned": ("Its recorder went away", Q(abandoned_at__isnull=False)),
        "paused": (
            "Paused now",
            Q(pk__in=RecordingGap.objects.filter(cause=GapCause.PAUSE, end_seconds=None).values("session")),
        ),
        "late": ("With late chunks", Q(pk__in=AudioChunk.objects.filter(is_late=True).order_by().values("session"))),
        "failed": ("With failed chunks", Q(pk__in=AudioChunk.objects.filter(FAILED).order_by().values("session"))),
    }


class ChunkPeculiarity(Narrowing):
    title = "peculiarity"
    parameter_name = "peculiarity"
    kinds: ClassVar = {
        "late": ("Came late", Q(is_late=True)),
        "codec": ("Not Opus", ~Q(codec="opus")),
    }


class OfRecordings(TenantScoped):
    """What can be done with chosen recordings, or with chosen chunks of them."""

    kind = "recording"

    def chunks_of(self, chosen: QuerySet[Any]) -> AudioChunkQuerySet:
        """The stored chunks that are meant by the rows that were chosen."""
        raise NotImplementedError

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated and request.user.may("recordings.retry"))

    @admin.action(description="Analyse again", permissions=["retry"])
    def analyse_again(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        ended = self.chunks_of(chosen).filter(
            processing_status__in=[ProcessingStatus.COMPLETED, ProcessingStatus.FAILED]
        )
        again: Counter[uuid.UUID] = Counter()
        without_sound = 0
        left = self.chunks_of(chosen).unfinished().count()
        meant = list(ended.select_related("session")[: MOST_ANALYSED_AGAIN + 1])
        for chunk in meant[:MOST_ANALYSED_AGAIN]:
            try:
                progress.try_again(chunk)
                again[chunk.session_id] += 1
            except ChunkBusy:
                left += 1
            except SoundRemoved:
                without_sound += 1
            except UnknownSession:
                continue
        self.write_down_of("analysed_again", request, again)
        self.message_user(request, f"{again.total()} sent to the workers again.", messages.SUCCESS)
        if left:
            self.message_user(request, f"{left} left alone: still being worked on.", messages.WARNING)
        if without_sound:
            told = f"{without_sound} left alone: their sound was removed because of its age."
            self.message_user(request, told, messages.WARNING)
        if len(meant) > MOST_ANALYSED_AGAIN:
            self.message_user(
                request, f"At most {MOST_ANALYSED_AGAIN} at once. Choose the rest again.", messages.WARNING
            )

    @admin.action(description="Verify objects", permissions=["view"])
    def verify_objects(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Read what lies in the store and say whether it is what the rows say. Changes nothing."""
        stored = self.chunks_of(chosen).count()
        looked_at: Counter[uuid.UUID] = Counter()
        wrong = []
        try:
            for verified in islice(objects.verify(self.chunks_of(chosen)), MOST_VERIFIED):
                looked_at[verified.chunk.session_id] += 1
                if verified.finding is not Finding.RIGHT:
                    wrong.append(verified)
        except StoreUnavailable as away:
            self.message_user(request, f"{away.message} Try again in a moment.", messages.ERROR)
        self.write_down_of("objects_verified", request, looked_at)
        number = looked_at.total()
        self.message_user(request, f"{number - len(wrong)} of {number} objects are right.", messages.SUCCESS)
        for verified in wrong[:MOST_SAID]:
            chunk = verified.chunk
            self.message_user(
                request,
                f"{chunk.session}, chunk {chunk.chunk_index}: its object is {verified.finding}. "
                f"To mend it: manage.py verify_blobs --session {chunk.session_id} --fix",
                messages.ERROR,
            )
        if len(wrong) > MOST_SAID:
            more = f"{len(wrong) - MOST_SAID} more objects are not right. To mend them: manage.py verify_blobs --fix"
            self.message_user(request, more, messages.ERROR)
        if number < stored:
            rest = f"{stored - number} were not looked at. For so many: manage.py verify_blobs"
            self.message_user(request, rest, messages.WARNING)

    def write_down_of(self, done: str, request: HttpRequest, of_sessions: Iterable[uuid.UUID]) -> None:
        """One entry for each recording, however many of its chunks it was done to."""
        for session_id in of_sessions:
            self.write_down_about(request, done, f"recording:{session_id}")


@admin.register(AudioSession)
class SessionAdmin(OfRecordings):
    tenant_path = "tenant"
    list_display = (
        "short_id",
        "user",
        "created_at",
        "status",
        "verdict_state",
        "duration",
        "channels",
        "abandoned_at",
        "error",
        "chunks",
        "on_page",
    )
    list_filter = ("status", SessionPeculiarity, "created_at")
    list_select_related = ("user",)
    sortable_by = ("created_at",)
    lookups = frozenset(
        {
            "status__exact",
            "peculiarity",
            "created_at__gte",
            "created_at__lt",
            "user__id__exact",
            "call_id__exact",
        }
    )
    search_fields = ("id",)
    search_help_text = "Session id, call id, reference or username, whole"
    readonly_fields = (
        "verdict",
        "gaps",
        "paused",
        "consents",
        "errors",
        "player",
        "chunks",
        "jobs",
        "call",
        "watched_by",
        "on_page",
        "erased",
    )
    actions = ("analyse_again", "complete_now", "verify_objects")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        failed = AudioChunk.objects.filter(FAILED, session=OuterRef("pk")).order_by("chunk_index")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(first_error=Subquery(failed.values("error")[:1]))
        return rows

    def chunks_of(self, chosen: QuerySet[Any]) -> AudioChunkQuerySet:
        picked = list(chosen.values_list("pk", flat=True))
        return AudioChunk.objects.filter(session__in=picked).stored()

    def searched(self, request: HttpRequest, rows: QuerySet[AudioSession], term: str) -> QuerySet[AudioSession]:
        return sessions_meant(rows, term)

    def has_write_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated and request.user.may("recordings.write"))

    @admin.action(description="Complete now", permissions=["write"])
    def complete_now(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        ended = left = 0
        for session in chosen:
            try:
                sessions.complete_with_what_is_there(session)
                self.write_down(request, "completed_by_hand", session)
                ended += 1
            except SessionConflict:
                left += 1
            except UnknownSession:
                continue
        self.message_user(
            request,
            f"{ended} ended with what is stored. They are not called complete: late chunks may still come, and their "
            "recorders have not said that there are none.",
            messages.SUCCESS,
        )
        if left:
            self.message_user(request, f"{left} left alone: not being recorded any more.", messages.WARNING)

    @admin.display(description="Id")
    def short_id(self, session: AudioSession) -> str:
        return str(session.pk)[:8]

    @admin.display(description="Duration")
    def duration(self, session: AudioSession) -> str:
        return words.duration(session.total_duration_seconds)

    @admin.display(description="Error")
    def error(self, session: Any) -> str:
        """Of the first chunk that has one."""
        return session.first_error or ""

    @admin.display(description="Verdict")
    def verdict(self, session: AudioSession) -> SafeString:
        whole = _manifest_of(session)
        told = [
            VERDICTS[whole.state],
            f"{words.duration(whole.sound_seconds)} of sound on {words.duration(whole.duration)}",
            f"{len(whole.gaps)} gaps",
        ]
        if whole.owed:
            more = " …" if len(whole.owed) > MOST_SHOWN else ""
            owed = ", ".join(str(index) for index in whole.owed[:MOST_SHOWN])
            told.append(f"{len(whole.owed)} chunks owed: {owed}{more}")
        return lines([(line,) for line in told], "{}", of=len(told))

    @admin.display(description="Gaps")
    def gaps(self, session: AudioSession) -> SafeString:
        found = _manifest_of(session).gaps
        return lines([(_gap_in_words(gap),) for gap in found[:MOST_SHOWN]], "{}", of=len(found))

    @admin.display(description="Paused now", boolean=True)
    def paused(self, session: AudioSession) -> bool:
        return gaps.is_paused(session, _manifest_of(session))

    @admin.display(description="Consent")
    def consents(self, session: AudioSession) -> SafeString:
        said = session.consents.order_by("-at", "-pk")
        rows = [(consent, f"{consent.at:%Y-%m-%d %H:%M:%S} UTC", consent.wording) for consent in said[:MOST_SHOWN]]
        return lines(rows, "{}, {}: “{}”", of=said.count())

    @admin.display(description="Errors")
    def errors(self, session: AudioSession) -> SafeString:
        failed = session.chunks.filter(FAILED).order_by("chunk_index")
        rows = [(row_link(chunk, "audio_audiochunk", chunk.pk), chunk.error) for chunk in failed[:MOST_SHOWN]]
        return lines(rows, "{}: {}", of=failed.count())

    @admin.display(description="Sound")
    def player(self, session: AudioSession) -> SafeString:
        if session.sound_removed_at is not None:
            return format_html("Removed on {} because of its age", f"{session.sound_removed_at:%Y-%m-%d}")
        address = reverse("session-detail", args=[session.pk])
        return format_html('<audio controls preload="none" src="{}/audio"></audio>', address)

    @admin.display(description="Erased")
    def erased(self, session: AudioSession) -> str:
        return f"The {session.erased_side}'s side has been erased" if session.erased_side else "–"

    @admin.display(description="Chunks")
    def chunks(self, session: AudioSession) -> SafeString:
        return list_link("Chunks", "audio_audiochunk", session__id__exact=session.pk)

    @admin.display(description="Jobs")
    def jobs(self, session: AudioSession) -> SafeString:
        return list_link("Jobs", "audio_analysisjob", chunk__session__id__exact=session.pk)

    @admin.display(description="Call")
    def call(self, session: AudioSession) -> SafeString:
        return call_link(session)

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
class ChunkAdmin(PartsOfSessions, OfRecordings):
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
        "codec",
        "is_late",
        "error",
    )
    list_display_links = ("chunk_index",)
    list_filter = (
        "processing_status",
        "upload_status",
        ChunkPeculiarity,
        ("session__created_at", admin.DateFieldListFilter),
    )
    list_select_related = ("session",)
    lookups = frozenset(
        {
            "processing_status__exact",
            "upload_status__exact",
            "peculiarity",
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
    readonly_fields = ("of_session", "call", "jobs", "sound")
    actions = ("analyse_again", "verify_objects")

    def chunks_of(self, chosen: QuerySet[Any]) -> AudioChunkQuerySet:
        picked = list(chosen.order_by().values_list("pk", flat=True))
        return AudioChunk.objects.filter(pk__in=picked).stored()

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

    @admin.display(description="Call")
    def call(self, chunk: AudioChunk) -> SafeString:
        return call_link(chunk.session)

    @admin.display(description="Jobs")
    def jobs(self, chunk: AudioChunk) -> SafeString:
        return list_link("Jobs", "audio_analysisjob", chunk__id__exact=chunk.pk)

    @admin.display(description="Sound")
    def sound(self, chunk: AudioChunk) -> SafeString:
        """Where it can be listened to: the recording's page at its first second."""
        address = reverse("session-page", args=[chunk.session_id], query={"t": f"{chunk.start_time_seconds:.3f}"})
        return format_html('<a href="{}">Listen on the recording’s page</a>', address)


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
