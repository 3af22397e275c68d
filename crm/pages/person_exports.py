"""Exports of people: their list, which keeps itself fresh while one is made, and the form that asks for one."""

import uuid
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from crm.api.person_exports import NewestExportsFirst
from crm.erasure import subjects
from crm.errors import UnknownExport, UnknownSubject
from crm.models import PersonExport, PrivacyPolicy, SubjectKind, User
from crm.pages import DeskPage
from crm.person_export_forms import PersonExportForm
from crm.person_exports import requests

ON_A_PAGE = 50


class _Paging(NewestExportsFirst):
    page_size = ON_A_PAGE

    def get_page_size(self, request: Request) -> int:
        return self.page_size


class PersonExportsPage(DeskPage):
    capability: ClassVar = "privacy.export"
    audits: ClassVar = {"GET": "person_export.listed"}
    # It reads itself again while one is made.
    same_act_for = timedelta(minutes=10)

    def get(self, request: HttpRequest) -> HttpResponse:
        paging = _Paging()
        found = PersonExport.objects.of(self.tenant.pk).select_related("requested_by")
        try:
            page = paging.paginate_queryset(found, Request(request)) or []
        except NotFound as unknown:
            raise Http404(str(unknown.detail)) from unknown
        shown = {
            "exports": page,
            "days": PrivacyPolicy.of(self.tenant.pk).export_days,
            "newer": paging.get_previous_link(),
            "older": paging.get_next_link(),
        }
        return _fresh(render(request, "crm/person_exports.html", shown))


class NewPersonExportPage(DeskPage):
    capability: ClassVar = "privacy.export"
    audits: ClassVar = {"GET": None, "POST": "person_export.requested"}

    def get(self, request: HttpRequest) -> HttpResponse:
        # Pages of a person or a contact lead here with their id.
        asked = {name: request.GET[name] for name in ("user_id", "contact_id") if request.GET.get(name, "").isdigit()}
        kind = SubjectKind.CONTACT if "contact_id" in asked else SubjectKind.USER
        return self._ask(PersonExportForm(initial={"kind": kind, **asked}, colleagues=self._colleagues()))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = PersonExportForm(request.POST, colleagues=self._colleagues())
        if not form.is_valid():
            return self._ask(form)
        try:
            asked = subjects.asked_of(self.tenant.pk, **form.asked())
            export = requests.ask(self.person, asked, includes_others=form.cleaned_data["includes_others"])
        except UnknownSubject as unknown:
            form.add_error(list(form.asked())[-1], unknown.message)
            return self._ask(form)
        messages.success(request, "Asked for. It can be fetched here once it is ready.")
        answer = redirect("person-exports-page")
        answer.data = {"id": export.pk}  # type: ignore[attr-defined]
        return answer

    def _ask(self, form: PersonExportForm) -> HttpResponse:
        shown = {"form": form, "days": PrivacyPolicy.of(self.tenant.pk).export_days}
        return _fresh(render(self.request, "crm/new_person_export.html", shown))

    def _colleagues(self) -> list[tuple[int, str]]:
        people = User.objects.of(self.tenant.pk).order_by("first_name", "last_name", "username")
        return [(person.pk, f"{person} ({person.username})" if person.name else str(person)) for person in people]


class RemovePersonExport(DeskPage):
    capability: ClassVar = "privacy.export"
    audits: ClassVar = {"GET": None, "POST": "person_export.removed"}

    def get(self, request: HttpRequest, **_: Any) -> HttpResponse:
        return redirect("person-exports-page")

    def post(self, request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
        try:
            requests.remove(self.tenant.pk, export_id)
        except UnknownExport as unknown:
            raise Http404(unknown.message) from unknown
        messages.success(request, "Removed. Its entry names nobody any more.")
        return redirect("person-exports-page")


def _fresh(response: HttpResponse) -> HttpResponse:
    """Whoever goes back to it sees it as it is by then, and a shared machine keeps nobody's name."""
    add_never_cache_headers(response)
    return response
