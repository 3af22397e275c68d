"""For how long what is kept: four rows, what would go tonight, and other rules, shown before they hold."""

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers

from crm import retention
from crm.models import RetentionKind, RetentionPolicy
from crm.pages import DeskPage

# What goes with each kind, in a sentence.
_ABOUT = {
    RetentionKind.AUDIO: "What can be played. The transcript stays when it goes.",
    RetentionKind.TRANSCRIPTS: "The whole call: what was said, notes, flags, and its sound.",
    RetentionKind.METRICS: "Hours and days of measured work, in the archive too.",
    RetentionKind.LOGS: "Who did what. That there were entries, and how many, stays provable.",
}
_ICONS = {
    RetentionKind.AUDIO: "recordings",
    RetentionKind.TRANSCRIPTS: "board",
    RetentionKind.METRICS: "metrics",
    RetentionKind.LOGS: "list",
}


class RetentionForm(forms.ModelForm[RetentionPolicy]):
    class Meta:
        model = RetentionPolicy
        fields = ("audio_days", "transcripts_days", "metrics_days", "logs_days")
        labels: ClassVar = {f"{kind.value}_days": kind.label for kind in RetentionKind}


class RetentionPage(DeskPage):
    capability: ClassVar = "retention.manage"
    audits: ClassVar = {"GET": "retention.read"}

    def get(self, request: HttpRequest) -> HttpResponse:
        runs = retention.last_run_of(self.tenant.pk)
        rows = [
            {**_shown(row), "run": runs.get(row.kind.value), "ran": runs.get(row.kind.value) and row.unit}
            for row in retention.report(self.tenant.pk)
        ]
        return _fresh(render(request, "crm/retention.html", {"rows": rows}))


class ChangeRetention(DeskPage):
    """Other rules: asked for, then shown with what they would remove, and stored when somebody has seen that."""

    capability: ClassVar = "retention.manage"
    audits: ClassVar = {"GET": None, "POST": "retention.changed"}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._ask(RetentionForm(instance=RetentionPolicy.of(self.tenant.pk)))

    def post(self, request: HttpRequest) -> HttpResponse:
        now = RetentionPolicy.of(self.tenant.pk)
        form = RetentionForm(request.POST, instance=RetentionPolicy.of(self.tenant.pk))
        if not form.is_valid():
            return self._ask(form)
        then = retention.changed(now, form.cleaned_data)
        if "seen" not in request.POST:
            return self._show(form, now, then)
        retention.change(self.tenant, form.cleaned_data)
        messages.success(request, "Saved. What is older by then goes tonight.")
        return redirect("retention-page")

    def _ask(self, form: RetentionForm) -> HttpResponse:
        fields = [{"field": form[f"{kind.value}_days"], "about": _ABOUT[kind]} for kind in RetentionKind]
        return _fresh(render(self.request, "crm/change_retention.html", {"form": form, "fields": fields}))

    def _show(self, form: RetentionForm, now: RetentionPolicy, then: RetentionPolicy) -> HttpResponse:
        shorter = retention.shortened(now, then)
        rows = [
            {**_shown(row), "was": now.days_of(row.kind), "is_shorter": row.kind in shorter}
            for row in retention.report(self.tenant.pk, then)
        ]
        shown = {"form": form, "rows": rows, "shorter": shorter, "going": sum(row["going"] for row in rows)}
        return _fresh(render(self.request, "crm/new_retention.html", shown))


def _shown(row: retention.Row) -> dict[str, Any]:
    return {
        "kind": row.kind.value,
        "name": row.kind.label,
        "about": _ABOUT[row.kind],
        "icon": _ICONS[row.kind],
        "days": row.days,
        "going": row.going,
        "held": row.held,
        "oldest": row.oldest,
        "going_unit": row.unit.one if row.going == 1 else row.unit.many,
        "held_unit": row.unit.one if row.held == 1 else row.unit.many,
        "unit": row.unit,
    }


def _fresh(response: HttpResponse) -> HttpResponse:
    add_never_cache_headers(response)
    return response
