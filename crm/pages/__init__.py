"""The pages of the desk, and what every page's frame shows."""

from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.views import View

from crm.models import Tenant, User

# Rail entry, the capability it takes, the page it opens; in the order of the rail.
RAIL = [
    ("Record", "recordings.write", "record-page", "recordings"),
    ("Recordings", "recordings.read", "sessions-page", "list"),
    ("Calls", "calls.read", "board-page", "board"),
    ("Live", "recordings.read_all", "live-page", "live"),
    ("Search", "calls.read", "search-page", "search"),
    ("Metrics", "metrics.read", "dashboard-page", "metrics"),
    ("Contacts", "contacts.read", "contacts-page", "contacts"),
    ("Privacy", "privacy.read", "privacy-page", "privacy"),
    ("Settings", "settings.manage", "settings-page", "settings"),
    ("Admin", "admin.use", "admin:index", "admin"),
]
# The tabs of the pages about privacy: each with the capability it takes and the page it opens.
PRIVACY_TABS = [
    ("Erasures", "privacy.read", "privacy-page"),
    ("Holds", "privacy.read", "holds-page"),
    ("Exports", "privacy.export", "person-exports-page"),
    ("Retention", "retention.manage", "retention-page"),
    ("Audit log", "audit.read", "audit-page"),
]
# As many stand side by side at the foot of a phone, beside the one that opens the others and one's own things.
MOST_ON_A_PHONE = 4


class DeskPage(View):
    """For people of a company; the middleware lets in nobody else."""

    @property
    def person(self) -> User:
        return cast("User", self.request.user)

    @property
    def tenant(self) -> Tenant:
        return cast("Tenant", self.person.tenant)


class HomePage(View):
    capability = None  # It leads on to a page that has one.
    audits = None

    def get(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated and user.tenant_id is None:
            # Superusers run the site and work in no company.
            return redirect("admin:index")
        if not user.is_authenticated or user.may("calls.read_all"):
            return redirect("board-page")
        return redirect("record-page" if user.may("recordings.write") else "sessions-page")


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context for `templates/frame.html`: the rail's entries that this person's role may use.

    `rail_more` are those that a phone's bar has no room for. `privacy_tabs` is worked out by the pages that show it.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"rail": [], "rail_more": []}
    entries = [
        {"label": label, "page": page, "icon": icon} for label, capability, page, icon in RAIL if user.may(capability)
    ]
    if not user.may("privacy.read"):
        entries += _privacy_of_others(user)
    return {
        "rail": entries[:MOST_ON_A_PHONE],
        "rail_more": entries[MOST_ON_A_PHONE:],
        "privacy_tabs": partial(privacy_tabs, user, request.path),
    }


def privacy_tabs(user: User, path: str = "") -> list[dict[str, str]]:
    """The tabs that somebody may open; `current` is `page` on the tab's own page, `true` on one below it."""
    tabs = []
    for label, capability, page in PRIVACY_TABS:
        with suppress(NoReverseMatch):
            if user.may(capability):
                tabs.append({"label": label, "page": page, "address": reverse(page), "current": ""})
    # All addresses begin with that of the first tab: the longest says where one is.
    around = [tab for tab in tabs if path.startswith(tab["address"])]
    for tab in sorted(around, key=lambda tab: len(tab["address"]))[-1:]:
        tab["current"] = "page" if tab["address"] == path else "true"
    return tabs


def _privacy_of_others(user: User) -> list[dict[str, str]]:
    """The rail's entry of who may see some of the pages about privacy, but not the first of them."""
    first = privacy_tabs(user)[:1]
    return [{"label": "Privacy", "page": tab["page"], "icon": "privacy", "under": "/privacy/"} for tab in first]


def made(response: HttpResponse, thing_id: object) -> HttpResponse:
    """The page that shows what was just made; its status says so, and the audit log finds the id as in REST."""
    if response.status_code == HTTPStatus.OK:
        response.status_code = HTTPStatus.CREATED
    response.data = {"id": thing_id}  # type: ignore[attr-defined]
    return response
