"""Legal holds: the list, placing one and lifting it."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from crm.erasure import holds, subjects
from crm.errors import UnknownHold, UnknownSubject
from crm.models import Contact, HoldKind, LegalHold, User
from crm.pages import DeskPage, made, picking
from crm.pages.erasures import SAME_ACT, fresh
from crm.pagination import NewestFirst
from crm.privacy_forms import HoldForm, HoldSubjectForm
from metrics.errors import BadPersonKey

ON_A_PAGE = 50
LIFTED = "lifted"


class _Paging(NewestFirst):
    ordering = ("-placed_at", "-pk")
    page_size = ON_A_PAGE

    def get_page_size(self, request: Request) -> int:
        return self.page_size


class HoldsPage(DeskPage):
    capability: ClassVar = "privacy.read"
    audits: ClassVar = {"GET": "hold.listed"}

    def get(self, request: HttpRequest) -> HttpResponse:
        ours = LegalHold.objects.of(self.tenant.pk)
        standing, total = ours.standing().count(), ours.count()
        chosen = LIFTED if request.GET.get("state") == LIFTED else ""
        found = ours.filter(lifted_at__isnull=not chosen).select_related("placed_by", "lifted_by")
        paging = _Paging()
        try:
            page = paging.paginate_queryset(found, Request(request)) or []
        except NotFound as unknown:
            raise Http404(str(unknown.detail)) from unknown
        shown = {
            "rows": with_names(self.tenant.pk, page),
            "filters": [
                {"value": "", "label": "In force", "count": standing, "is_chosen": not chosen},
                {"value": LIFTED, "label": "Lifted", "count": total - standing, "is_chosen": bool(chosen)},
            ],
            "chosen": chosen,
            "total": total,
            "newer": paging.get_previous_link(),
            "older": paging.get_next_link(),
            "may_hold": self.person.may("privacy.hold"),
        }
        return fresh(render(request, "crm/holds.html", shown))


class NewHoldPage(DeskPage):
    """Whom or what a hold is to be on; then, once the address names it, why."""

    capability: ClassVar = "privacy.hold"
    audits: ClassVar = {"GET": "contact.listed", "POST": "hold.placed"}
    same_act_for: ClassVar = SAME_ACT

    def get(self, request: HttpRequest) -> HttpResponse:
        named = HoldSubjectForm(request.GET)
        if not any(name in request.GET for name in named.fields):
            return self._pick()
        return self._show(named, HoldForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        named, form = HoldSubjectForm(request.POST), HoldForm(request.POST)
        if not named.is_valid() or not form.is_valid():
            return self._show(named, form)
        try:
            hold = holds.place(self.person, named.kind, **named.ids, **form.cleaned_data)
        except (UnknownSubject, BadPersonKey) as unknown:
            return self._pick(str(unknown))
        messages.success(request, "Placed. Nothing of this is removed until it is lifted.")
        return made(redirect("holds-page"), hold.pk)

    def _pick(self, refused: str = "") -> HttpResponse:
        page = {**picking.choices(self.request, self.tenant.pk), "refused": refused}
        return fresh(render(self.request, "crm/pick_for_hold.html", page))

    def _show(self, named: HoldSubjectForm, form: HoldForm) -> HttpResponse:
        if not named.is_valid():
            return self._pick(named.said_wrong)
        try:
            who = self._name(named)
        except (UnknownSubject, BadPersonKey) as unknown:
            return self._pick(str(unknown))
        page = {"who": who, "named": named.ids, "is_call": named.kind == HoldKind.CALL, "form": form}
        return fresh(render(self.request, "crm/new_hold.html", page))

    def _name(self, named: HoldSubjectForm) -> str:
        if named.kind == HoldKind.CALL:
            return f"Call {named.ids['call_id']}"
        return subjects.name_of(self.tenant.pk, subjects.asked_of(self.tenant.pk, **named.ids))


class LiftHold(DeskPage):
    capability: ClassVar = "privacy.hold"
    audits: ClassVar = {"GET": None, "POST": "hold.lifted"}

    def get(self, request: HttpRequest, hold_id: int) -> HttpResponse:
        return redirect("holds-page")

    def post(self, request: HttpRequest, hold_id: int) -> HttpResponse:
        try:
            holds.lift(self.person, hold_id)
        except UnknownHold as unknown:
            raise Http404(unknown.message) from unknown
        messages.success(request, "Lifted. What it kept waiting goes on by itself.")
        return redirect("holds-page")


def with_names(tenant_id: int, found: list[LegalHold]) -> list[dict[str, Any]]:
    """Each hold with the name of what it is on; two queries for all of them."""
    people = User.objects.of(tenant_id).in_bulk({hold.user_id for hold in found if hold.user_id})
    contacts = Contact.objects.of(tenant_id).in_bulk({hold.contact_id for hold in found if hold.contact_id})
    return [{"hold": hold, "on": _name_of(hold, people, contacts)} for hold in found]


def _name_of(hold: LegalHold, people: dict[int, User], contacts: dict[int, Contact]) -> str:
    if hold.user_id is not None:
        return str(people.get(hold.user_id) or f"Colleague {hold.user_id}")
    if hold.contact_id is not None:
        return str(contacts.get(hold.contact_id) or f"Contact {hold.contact_id}")
    return hold.call_id or f"{hold.external_user_id} on {hold.platform}"
