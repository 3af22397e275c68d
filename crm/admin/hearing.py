from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from audio.models import SuspicionRule
from crm.admin.scoping import TenantScoped
from crm.api.asking import tenant_of


@admin.register(SuspicionRule)
class SuspicionRuleAdmin(TenantScoped):
    """What deserves a second look at a company. For its own staff: a superuser has no company."""

    kind = "suspicion_rule"
    tenant_path = "tenant"
    list_display = ("name", "kind", "is_on", "weight", "threshold")
    list_filter = ("kind", "is_on")
    lookups = frozenset({"kind__exact", "is_on__exact"})
    search_fields = ("name",)
    search_help_text = "A part of a rule's name"
    fields = ("name", "kind", "is_on", "weight", "threshold", "phrases")

    def searched(self, request: HttpRequest, rows: QuerySet[SuspicionRule], term: str) -> QuerySet[SuspicionRule]:
        return rows.filter(name__icontains=term[:80])

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) and not request.user.is_superuser

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request) and request.user.may("settings.manage")  # type: ignore[union-attr]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:  # noqa: FBT001, FBT002
        """The company is whoever asks: a name that it has already is then found by the form."""
        form = super().get_form(request, obj, change, **options)

        class OfCompany(form):  # type: ignore[misc,valid-type]
            def __init__(self, *args: Any, **values: Any) -> None:
                super().__init__(*args, **values)
                self.instance.tenant = tenant_of(request)

            def _get_validation_exclusions(self) -> set[str]:
                return set(super()._get_validation_exclusions()) - {"tenant"}

        return OfCompany

    def save_model(self, request: HttpRequest, obj: SuspicionRule, form: ModelForm[Any], change: bool) -> None:  # noqa: FBT001
        obj.tenant = tenant_of(request)
        super().save_model(request, obj, form, change)
