import uuid
from typing import Any, cast

from django.conf import settings
from django.http import Http404
from django.views.generic import DetailView, ListView, TemplateView

from audio import sessions
from audio.errors import UnknownSession
from audio.models import AudioSession, RecordingPolicy


class SessionsPage(ListView[AudioSession]):
    """The recordings one may see, newest first."""

    capability = "recordings.read"
    audits = "recording.listed"
    template_name = "audio/sessions.html"
    context_object_name = "sessions"
    paginate_by = 50

    def get_queryset(self) -> Any:
        return AudioSession.objects.visible_to(self.request.user).select_related("user").with_chunk_counts()


class SessionPage(DetailView[AudioSession]):
    """One recording, live: its chunks, the transcript as it grows, the state of the connection."""

    capability = "recordings.read"
    audits = "recording.read"
    template_name = "audio/session.html"
    context_object_name = "session"

    def get_object(self, queryset: Any = None) -> AudioSession:
        session_id: uuid.UUID = self.kwargs["session_id"]
        try:
            return sessions.find(self.request.user, session_id)
        except UnknownSession as unknown:
            raise Http404(unknown.message) from unknown

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        user, session = cast("Any", self.request.user), self.object
        is_kept = session.sound_removed_at is None
        return super().get_context_data(
            may_retry=is_kept and not session.is_closed and user.may("recordings.retry"),
            may_hear_originals=user.may("recordings.hear_originals"),
            has_sound=is_kept and session.chunks.stored().exists(),
            **context,
        )


class RecordPage(TemplateView):
    """The recorder. What it records it sends by the API; the page itself knows only how a company records."""

    capability = "recordings.write"
    audits = None  # Nothing is shown or done yet; that a recording is started, the API writes down.
    template_name = "audio/record.html"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        policy = RecordingPolicy.of(cast("Any", self.request.user).tenant_id)
        return super().get_context_data(policy=policy, chunk_seconds=settings.EARSHOT_CHUNK_SECONDS, **context)
