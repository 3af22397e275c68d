"""Erasures, holds, exports and what retention removed, to be looked at; whom they are about is for the privacy role."""

from django.contrib import admin

from crm.admin.scoping import TenantScoped
from crm.models import ErasureRequest, LegalHold, PersonExport, RetentionRun


@admin.register(ErasureRequest)
class ErasureRequestAdmin(TenantScoped):
    kind = "erasure"
    tenant_path = "tenant"
    list_display = ("__str__", "tenant", "kind_of_subject", "state", "requested_at", "due_at", "ended_at", "attempts")
    list_select_related = ("tenant",)
    list_filter = ("state", "kind", "is_replay")
    lookups = frozenset({"state__exact", "kind__exact", "is_replay__exact"})
    ordering = ("-requested_at", "-pk")
    exclude = ("subject", "subject_name", "reason", "plan")

    @admin.display(description="About")
    def kind_of_subject(self, request: ErasureRequest) -> str:
        return request.get_kind_display()


@admin.register(LegalHold)
class LegalHoldAdmin(TenantScoped):
    kind = "hold"
    tenant_path = "tenant"
    list_display = ("__str__", "tenant", "kind_of_subject", "placed_at", "placed_by", "lifted_at")
    list_select_related = ("tenant", "placed_by")
    list_filter = ("kind", ("lifted_at", admin.EmptyFieldListFilter))
    lookups = frozenset({"kind__exact", "lifted_at__isempty"})
    ordering = ("-placed_at", "-pk")
    exclude = ("user_id", "contact_id", "platform", "external_user_id", "call_id", "reason")

    @admin.display(description="On")
    def kind_of_subject(self, hold: LegalHold) -> str:
        return hold.get_kind_display()


@admin.register(PersonExport)
class PersonExportAdmin(TenantScoped):
    kind = "person_export"
    tenant_path = "tenant"
    list_display = ("__str__", "tenant", "kind_of_subject", "state", "requested_at", "ready_at", "expires_at")
    list_select_related = ("tenant",)
    list_filter = ("state", "kind")
    lookups = frozenset({"state__exact", "kind__exact"})
    ordering = ("-requested_at", "-pk")
    exclude = ("subject", "subject_name")

    @admin.display(description="About")
    def kind_of_subject(self, export: PersonExport) -> str:
        return export.get_kind_display()


@admin.register(RetentionRun)
class RetentionRunAdmin(TenantScoped):
    kind = "retention"
    tenant_path = "tenant"
    list_display = ("__str__", "tenant", "removed", "held", "at")
    list_select_related = ("tenant",)
    list_filter = ("kind",)
    lookups = frozenset({"kind__exact"})
    ordering = ("-at", "-pk")
