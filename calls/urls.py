from django.urls import path

from calls import api

urlpatterns = [
    path("api/calls/<str:call_id>", api.CallDetail.as_view(), name="call-detail"),
    path("api/calls/<str:call_id>/emotions", api.CallEmotions.as_view(), name="call-emotions"),
    path("api/calls/<str:call_id>/flags/<str:flag_id>/verdict", api.FlagVerdict.as_view(), name="call-flag-verdict"),
]
