import uuid
from typing import Any, cast

from django.http import Http404
from django.views.generic import DetailView, ListView

from audio import sessions
from audio.errors import UnknownSession
from audio.models import AudioSession


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
        may_retry = cast("Any", self.request.user).may("recordings.retry")
        has_sound = self.object.chunks.stored().exists()
        return super().get_context_data(may_retry=may_retry, has_sound=has_sound, **context)
