from django.urls import path

from audio import api, pages

_SESSION = "api/audio/sessions/<uuid:session_id>"

urlpatterns = [
    path("api/audio/sessions", api.SessionList.as_view(), name="session-list"),
    path(_SESSION, api.SessionDetail.as_view(), name="session-detail"),
    path(f"{_SESSION}/complete", api.SessionComplete.as_view(), name="session-complete"),
    path(f"{_SESSION}/gaps", api.SessionGaps.as_view(), name="session-gaps"),
    path(f"{_SESSION}/consent", api.SessionConsent.as_view(), name="session-consent"),
    path(f"{_SESSION}/upload-token", api.SessionUploadToken.as_view(), name="session-upload-token"),
    path(f"{_SESSION}/audio", api.SessionAudio.as_view(), name="session-audio"),
    path(f"{_SESSION}/peaks", api.SessionPeaks.as_view(), name="session-peaks"),
    path(f"{_SESSION}/chunks", api.ChunkList.as_view(), name="chunk-list"),
    # A text, so that an index that is no number is told what it should be.
    path(f"{_SESSION}/chunks/<str:index>", api.ChunkDetail.as_view(), name="chunk-detail"),
    path(f"{_SESSION}/chunks/<str:index>/retry", api.ChunkRetry.as_view(), name="chunk-retry"),
    path("api/audio/upload-chunk", api.UploadChunk.as_view(), name="upload-chunk"),
    path("api/audio/session-complete", api.CompleteSession.as_view(), name="complete-session"),
    path("record/", pages.RecordPage.as_view(), name="record-page"),
    path("sessions/", pages.SessionsPage.as_view(), name="sessions-page"),
    path("sessions/<uuid:session_id>/", pages.SessionPage.as_view(), name="session-page"),
]
