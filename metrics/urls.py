from django.urls import path

from metrics import api

urlpatterns = [path("api/metrics/operations", api.Operations.as_view(), name="operations")]
