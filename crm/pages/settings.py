"""The company's settings: its name, and each app's policy."""

from typing import Any, ClassVar

from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from crm import policies
from crm.errors import CompanyNameTaken
from crm.forms import CompanyForm, policy_form
from crm.pages import DeskPage


class SettingsPage(DeskPage):
    capability: ClassVar = "settings.manage"
    audits: ClassVar = {"GET": "settings.read", "POST": "settings.changed"}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._show(self._forms(None))

    def post(self, request: HttpRequest) -> HttpResponse:
        forms = self._forms(request.POST)
        # Each is looked at, so that all that is wrong is said at once.
        if [form for form in forms.values() if not form.is_valid()]:
            return self._show(forms)
        try:
            policies.write(self.tenant, {name: form.cleaned_data for name, form in forms.items()})
        except CompanyNameTaken as taken:
            forms["company"].add_error("name", taken.message)
            return self._show(forms)
        messages.success(request, "Saved. The settings hold from now on.")
        return redirect("settings-page")

    def _forms(self, given: Any) -> dict[str, Any]:
        rows = policies.read_all(self.tenant)
        forms: dict[str, BaseForm] = {
            "company": CompanyForm(given, initial={"name": rows["company"].name}, prefix="company")
        }
        for policy in policies.POLICIES:
            forms[policy.name] = policy_form(policy)(given, instance=rows[policy.name], prefix=policy.name)
        return forms

    def _show(self, forms: dict[str, Any]) -> HttpResponse:
        sections = [
            {
                "policy": policy,
                "form": forms[policy.name],
                "groups": [
                    {"title": group.title, "fields": [forms[policy.name][field] for field in group.fields]}
                    for group in policy.groups
                ],
            }
            for policy in policies.POLICIES
        ]
        page = {"company_form": forms["company"], "sections": sections}
        return render(self.request, "crm/settings.html", page)
