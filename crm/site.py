from http import HTTPStatus
from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from crm import live
from crm.audit import acts
from crm.models import User


class DeskSite(admin.AdminSite):
    """The one admin site. It stands beside `crm.admin` because that package registers on it while it is imported."""

    site_header = "Earshot"
    site_title = "Earshot"
    index_title = "Administration"

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.may("admin.use")

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """For who runs the site; who works in a company has a page for it."""
        user = cast("User", request.user)
        if user.tenant_id is not None:
            return redirect("profile-page")
        response = super().password_change(request, extra_context)
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            acts.write("profile.password_changed", actor=user, via="admin")
            live.rights_changed(user.pk)
        return response

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one page to sign in; who is signed in and ends up here has no right to the admin."""
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get("next", reverse("admin:index")))
