"""The statuses of the company's calls: what the columns of its board are called, their colours and their order."""

from http import HTTPStatus
from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers

from calls import board, statuses
from calls.errors import StatusInUse, StatusNameTaken, UnknownStatus
from calls.models import CallStatus
from crm.forms import JUST_REMOVED, RemoveStatusForm, StatusForm
from crm.pages import DeskPage, made

_JUST_GONE = "Somebody else has removed this status. Nothing was changed."


class _AboutStatuses(DeskPage):
    capability: ClassVar = "settings.manage"

    def listed(self, *, refused: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
        counts = board.counts(self.tenant.pk)
        rows = [(status, counts.get(str(status.pk), 0)) for status in statuses.of(self.tenant.pk)]
        page = {
            "rows": rows,
            "without_status": max(0, sum(counts.values()) - sum(total for _, total in rows)),
            "is_full": len(rows) >= statuses.MOST,
            "refused": refused,
        }
        response = render(self.request, "crm/statuses.html", page, status=status)
        # Whoever goes back to it would otherwise see the order from before.
        add_never_cache_headers(response)
        return response


class StatusesPage(_AboutStatuses):
    audits: ClassVar = None

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.listed()


class OrderStatuses(_AboutStatuses):
    """One step up or down, for whoever has no script; with one, the page sends the whole order over REST."""

    audits: ClassVar = {"GET": None, "POST": "status.ordered"}

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("statuses-page")

    def post(self, request: HttpRequest) -> HttpResponse:
        order = [status.pk for status in statuses.of(self.tenant.pk)]
        (name, step) = ("up", -1) if "up" in request.POST else ("down", 1)
        given = request.POST.get(name, "")
        status_id = int(given) if given.isascii() and given.isdigit() and len(given) < 20 else 0
        if status_id not in order:
            return self.listed(refused=_JUST_GONE, status=HTTPStatus.CONFLICT)
        at = order.index(status_id)
        to = min(max(at + step, 0), len(order) - 1)
        order[at], order[to] = order[to], order[at]
        try:
            statuses.put_in_order(self.tenant.pk, order)
        except UnknownStatus:
            return self.listed(refused=_JUST_GONE, status=HTTPStatus.CONFLICT)
        return redirect("statuses-page")


class NewStatusPage(_AboutStatuses):
    audits: ClassVar = {"GET": None, "POST": "status.made"}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._ask(StatusForm.for_new(count=len(statuses.of(self.tenant.pk))))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = StatusForm(request.POST)
        if not form.is_valid():
            return self._ask(form)
        try:
            status = statuses.create(self.tenant.pk, form.values)
        except StatusNameTaken as taken:
            form.add_error("name", taken.message)
            return self._ask(form)
        except StatusInUse as full:
            form.add_error(None, full.message)
            return self._ask(form)
        messages.success(request, f"{status.name} is the last column of the board now.")
        return made(redirect("statuses-page"), status.pk)

    def _ask(self, form: StatusForm) -> HttpResponse:
        return render(self.request, "crm/new_status.html", {"form": form})


class _OnStatus(_AboutStatuses):
    """One status' page as it stands after what was posted."""

    status: CallStatus

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.status = statuses.find(self.tenant.pk, kwargs["status_id"])
        except UnknownStatus as unknown:
            if not statuses.was_removed(self.tenant.pk, kwargs["status_id"]):
                raise Http404(unknown.message) from unknown
            return self.gone()
        return super().dispatch(request, *args, **kwargs)

    def gone(self) -> HttpResponse:
        return self.listed(refused=_JUST_GONE, status=HTTPStatus.GONE)

    def show(self, **shown: Any) -> HttpResponse:
        theirs = statuses.of(self.tenant.pk)
        page = {
            "status": self.status,
            "total_calls": board.counts(self.tenant.pk).get(str(self.status.pk), 0),
            "form": StatusForm.about(self.status),
            "remove_form": RemoveStatusForm(others=[one for one in theirs if one.pk != self.status.pk]),
            **shown,
        }
        response = render(self.request, "crm/status.html", page)
        add_never_cache_headers(response)
        return response


class StatusPage(_OnStatus):
    audits: ClassVar = {"GET": None, "POST": "status.changed"}

    def get(self, request: HttpRequest, status_id: int) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest, status_id: int) -> HttpResponse:
        form = StatusForm(request.POST)
        if not form.is_valid():
            return self.show(form=form)
        try:
            statuses.change(self.tenant.pk, status_id, form.values)
        except StatusNameTaken as taken:
            form.add_error("name", taken.message)
            return self.show(form=form)
        except UnknownStatus:
            return self.gone()
        messages.success(request, "Saved. The board shows it at once.")
        return redirect("statuses-page")


class RemoveStatus(_OnStatus):
    audits: ClassVar = {"GET": None, "POST": "status.removed"}

    def get(self, request: HttpRequest, status_id: int) -> HttpResponse:
        return redirect("status-page", status_id=status_id)

    def post(self, request: HttpRequest, status_id: int) -> HttpResponse:
        others = [one for one in statuses.of(self.tenant.pk) if one.pk != self.status.pk]
        form = RemoveStatusForm(request.POST, others=others)
        if not form.is_valid():
            return self.show(remove_form=form)
        try:
            moved = statuses.remove(self.person, status_id, move_calls_to=form.cleaned_data["move_calls_to"])
        except StatusInUse as refused:
            form.add_error("move_calls_to", refused.message)
            return self.show(remove_form=form)
        except UnknownStatus:
            if statuses.was_removed(self.tenant.pk, status_id):
                return self.gone()
            form.add_error("move_calls_to", JUST_REMOVED)
            return self.show(remove_form=form)
        told = f" {moved} call{'s have' if moved != 1 else ' has'} moved." if moved else ""
        messages.success(request, f"{self.status.name} is removed.{told}")
        return redirect("statuses-page")
