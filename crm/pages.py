"""The pages of the desk, and what every page's frame shows."""

from typing import Any, ClassVar

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views import View

from crm.models import User

# Rail entry, the capability it takes, the page it opens; in the order of the rail.
RAIL = [
    ("Recordings", "recordings.read", "sessions-page", "recordings"),
    ("Admin", "admin.use", "admin:index", "admin"),
]


class HomePage(View):
    capability = None  # It leads on to a page that has one.
    audits = None

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("sessions-page")


class SignInPage(LoginView):
    capability = None
    audits: ClassVar = {"POST": "access.signed_in"}
    template_name = "crm/sign_in.html"
    redirect_authenticated_user = True


class SignOutPage(LogoutView):
    capability = None
    audits: ClassVar = {"POST": "access.signed_out"}


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
