from django.urls import path

from calls import pages
from calls.api import calls, conversations, estimates, search, segments

_CALL = "api/calls/<str:call_id>"

urlpatterns = [
    path("api/calls", calls.CallList.as_view(), name="call-list"),
    path(_CALL, calls.CallDetail.as_view(), name="call-detail"),
    path(f"{_CALL}/move", calls.CallMove.as_view(), name="call-move"),
    path(f"{_CALL}/notes", calls.CallNotes.as_view(), name="call-notes"),
    path(f"{_CALL}/history", calls.CallHistory.as_view(), name="call-history"),
    path(f"{_CALL}/originals", calls.CallOriginals.as_view(), name="call-originals"),
    path(f"{_CALL}/export", calls.CallExport.as_view(), name="call-export"),
    path(f"{_CALL}/segments", segments.CallSegments.as_view(), name="call-segments"),
    path(f"{_CALL}/segments/<str:segment_id>", segments.CallSegment.as_view(), name="call-segment"),
    path(f"{_CALL}/speakers/rename", segments.CallSpeakers.as_view(), name="call-speakers-rename"),
    path(f"{_CALL}/emotions", estimates.CallEmotions.as_view(), name="call-emotions"),
    path(f"{_CALL}/flags/<str:flag_id>/verdict", estimates.FlagVerdict.as_view(), name="call-flag-verdict"),
    path("api/conversations", conversations.ConversationList.as_view(), name="conversations"),
    path("api/conversations/stats", conversations.ConversationStats.as_view(), name="conversation-stats"),
    path(
        "api/conversations/<str:conversation_id>",
        conversations.ConversationDetail.as_view(),
        name="conversation-detail",
    ),
    path("api/search", search.Search.as_view(), name="search"),
    path("search/", pages.SearchPage.as_view(), name="search-page"),
]
