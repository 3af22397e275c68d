from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path, reverse

from crm import live
from crm.audit import acts
from crm.models import User


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the admin's that is about no model; `of` is the heading that it stands under, if any."""

    route: str
    view: Callable[..., HttpResponse]
    name: str
    title: str
    of: str | None


class DeskSite(admin.AdminSite):
    """The one admin site. It stands beside `crm.admin` because that package registers on it while it is imported."""

    site_header = "Earshot"
    site_title = "Earshot"
    index_title = "Administration"

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._pages: list[Page] = []

    def add_page(self, *, route: str, view: Callable[..., HttpResponse], name: str, title: str, of: str | None) -> None:
        """Take in a page that is about no model, for all who may use the admin; one about one thing is in no list."""
        self._pages.append(Page(route=route, view=view, name=name, title=title, of=of))

    def get_urls(self) -> list[URLPattern | URLResolver]:
        ours = [path(page.route, self.admin_view(page.view), name=page.name) for page in self._pages]
        return [*ours, *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """With the pages that are about no model, each under its heading."""
        listed: list[Any] = super().get_app_list(request, app_label)
        if app_label is not None or not self.has_permission(request):
            return listed
        for page in self._pages:
            if page.of is None:
                continue
            address = reverse(f"admin:{page.name}")
            entry = {"name": page.title, "object_name": page.name, "admin_url": address, "view_only": True}
            heading = next((app for app in listed if app["name"] == page.of), None)
            if heading is None:
                label = page.of.lower()
                heading = {"name": page.of, "app_label": label, "app_url": address, "has_module_perms": True}
                listed.append({**heading, "models": [entry]})
            else:
                heading["models"].append(entry)
        return listed

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
