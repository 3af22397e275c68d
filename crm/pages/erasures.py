"""Requests to erase somebody: the list, whom it is to be, what would go, and how far one is."""

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from crm.erasure import certificates, requests, subjects
from crm.errors import DeskError, ErasureNotAllowed, ErasureOnHold, LastAdmin, UnknownErasure, UnknownSubject
from crm.models import ErasureRequest, ErasureState, PrivacyPolicy
from crm.models.privacy import ErasureRequestQuerySet
from crm.pages import DeskPage, made, picking, standings
from crm.pagination import NewestFirst
from crm.privacy_forms import EraseForm, SubjectForm
from metrics.errors import BadPersonKey

# Whoever types a name or has a page looked at again is doing one thing all that time.
SAME_ACT: timedelta = timedelta(minutes=5)
ON_A_PAGE = 50
OPEN, DUE = "open", "due"
# States with a filter of their own, when there is something in them; the others pass soon, or are chosen by address.
_OFFERED = (
    ErasureState.PENDING,
    ErasureState.BLOCKED,
    ErasureState.FAILED,
    ErasureState.COMPLETED,
    ErasureState.CANCELLED,
)


class _Paging(NewestFirst):
    ordering = ("-requested_at", "-pk")
    page_size = ON_A_PAGE

    def get_page_size(self, request: Request) -> int:
        return self.page_size


class ErasuresPage(DeskPage):
    capability: ClassVar = "privacy.read"
    audits: ClassVar = {"GET": "erasure.listed"}

    def get(self, request: HttpRequest) -> HttpResponse:
        now, policy = timezone.now(), PrivacyPolicy.of(self.tenant.pk)
        near = ErasureRequest.objects.of(self.tenant.pk).due_before(now + timedelta(days=policy.remind_days))
        chosen = request.GET.get("state", "")
        paging = _Paging()
        try:
            found = paging.paginate_queryset(self._found(chosen, near), Request(request)) or []
        except NotFound as unknown:
            raise Http404(str(unknown.detail)) from unknown
        shown = {
            "rows": [standings.standing_of(one, now=now, remind_days=policy.remind_days) for one in found],
            "filters": self._filters(chosen, near.count()),
            "chosen": chosen,
            "near": self._near(near, now, chosen),
            "newer": paging.get_previous_link(),
            "older": paging.get_next_link(),
            "may_erase": self.person.may("privacy.erase"),
        }
        return fresh(render(request, "crm/erasures.html", shown))

    def _found(self, chosen: str, near: ErasureRequestQuerySet) -> ErasureRequestQuerySet:
        ours = ErasureRequest.objects.of(self.tenant.pk)
        if chosen == DUE:
            return near
        if chosen == OPEN:
            ours = ours.open()
        elif chosen:
            ours = ours.filter(state=chosen) if chosen in ErasureState.values else ours.none()
        return ours.select_related("requested_by")

    def _filters(self, chosen: str, near: int) -> list[dict[str, Any]]:
        ours = ErasureRequest.objects.of(self.tenant.pk)
        by_state = dict(ours.order_by().values_list("state").annotate(Count("pk")))
        ended = by_state.get(ErasureState.COMPLETED, 0) + by_state.get(ErasureState.CANCELLED, 0)
        total = sum(by_state.values())
        offered = [("", "All", total), (OPEN, "Open", total - ended), (DUE, "Due soon", near)]
        offered += [
            (state.value, state.label, by_state.get(state, 0))
            for state in ErasureState
            if state in _OFFERED or state == chosen
        ]
        return [
            {"value": value, "label": label, "count": count, "is_chosen": value == chosen}
            for value, label, count in offered
            if total and (count or value in ("", OPEN, chosen))
        ]

    def _near(self, near: ErasureRequestQuerySet, now: datetime, chosen: str) -> dict[str, Any] | None:
        """What has to be brought to mind above the list, unless that is what it shows."""
        first = near.order_by("due_at").first()
        if first is None or chosen == DUE:
            return None
        return {"count": near.count(), "due": standings.due_words(first.due_at - now)}


class NewErasurePage(DeskPage):
    """Who is to be forgotten. The names found are written down as a list of contacts that was read."""

    capability: ClassVar = "privacy.erase"
    audits: ClassVar = {"GET": "contact.listed"}
    same_act_for: ClassVar = SAME_ACT

    def get(self, request: HttpRequest) -> HttpResponse:
        return fresh(render(request, "crm/new_erasure.html", picking.choices(request, self.tenant.pk)))


class PreviewErasurePage(DeskPage):
    """The dry run of whom the address names, and below it the form that has them erased."""

    capability: ClassVar = "privacy.erase"
    audits: ClassVar = {"GET": "erasure.previewed", "POST": "erasure.requested"}

    def get(self, request: HttpRequest) -> HttpResponse:
        named = SubjectForm(request.GET)
        asked = self._asked(named)
        return self._again(named) if asked is None else self._show(named, asked)

    def post(self, request: HttpRequest) -> HttpResponse:
        named = SubjectForm(request.POST)
        asked = self._asked(named)
        if asked is None:
            return self._again(named)
        form = EraseForm(request.POST, asked_for=typed_for(asked))
        if not form.is_valid():
            return self._show(named, asked, form)
        try:
            erasure = requests.ask(self.person, asked, reason=form.cleaned_data["reason"])
        except (LastAdmin, ErasureNotAllowed, ErasureOnHold) as refused:
            return self._show(named, asked, form, refused=refused.message)
        return made(redirect("erasure-page", request_id=erasure.pk), erasure.pk)

    def _asked(self, named: SubjectForm) -> subjects.Asked | None:
        """Whom the form names; None, with the reason in the form, for nobody."""
        if not named.is_valid():
            return None
        try:
            return subjects.asked_of(self.tenant.pk, **named.ids)
        except (UnknownSubject, BadPersonKey) as unknown:
            named.add_error(None, str(unknown))
            return None

    def _again(self, named: SubjectForm) -> HttpResponse:
        if named.data:
            messages.error(self.request, named.said_wrong)
        return redirect("new-erasure-page")

    def _show(
        self, named: SubjectForm, asked: subjects.Asked, form: EraseForm | None = None, *, refused: str = ""
    ) -> HttpResponse:
        preview = requests.preview(self.tenant.pk, asked)
        page = {
            "who": preview.subject_name,
            "rows": preview.rows,
            "found": sum(row["found"] for row in preview.rows),
            "holds": preview.holds,
            "named": named.ids,
            "form": form or EraseForm(asked_for=typed_for(asked)),
            "asked_for": typed_for(asked),
            "policy": PrivacyPolicy.of(self.tenant.pk),
            "is_oneself": asked.user_id == self.person.pk,
            "refused": refused,
        }
        return fresh(render(self.request, "crm/preview_erasure.html", page))


class _OnErasure(DeskPage):
    """One request's page as it stands after what was posted."""

    capability: ClassVar = "privacy.read"

    def erasure(self, request_id: Any) -> ErasureRequest:
        try:
            return requests.find(self.tenant.pk, request_id)
        except UnknownErasure as unknown:
            raise Http404(unknown.message) from unknown

    def shown(self, request_id: Any) -> dict[str, Any]:
        erasure, policy = self.erasure(request_id), PrivacyPolicy.of(self.tenant.pk)
        return {
            "standing": standings.standing_of(erasure, now=timezone.now(), remind_days=policy.remind_days),
            "erasure": erasure,
            "rows": standings.rows_of(erasure),
            "may_cancel": standings.may_cancel(erasure, self.person),
            "may_approve": standings.may_approve(erasure, self.person),
            "may_run_again": standings.may_run_again(erasure, self.person),
            "asked_oneself": erasure.requested_by_id == self.person.pk,
        }


class ErasurePage(_OnErasure):
    audits: ClassVar = {"GET": "erasure.read"}

    def get(self, request: HttpRequest, request_id: Any) -> HttpResponse:
        return fresh(render(request, "crm/erasure.html", self.shown(request_id)))


class ErasureStandingPage(_OnErasure):
    """How far it is, alone, for the page that keeps it fresh."""

    audits: ClassVar = {"GET": "erasure.read"}
    same_act_for: ClassVar = SAME_ACT

    def get(self, request: HttpRequest, request_id: Any) -> HttpResponse:
        return fresh(render(request, "crm/erasure_standing.html", self.shown(request_id)))


class CertificatePage(_OnErasure):
    audits: ClassVar = {"GET": "erasure.certificate_read"}

    def get(self, request: HttpRequest, request_id: Any) -> HttpResponse:
        erasure = self.erasure(request_id)
        document = certificates.certificate_of(erasure)
        if document is None:
            messages.error(request, "There is a certificate once the erasure is complete.")
            return redirect("erasure-page", request_id=erasure.pk)
        page = {
            "erasure": erasure,
            "said": document,
            "kind": erasure.get_kind_display(),
            "requested_at": parse_datetime(document["requested_at"]),
            "completed_at": parse_datetime(document["completed_at"]),
            "verified": certificates.verify(certificates.canonical(document)),
            "fingerprint": in_groups(certificates.fingerprint_of(document["public_key"])),
            "totals": standings.totals_of(document["stores"]),
        }
        return fresh(render(request, "crm/certificate.html", page))


class _ToErasure(_OnErasure, ABC):
    """Something that is done to a request. `done` is what is said once it is."""

    done: ClassVar[str]

    @abstractmethod
    def act(self, request_id: Any) -> object:
        """Raises UnknownErasure, ErasureNotAllowed, ErasureOnHold."""

    def get(self, request: HttpRequest, request_id: Any) -> HttpResponse:
        return redirect("erasure-page", request_id=self.erasure(request_id).pk)

    def post(self, request: HttpRequest, request_id: Any) -> HttpResponse:
        erasure = self.erasure(request_id)
        try:
            self.act(erasure.pk)
        except (ErasureNotAllowed, ErasureOnHold) as refused:
            return self._refused(refused)
        messages.success(request, self.done)
        return redirect("erasure-page", request_id=erasure.pk)

    def _refused(self, refused: DeskError) -> HttpResponse:
        """The page as it is, with why: nothing was done, so that no act is written down."""
        page = {**self.shown(self.kwargs["request_id"]), "refused": refused.message}
        return fresh(render(self.request, "crm/erasure.html", page))


class CancelErasure(_ToErasure):
    capability: ClassVar = "privacy.erase"
    audits: ClassVar = {"GET": "erasure.read", "POST": "erasure.cancelled"}
    done = "Cancelled. Nothing was erased."

    def act(self, request_id: Any) -> object:
        return requests.cancel(self.person, request_id)


class ApproveErasure(_ToErasure):
    capability: ClassVar = "privacy.approve"
    audits: ClassVar = {"GET": "erasure.read", "POST": "erasure.approved"}
    done = "Approved. It goes on by itself."

    def act(self, request_id: Any) -> object:
        return requests.approve(self.person, request_id)


class RunErasureAgain(_ToErasure):
    capability: ClassVar = "privacy.erase"
    audits: ClassVar = {"GET": "erasure.read", "POST": "erasure.run_again"}
    done = "It runs again."

    def act(self, request_id: Any) -> object:
        return requests.run_again(self.person, request_id)


def typed_for(asked: subjects.Asked) -> str:
    """The id that has to be typed before somebody is erased."""
    if asked.user_id is not None:
        return str(asked.user_id)
    return asked.external_user_id or str(asked.contact_id)


def in_groups(digits: str) -> str:
    """Hexadecimal digits as people compare them: by fours."""
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def fresh(response: HttpResponse) -> HttpResponse:
    """Whoever goes back to it sees it as it is by then, and a shared machine keeps nobody's name."""
    add_never_cache_headers(response)
    return response
