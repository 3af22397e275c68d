from django.contrib import admin
from django.urls import include, path

from config import health
from config.schema import Schema
from config.security import DocsPage

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("api/schema/", Schema.as_view(), name="schema"),
    path("api/docs/", DocsPage.as_view(), name="docs"),
    path("admin/", admin.site.urls),
    path("", include("crm.urls")),
    path("", include("audio.urls")),
    path("", include("calls.urls")),
    path("", include("metrics.urls")),
]

handler400 = "config.error_views.bad_request"
handler403 = "config.error_views.forbidden"
handler404 = "config.error_views.not_found"
handler500 = "config.error_views.server_error"
