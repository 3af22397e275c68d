from django.urls import path

from calls import api

urlpatterns = [path("api/calls/<str:call_id>", api.CallDetail.as_view(), name="call-detail")]
