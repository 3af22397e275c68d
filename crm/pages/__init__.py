"""The pages of the desk, and what every page's frame shows."""

from typing import Any, ClassVar, cast

from django.contrib.auth.mixins import LoginRequiredMixin, UserPassesTestMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views import View

from crm.models import Tenant, User

# Rail entry, the capability it takes, the page it opens; in the order of the rail.
RAIL = [
    ("Recordings", "recordings.read", "sessions-page", "recordings"),
    ("Settings", "settings.manage", "settings-page", "settings"),
    ("Admin", "admin.use", "admin:index", "admin"),
]


class DeskPage(LoginRequiredMixin, UserPassesTestMixin):
    """For people of a company whose role grants the page's capability."""

    capability: ClassVar[str]
    request: HttpRequest

    def test_func(self) -> bool:
        return self.person.tenant_id is not None and self.person.may(self.capability)

    @property
    def person(self) -> User:
        return cast("User", self.request.user)

    @property
    def tenant(self) -> Tenant:
        return cast("Tenant", self.person.tenant)


class HomePage(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("sessions-page")


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context for `templates/frame.html`: the rail's entries that this person's role may use."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"rail": []}
    return {
        "rail": [
            {"label": label, "page": page, "icon": icon}
            for label, capability, page, icon in RAIL
            if user.may(capability)
        ]
    }
