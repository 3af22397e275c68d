"""Calls, whosever they are: looked for, looked at, given another status, deleted.

They are in MongoDB and no model's rows, so these are pages of their own over the verbs of `calls`. Who works in the
company sees what was said, masked as it is for everybody; who runs the site sees what there is, and no word of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from http import HTTPStatus
from typing import Any, cast, get_args
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from rest_framework.exceptions import NotFound

from audio.models import AudioSession
from calls import board, conversations, editing, finding, statuses
from calls.documents import Call, CallState
from calls.errors import CallError, RetryableCallError, UnknownCall
from calls.models import CallStatus
from calls.store import Page, Position
from crm.admin import words
from crm.audit import acts
from crm.models import Tenant, User
from crm.site import DeskSite
from metrics import cursors

PER_PAGE = 50
PAGE = "calls"
PAGE_OF_ONE = "call"
LONGEST_TERM = 255
# Of one call; all of it is on the call's own page.
MOST_SEGMENTS = 200
MOST_ALIKE = 5
NO_STATUS = "none"
_STATE_WORDS = {state: state.replace("_", " ").capitalize() for state in get_args(CallState)}
_STATES = [("", "Any"), *_STATE_WORDS.items()]


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the site, at work in a company that they are not in."""

    pk: int
    tenant_id: int

    def may(self, capability: str) -> bool:
        return True


class FilterForm(forms.Form):
    """What an address of the list may ask; what it cannot mean is left out, and said."""

    q = forms.CharField(required=False, max_length=LONGEST_TERM, label="Search")
    company = forms.ChoiceField(required=False)
    status = forms.ChoiceField(required=False)
    state = forms.ChoiceField(required=False, choices=_STATES, label="State")
    person = forms.CharField(required=False, max_length=150, label="Person")
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}))

    def __init__(self, *args: Any, companies: Mapping[int, str], theirs: list[CallStatus], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["q"].widget = forms.TextInput({"type": "search"})
        if len(companies) > 1:
            every = [("", "Any"), *((str(key), name) for key, name in companies.items())]
            self.fields["company"].choices = every  # type: ignore[attr-defined]
        else:
            del self.fields["company"]
        named = [(str(status.pk), status.name) for status in theirs]
        self.fields["status"].choices = [("", "Any"), (NO_STATUS, "None"), *named]  # type: ignore[attr-defined]

    def clean_q(self) -> str:
        term: str = self.cleaned_data["q"]
        return term.replace("\0", "").strip()


@require_safe
def calls(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    companies = _companies_of(user)
    chosen = _chosen(request, companies)
    theirs = statuses.of(chosen) if chosen is not None else []
    asked = request.GET.copy()
    form = FilterForm(asked, companies=companies, theirs=theirs, label_suffix="")
    is_right = form.is_valid()
    given = form.cleaned_data if is_right else {}
    person = _person(given.get("person", ""), chosen)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Calls",
        "form": form,
        "shows_company": user.is_superuser,
        "shows_words": not user.is_superuser,
        "is_filtered": any(given.values()),
        "too_many_companies": chosen is None and len(companies) == finding.MOST_COMPANIES,
    }
    status = HTTPStatus.OK
    try:
        before, after = _position(request, "before"), _position(request, "after")
        nobody = bool(given.get("person")) and person is None
        page = Page([], has_older=False, has_newer=False)
        if is_right and not nobody:
            page = finding.page(
                [chosen] if chosen is not None else list(companies),
                term=given["q"],
                filters=_filters_of(given, person),
                limit=PER_PAGE,
                before=before,
                after=after if before is None else None,
            )
        context |= _listed(request, page, companies)
    except RetryableCallError as away:
        context["away"], status = away.message, HTTPStatus.SERVICE_UNAVAILABLE
    acts.write("call.listed", actor=user, via="admin")
    return render(request, "admin/calls.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def call(request: HttpRequest, tenant_id: int, call_id: str) -> HttpResponse:
    user = cast("User", request.user)
    actor = _actor(user, tenant_id)
    try:
        if request.method == "POST":
            return _acted(request, actor, call_id)
        found = conversations.read_call(actor, call_id)
        context = _shown(request, user, actor, found)
    except RetryableCallError as away:
        context = {**admin.site.each_context(request), "title": "Call", "away": away.message}
        return render(request, "admin/call.html", context, status=HTTPStatus.SERVICE_UNAVAILABLE)
    except UnknownCall as unknown:
        raise Http404(unknown.message) from unknown
    acts.write("call.read", actor=user, subject=f"call:{call_id}", via="admin", tenant_id=tenant_id)
    return render(request, "admin/call.html", context)


def _companies_of(user: User) -> dict[int, str]:
    """The companies whose calls the person may see, and their names."""
    if user.is_superuser:
        return dict(Tenant.objects.order_by("name").values_list("pk", "name")[: finding.MOST_COMPANIES])
    if user.tenant is None or not user.may("calls.read_all"):
        raise PermissionDenied
    return {user.tenant.pk: user.tenant.name}


def _chosen(request: HttpRequest, companies: dict[int, str]) -> int | None:
    """The one company whose calls are meant, if it is one."""
    if len(companies) == 1:
        return next(iter(companies))
    given = request.GET.get("company", "")
    wanted = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
    if wanted is not None and wanted not in companies:
        # Of very many companies not all are offered.
        companies |= dict(Tenant.objects.filter(pk=wanted).values_list("pk", "name"))
    return wanted if wanted in companies else None


def _person(typed: str, tenant_id: int | None) -> int | None:
    """Whose username or id it is."""
    if not typed:
        return None
    people = User.objects.all() if tenant_id is None else User.objects.of(tenant_id)
    found = people.filter(username=typed).values_list("pk", flat=True).first()
    if found is None and typed.isascii() and typed.isdigit() and len(typed) < 19:
        return int(typed)
    return found


def _filters_of(given: Mapping[str, Any], person: int | None) -> finding.Filters:
    def midnight(day: Any) -> datetime | None:
        return datetime.combine(day, time(), tzinfo=UTC) if day else None

    until = midnight(given.get("until"))
    return finding.Filters(
        status={"": None, NO_STATUS: ""}.get(given["status"], given["status"]),
        state=given["state"] or None,
        person=person,
        since=midnight(given.get("since")),
        until=until + timedelta(days=1) if until is not None else None,
    )


def _position(request: HttpRequest, name: str) -> Position | None:
    """Where a page begins, `{time}~{number}`; what is none is left out."""
    moment, _, number = request.GET.get(name, "").partition("~")
    try:
        return cursors.position_of(moment, int(number))
    except (ValueError, NotFound):
        return None


def _listed(request: HttpRequest, page: Page, companies: Mapping[int, str]) -> dict[str, Any]:
    people = User.objects.in_bulk({call["user_id"] for call in page.calls if call.get("user_id")})
    named = _status_names({call["tenant_id"] for call in page.calls})
    rows = [
        {
            "call": call,
            "address": reverse(f"admin:{PAGE_OF_ONE}", args=[call["tenant_id"], call["call_id"]]),
            "company": companies.get(call["tenant_id"], call["tenant_id"]),
            "person": people.get(call.get("user_id") or 0),
            "state": _STATE_WORDS.get(call["status"], call["status"]),
            "status": named.get(str(call.get("status_id")), ""),
            "duration": words.duration(call.get("duration") or 0.0),
        }
        for call in page.calls
    ]
    ends = [page.calls[0], page.calls[-1]] if page.calls else []
    return {
        "rows": rows,
        "newer": _address(request, "after", ends[0]) if ends and page.has_newer else None,
        "older": _address(request, "before", ends[1]) if ends and page.has_older else None,
    }


def _address(request: HttpRequest, name: str, at: Call) -> str:
    query = {key: value for key, value in request.GET.items() if key not in {"before", "after"}}
    position = f"{at['start_time'].isoformat()}~{at['id']}"
    return f"?{urlencode({**query, name: position})}"


def _status_names(tenant_ids: set[int]) -> dict[str, str]:
    rows = CallStatus.objects.filter(tenant__in=tenant_ids).values_list("pk", "name", "deleted")
    return {str(key): f"{name} (taken away)" if deleted else name for key, name, deleted in rows}


def _actor(user: User, tenant_id: int) -> User | Operator:
    """Who acts in that company: one of its people, or who runs the site."""
    if user.is_superuser:
        return Operator(user.pk, tenant_id)
    if user.tenant_id != tenant_id:
        raise Http404("There is no such call that you may see.")
    if not user.may("calls.read_all"):
        raise PermissionDenied
    return user


def _shown(request: HttpRequest, user: User, actor: User | Operator, found: Call) -> dict[str, Any]:
    tenant_id, call_id = found["tenant_id"], found["call_id"]
    session = AudioSession.objects.filter(tenant=tenant_id, call_id=call_id).first()
    notes, history = found.get("notes", []), found.get("history", [])
    involved = {found.get(name) for name in ("owner_id", "user_id", "assigned_to_id")}
    involved |= {one["by"] for one in (*notes, *history)}
    people = User.objects.in_bulk([person for person in involved if person])
    named = _status_names({tenant_id})
    said = found["conversation"]
    return {
        **admin.site.each_context(request),
        "title": f"Call {found['id']}",
        "call": found,
        "company": Tenant.objects.filter(pk=tenant_id).first(),
        "shows_company": user.is_superuser,
        "shows_words": not user.is_superuser,
        "duration": words.duration(found.get("duration") or 0.0),
        "state": _STATE_WORDS.get(found["status"], found["status"]),
        "status": named.get(str(found.get("status_id")), ""),
        "owner": people.get(found.get("owner_id") or 0),
        "user_of_call": people.get(found.get("user_id") or 0),
        "assignee": people.get(found.get("assigned_to_id") or 0),
        "suspicion": cast("dict[str, Any]", found.get("suspicion") or {}).get("score"),
        "session": session,
        "alike": finding.alike(found, most=MOST_ALIKE),
        "said": [{**one, "at": words.duration(one["start_time"])} for one in said[:MOST_SEGMENTS]],
        "segments": len(said),
        "notes": [{**one, "person": people.get(one["by"] or 0)} for one in notes],
        "history": [
            {
                **one,
                "person": people.get(one["by"] or 0),
                "what": one["act"].replace("_", " "),
                "moved": [named.get(str(one.get(end)), "none") for end in ("before", "after")]
                if one["act"] == "moved"
                else None,
            }
            for one in reversed(history)
        ],
        "statuses": statuses.of(tenant_id) if actor.may("calls.move") else [],
        "may_move": actor.may("calls.move"),
        "may_delete": actor.may("calls.delete"),
    }


def _acted(request: HttpRequest, actor: User | Operator, call_id: str) -> HttpResponse:
    user, action = cast("User", request.user), request.POST.get("action")
    if action == "move" and actor.may("calls.move"):
        return _moved(request, user, actor, call_id)
    if action == "delete" and actor.may("calls.delete"):
        return _deleted(request, user, actor, call_id)
    raise PermissionDenied


def _moved(request: HttpRequest, user: User, actor: User | Operator, call_id: str) -> HttpResponse:
    version = request.POST.get("version", "")
    seen = int(version) if version.isascii() and version.isdigit() and len(version) < 19 else -1
    try:
        board.move(actor, call_id, status_id=request.POST.get("status") or None, version=seen)
    except (UnknownCall, RetryableCallError):
        raise
    except CallError as refused:
        messages.error(request, refused.message)
    else:
        subject = f"call:{call_id}"
        acts.write("call.moved", actor=user, subject=subject, via="admin", tenant_id=actor.tenant_id)
        messages.success(request, "It has the other status now.")
    return redirect(f"admin:{PAGE_OF_ONE}", actor.tenant_id, call_id)


def _deleted(request: HttpRequest, user: User, actor: User | Operator, call_id: str) -> HttpResponse:
    if "confirmed" not in request.POST:
        found = conversations.read_call(actor, call_id)
        context = {**admin.site.each_context(request), "title": f"Delete call {found['id']}?", "call": found}
        return render(request, "admin/delete_call.html", context)
    editing.delete(actor, call_id)
    acts.write("call.deleted", actor=user, subject=f"call:{call_id}", via="admin", tenant_id=actor.tenant_id)
    messages.success(request, "The call is deleted.")
    return redirect(f"admin:{PAGE}")


cast("DeskSite", admin.site).add_page(route="calls/list/", view=calls, name=PAGE, title="Calls", of="Calls")
cast("DeskSite", admin.site).add_page(
    route="calls/list/<int:tenant_id>/<str:call_id>/", view=call, name=PAGE_OF_ONE, title="Call", of=None
)
